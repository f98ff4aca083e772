/**
 * Runs one script for many conversations, or for the lists of many users.
 *
 * The calls of one turn of the event loop are sent together, from all callers: a script handles up to a hundred at once
 * whose keys share a slot, or a server. A stream over a thousand conversations, or a conversation of a thousand
 * members, costs Redis and this process one script per hundred, and not one call each.
 */
import { Command } from 'ioredis';
import { ServiceError } from '../../errors.ts';
import { isRedisOutage } from './outage.ts';
import type { Argument, RunScript, ScriptName } from './scripts.ts';

/**
 * Scripts that take keys and arguments per item and return an answer per item, with the number of items in one run,
 * which blocks the server for about a millisecond; up to twelve if as many memberships as may do wait in each list. An item
 * may be run twice.
 */
const AT_ONCE = {
  'advance-lists': 8,
  'count-streams': 100,
  'index-conversation': 16,
  'index-membership': 50,
  'read-conversations': 100,
  'read-for-lists': 50,
  'read-heads': 100,
  'read-marks': 100,
  'read-members': 100,
  'read-messages': 50,
  'read-typing': 100,
} as const satisfies Partial<Record<ScriptName, number>>;

export type BatchName = keyof typeof AT_ONCE;

interface Asked {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface Batch {
  readonly name: BatchName;
  /** The key that all calls of a batch share. */
  readonly shared: readonly Argument[];
  readonly asked: Asked[];
}

/** Runs a script for one conversation or list, and returns its answer. Rejects with SERVICE_UNAVAILABLE. */
export type RunOne = (
  name: BatchName,
  keys: readonly string[],
  args?: readonly Argument[],
  shared?: readonly Argument[],
) => Promise<unknown>;

/** Scripts for one call, and scripts that are batched over many conversations or lists. */
export interface Scripts {
  readonly run: RunScript;
  readonly runOne: RunOne;
}

/** `isOneServer`: one server has all keys, whatever their slots. */
export function createBatches(run: RunScript, isOneServer: boolean): RunOne {
  let batches = new Map<string, Batch>();
  const slotOf = (key: string): number => (isOneServer ? 0 : new Command('get', [key]).getSlot());

  function send(): void {
    const all = [...batches.values()];
    batches = new Map();
    // Marks are read before the states of the same turn, since a mark shows what was announced before the state was read.
    const isFirst = ({ name }: Batch): boolean => name === 'read-marks';
    for (const batch of [...all.filter(isFirst), ...all.filter((each) => !isFirst(each))]) void answer(run, batch);
  }

  return (name, keys, args = [], shared = []) =>
    new Promise((resolve, reject) => {
      const key = `${name} ${slotOf(keys[0] ?? '')} ${shared.join(' ')}`;
      let batch = batches.get(key);
      if (!batch) {
        batch = { name, shared, asked: [] };
        // After all work of this turn that follows from answers already received.
        if (batches.size === 0) void Promise.resolve().then(() => process.nextTick(send));
        batches.set(key, batch);
      }
      batch.asked.push({ keys, args, resolve, reject });
      if (batch.asked.length >= AT_ONCE[name]) send();
    });
}

async function answer(run: RunScript, { name, shared, asked }: Batch): Promise<void> {
  const keys = asked.flatMap((each) => each.keys);
  const args = [...shared, ...asked.flatMap((each) => each.args)];
  try {
    const answers = (await run(name, keys, args)) as unknown[];
    for (const [index, { resolve }] of asked.entries()) resolve(answers[index] ?? null);
  } catch (error) {
    const isAway = !(error instanceof ServiceError) || isRedisOutage(error.cause);
    if (isAway || asked.length === 1) for (const { reject } of asked) reject(error);
    // After a failure each item is retried alone, so that one with a damaged key fails alone.
    else for (const each of asked) void answer(run, { name, shared, asked: [each] });
  }
}
