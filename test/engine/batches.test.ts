/** Calls of one turn of the event loop that run as one script. */
import { ReplyError } from 'ioredis';
import { createBatches } from '../../src/engine/redis/batches.ts';
import type { RunScript } from '../../src/engine/redis/scripts.ts';
import { unavailable } from '../../src/errors.ts';
import fc from '../support/fast-check.ts';

interface Ran {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args: readonly unknown[];
}

/** Runs batches on a script that answers each item with its key and argument, or fails. */
function openBatches(isOneServer: boolean, fails: (ran: Ran) => Error | null = () => null) {
  const runs: Ran[] = [];
  const run: RunScript = async (name, keys, args) => {
    const ran = { name, keys, args };
    runs.push(ran);
    const error = fails(ran);
    if (error) throw error;
    return keys.map((key, index) => `${key}=${args[args.length - keys.length + index]}`);
  };
  return { runs, runOne: createBatches(run, isOneServer) };
}

const sizes = (runs: readonly Ran[]): number[] => runs.map(({ keys }) => keys.length);
const OUTAGE = (): Error => unavailable(Object.assign(new Error('closed'), { code: 'ECONNREFUSED' }));
const REPLY = (text = 'WRONGTYPE of another kind'): Error => unavailable(new ReplyError(text));

it('calls of one turn are one run, each with its own answer; those of the next turn are another', async () => {
  const { runs, runOne } = openBatches(true);
  const first = Promise.all(['a', 'b', 'c'].map((key) => runOne('read-members', [key], [key.toUpperCase()])));
  expect(await first).toEqual(['a=A', 'b=B', 'c=C']);
  expect(await runOne('read-members', ['d'], ['D'])).toBe('d=D');
  expect(runs).toEqual([
    { name: 'read-members', keys: ['a', 'b', 'c'], args: ['A', 'B', 'C'] },
    { name: 'read-members', keys: ['d'], args: ['D'] },
  ]);
});

it('a run has no more items than may block the server, whatever their number', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 350 }), async (count) => {
    const { runs, runOne } = openBatches(true);
    const keys = Array.from({ length: count }, (_, n) => `k${n}`);
    const answers = await Promise.all(keys.map((key) => runOne('read-members', [key], [key])));
    expect(answers).toEqual(keys.map((key) => `${key}=${key}`));
    const expected = Array.from({ length: Math.ceil(count / 100) }, (_, n) => Math.min(100, count - 100 * n));
    expect(sizes(runs)).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 20, examples: [[99], [100], [101], [200]] });
  const { runs, runOne } = openBatches(true);
  await Promise.all(Array.from({ length: 17 }, (_, n) => runOne('advance-lists', [`k${n}`], [n])));
  expect(sizes(runs)).toEqual([8, 8, 1]);
});

it('on a cluster only keys of one slot are in one run; on one server all are', async () => {
  const keys = ['{one}:a', '{one}:b', '{two}:a', '{one}:c'];
  for (const [isOneServer, expected] of [
    [false, [3, 1]],
    [true, [4]],
  ] as const) {
    const { runs, runOne } = openBatches(isOneServer);
    const answers = await Promise.all(keys.map((key) => runOne('read-members', [key], [0])));
    expect(answers).toEqual(keys.map((key) => `${key}=0`));
    expect(sizes(runs)).toEqual(expected);
  }
});

it('calls with other arguments in common are another run, which has them once', async () => {
  const { runs, runOne } = openBatches(true);
  await Promise.all([
    runOne('read-typing', ['a'], [1], ['shared']),
    runOne('read-typing', ['b'], [2], ['other']),
    runOne('read-typing', ['c'], [3], ['shared']),
  ]);
  expect(runs.map(({ keys, args }) => [keys, args])).toEqual([
    [
      ['a', 'c'],
      ['shared', 1, 3],
    ],
    [['b'], ['other', 2]],
  ]);
});

it('marks are read before the states of the same turn, each once', async () => {
  const { runs, runOne } = openBatches(true);
  await Promise.all([runOne('read-members', ['state'], [0]), runOne('read-marks', ['mark'], [0])]);
  expect(runs.map(({ name }) => name)).toEqual(['read-marks', 'read-members']);
});

it('an item without an answer has null', async () => {
  const runOne = createBatches(async () => ['only one'], true);
  expect(await Promise.all([runOne('read-members', ['a']), runOne('read-members', ['b'])])).toEqual(['only one', null]);
});

it('one damaged key fails alone: after an error reply each item runs again by itself', async () => {
  const { runs, runOne } = openBatches(true, ({ keys }) => (keys.includes('bad') ? REPLY() : null));
  const asked = ['a', 'bad', 'c'].map((key) => runOne('read-members', [key], [1]));
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(sizes(runs)).toEqual([3, 1, 1, 1]);
});

it('after an outage, or a failure of this process, nothing runs again', async () => {
  for (const error of [OUTAGE(), REPLY('READONLY it is a replica'), new TypeError('a fault')]) {
    const { runs, runOne } = openBatches(true, () => error);
    const outcomes = await Promise.allSettled(['a', 'b'].map((key) => runOne('read-members', [key])));
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([error, error]);
    expect(sizes(runs)).toEqual([2]);
  }
});
