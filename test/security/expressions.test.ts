/** The expressions of one tenant do not affect those of another, however they behave. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ExpressionRequest } from '../../src/domain/routing.ts';
import { type ClosableExpressions, createExpressions } from '../../src/expressions/expressions.ts';
import { FUNCTIONS } from '../../src/expressions/value-caps.ts';
import { FairQueue } from '../../src/fair-queue.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { IS_FULL } from '../faults/settings.ts';
import { eventually } from '../support/eventually.ts';

const HANGS = '$match(content, /^(a+)+$/)';
const HARD = `${'a'.repeat(40)}!`;
const NEVER_MS = 2_000_000;
/** Long enough for whatever does not hang, on a machine that is busy. */
const SLICE_MS = 2_000;

/** Expressions that take too much, each in a way of its own: a source, and the content it is given. */
const TOO_MUCH: readonly (readonly [string, string, string])[] = [
  ['hangs', HANGS, HARD],
  ['eats memory', '$map([1..10000], function($v) { $pad("", 100000, $string($v)) })', ''],
  // One value larger than the heap: it ended the service when expressions ran in a thread of it.
  ['makes one large text', '$length($pad("x", 300000000))', ''],
  // V8 lets the first large value past the limit of the heap: on a fast machine these were evaluated.
  ['makes one large list', '$count($split($pad("x", 30000000), ""))', ''],
];
/** More ways to make one large value. Each ends a process and starts the next: they are for the full tests. */
const MORE_TOO_MUCH: typeof TOO_MUCH = [
  [
    'doubles a list',
    '$count($reduce([1..12], function($a, $_) { $append($a, $a) }, $split($pad("x", 99999), "")))',
    '',
  ],
  ['makes one large number', '$formatNumber(1, "#" & $pad("0", 100000000, "0"))', ''],
  ['makes large texts in a list', '$count($map([99999999], $pad("x", ?)))', ''],
  ['grows the text in a list', `$count(${'$map('.repeat(3)}[$pad("%", 999999, "%")]${', $encodeUrl)'.repeat(3)})`, ''],
  ['joins to one large text', '($s := $pad("x", 999999); $length($join($map([1..400], function() { $s }))))', ''],
  ['replaces to one large text', '($s := $pad("", 2000, "x"); $length($replace($s, "x", $s)))', ''],
  ['writes down one large text', '($s := $pad("x", 9999); $length($string($map([1..9999], function() { $s }))))', ''],
  ['appends one large text', '($s := $pad("x", 9999); $length("" & $map([1..9999], function() { $s })))', ''],
];

describe('expressions of several tenants', () => {
  const times = { limitMs: NEVER_MS, sliceMs: SLICE_MS };
  let expressions: ClosableExpressions;
  beforeEach(() => {
    times.limitMs = NEVER_MS;
    times.sliceMs = SLICE_MS;
    expressions = createExpressions(times);
  });
  afterEach(() => expressions.close());

  const request = (tenant: string, source: string, content = '', isDryRun = false): ExpressionRequest => ({
    tenant: tenant as TenantId,
    source,
    input: { content },
    isDryRun,
  });
  const evaluate = (...args: Parameters<typeof request>): Promise<unknown> => expressions.evaluate(request(...args));

  /** An evaluation and whether it is over. */
  function watched(work: Promise<unknown>): { isOver: boolean; end: Promise<string> } {
    const state = { isOver: false, end: Promise.resolve('') };
    state.end = work
      .then(String, (error: Error) => error.name)
      .finally(() => {
        state.isOver = true;
      });
    return state;
  }

  it('other tenants’ expressions are evaluated while one hangs and more of its tenant wait', async () => {
    const hanging = Array.from({ length: 20 }, (_, n) => watched(evaluate('a', n % 2 ? HANGS : `${HANGS} `, HARD)));
    for (let n = 0; n < 50; n += 1) expect(await evaluate('b', `${n} + 1`)).toBe(n + 1);
    expect(hanging.map(({ isOver }) => isOver)).toEqual(hanging.map(() => false));
  });

  it('a tenant whose expression overran shares a process with its kind, which leaves one to the others', async () => {
    expect(await evaluate('b', '1')).toBe(1);
    times.limitMs = 1;
    await expect(evaluate('a', HANGS, HARD)).rejects.toThrow('longer than');
    times.limitMs = NEVER_MS;
    const suspect = watched(evaluate('a', HANGS, HARD));
    const fresh = watched(evaluate('c', HANGS, HARD));
    for (let n = 0; n < 50; n += 1) expect(await evaluate('b', `${n}`)).toBe(n);
    expect([suspect.isOver, fresh.isOver]).toEqual([false, false]);
  });

  it('G18: any number of tenants whose expressions first hang delay another by a slice only', async () => {
    expect(await evaluate('b', 'content', 'x')).toBe('x');
    const hanging = Array.from({ length: 6 }, (_, n) => watched(evaluate(`a${n}`, HANGS, HARD)));
    for (let n = 0; n < 50; n += 1) expect(await evaluate('b', 'content', 'x')).toBe('x');
    expect(hanging.map(({ isOver }) => isOver)).toEqual(hanging.map(() => false));
  });

  it('an expression that takes longer than a slice is evaluated apart from the others', async () => {
    times.sliceMs = 1;
    const slow = '$sum([1..500].($ + 1))';
    for (let n = 0; n < 2; n += 1) expect(await evaluate('a', slow)).toBe(125_750);
  });

  it('waiting time does not count as running time', async () => {
    times.limitMs = 1_000;
    const first = watched(evaluate('a', HANGS, HARD));
    const behind = evaluate('a', '1 + 1');
    expect(await first.end).toBe('OverrunError');
    // It waited longer than it may run.
    expect(await behind).toBe(2);
  });

  // What a process computed, and which are whose, is told where there is a /proc.
  (existsSync('/proc') ? it : it.skip)('time given to other processes does not count as running time', async () => {
    // By the clock on the wall it would be put off, and its process ended, on a machine that is busy too.
    times.sliceMs = NEVER_MS;
    expect(await evaluate('a', '1')).toBe(1);
    const pids = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    const computed = (): number[] =>
      pids.map((pid) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[13]));
    const before = computed();
    const work = evaluate('a', '$sum($map([1..4000], function($v) { $v }))');
    await eventually(() => expect(computed()).not.toEqual(before));
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const end = performance.now() + TIMES.expressionStepsMs;
    await eventually(() => expect(performance.now()).toBeGreaterThan(end));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    expect(await work).toBe(8_002_000);
  });

  it('waiting evaluations of an expression that overran fail with it', async () => {
    times.limitMs = 500;
    const all = Array.from({ length: 30 }, () => watched(evaluate('a', HANGS, HARD)));
    expect(new Set(await Promise.all(all.map(({ end }) => end)))).toEqual(new Set(['OverrunError']));
  });

  const tooMuch = [...TOO_MUCH, ...(IS_FULL ? MORE_TOO_MUCH : [])];
  it.each(tooMuch)(
    'an expression that %s is refused or ends its process, and the next is evaluated',
    async (_name, source, content) => {
      times.limitMs = content === HARD ? 500 : NEVER_MS;
      await expect(evaluate('a', source, content)).rejects.toThrow();
      expect(await evaluate('a', '"well"')).toBe('well');
      expect(await evaluate('b', '"well"')).toBe('well');
    },
  );

  it('every function of the language has a cap, and works as without it', async () => {
    const language = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8');
    const names = [...language.matchAll(/staticFrame\.bind\('(\w+)'/g)].map(([, name]) => name);
    expect([...FUNCTIONS].sort()).toEqual(names.sort());
    expect(await evaluate('a', '$map(["a", "b"], $pad(?, -3, "-"))')).toEqual(['--a', '--b']);
    expect(await evaluate('a', '$map(["a", "b"], $uppercase ~> $lowercase)')).toEqual(['a', 'b']);
    expect(await evaluate('a', '$map(["a", "b"], function($v, $n) { $join([$v, $string($n)]) })')).toEqual([
      'a0',
      'b1',
    ]);
    expect(await evaluate('a', '$replace(content, /(b)c/, "$1$1") & $string([1, {"a": [2]}])', 'abc')).toBe(
      'abb[1,{"a":[2]}]',
    );
  });

  it('a result larger than any message is a fault of the rule', async () => {
    await expect(evaluate('a', '$pad("x", 1000000)')).rejects.toThrow('too large');
    expect(await evaluate('a', '$length($pad("x", 1000000))')).toBe(1_000_000);
  });

  it('a tenant has a share of time, of which dry runs leave half to its rules', async () => {
    times.limitMs = LIMITS.expressionBurstMs / 2 + 300;
    const dry = (): Promise<unknown> => evaluate('a', '1', '', true);
    expect(await dry()).toBe(1);
    await expect(evaluate('a', HANGS, HARD)).rejects.toThrow('longer than');
    await expect(dry()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    expect(await evaluate('a', '2')).toBe(2);
    expect(await evaluate('b', '3', '', true)).toBe(3);
    await eventually(async () => expect(await dry()).toBe(1));
  });

  it('the waiting evaluations of a tenant have a cap, and its excess does not affect others', async () => {
    const waiting = Array.from({ length: LIMITS.queuedExpressionsPerTenant + 5 }, () =>
      watched(evaluate('a', HANGS, HARD)),
    );
    await eventually(() => expect(waiting.filter(({ isOver }) => isOver)).toHaveLength(4));
    expect(await evaluate('b', '1')).toBe(1);
  });

  it('an expression leaves no variable behind for the next', async () => {
    expect(await evaluate('a', '$x := $exists($x) ? $x : content', 'secret')).toBe('secret');
    expect(await evaluate('b', '$x := $exists($x) ? $x : content', 'other')).toBe('other');
    expect(await evaluate('b', '$uppercase := 1')).toBe(1);
    expect(await evaluate('a', '$uppercase(content)', 'x')).toBe('X');
  });

  it('after close nothing is evaluated, and nothing is left waiting', async () => {
    const left = [watched(evaluate('a', HANGS, HARD)), watched(evaluate('a', '1'))];
    await expect(evaluate('b', '1')).resolves.toBe(1);
    await expressions.close();
    // The first may not have begun: its process was still starting.
    expect(await Promise.all(left.map(({ end }) => end))).toEqual([expect.stringMatching(/Error$/), 'Error']);
    await expect(evaluate('b', '1')).rejects.toThrow('no longer evaluated');
  });
});

describe('the queue of evaluations', () => {
  const job = (tenant: string, n = 0) => ({ tenant: tenant as TenantId, n });
  const anyone = (): boolean => true;

  it('tenants take turns, however many each has waiting', () => {
    const queue = new FairQueue<ReturnType<typeof job>>(100, 1_000);
    for (let n = 0; n < 50; n += 1) queue.add(job('a', n));
    for (const tenant of ['b', 'c']) queue.add(job(tenant));
    const order = Array.from({ length: 5 }, () => queue.take(anyone)?.tenant);
    expect(order).toEqual(['a', 'b', 'c', 'a', 'a']);
    expect(queue.take(({ tenant }) => tenant !== 'a')).toBeNull();
    expect(queue.take(anyone)?.n).toBe(3);
  });

  it('a full queue drops the last evaluation of the tenant with most', () => {
    const queue = new FairQueue<ReturnType<typeof job>>(100, 10);
    for (let n = 0; n < 10; n += 1) expect(queue.add(job('a', n))).toBeNull();
    expect(queue.add(job('b'))).toEqual(job('a', 9));
    expect(queue.add(job('a', 10))).toEqual(job('a', 10));
    expect(queue.take(anyone)).toEqual(job('a', 0));
    expect(queue.take(anyone)).toEqual(job('b'));
  });
});
