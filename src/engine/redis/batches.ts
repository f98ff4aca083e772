/**
 * Reads many conversations by one script.
 *
 * What is asked in one turn of the loop goes out together, whoever asks: of conversations that share a slot, as all do
 * on one server, a script reads up to a hundred. A stream over a thousand conversations costs Redis and this process
 * a script for each hundred, and not a call for each.
 */
import { Command } from 'ioredis';
import { ServiceError } from '../../errors.ts';
import { isOutage } from './outage.ts';
import type { RunScript, ScriptName } from './scripts.ts';

/** Scripts of which keys and arguments come once for each conversation, and an answer for each comes back. */
export type BatchName = Extract<
  ScriptName,
  'count-streams' | 'read-conversations' | 'read-heads' | 'read-marks' | 'read-members' | 'read-typing'
>;

/** Conversations that one script reads: it holds the server for less than a millisecond. */
const AT_ONCE = 100;

type Argument = string | number;

interface Asked {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface Batch {
  readonly name: BatchName;
  /** What all of it have in common. */
  readonly shared: readonly Argument[];
  readonly asked: Asked[];
}

/** Of one conversation; answers what the script says of it. Rejects with SERVICE_UNAVAILABLE. */
export type ReadOne = (
  name: BatchName,
  keys: readonly string[],
  args?: readonly Argument[],
  shared?: readonly Argument[],
) => Promise<unknown>;

/** Scripts that run by themselves, and those that read many conversations. */
export interface Scripts {
  readonly run: RunScript;
  readonly readOne: ReadOne;
}

/** `isOneServer`: all keys lie together, whatever their slots. */
export function createBatches(run: RunScript, isOneServer: boolean): ReadOne {
  let batches = new Map<string, Batch>();
  const slotOf = (key: string): number => (isOneServer ? 0 : new Command('get', [key]).getSlot());

  function send(): void {
    const all = [...batches.values()];
    batches = new Map();
    // A mark says what was announced before a state was read: it is asked for before, and has to be read before.
    const isFirst = ({ name }: Batch): boolean => name === 'read-marks';
    for (const batch of [...all.filter(isFirst), ...all.filter((each) => !isFirst(each))]) void answer(run, batch);
  }

  return (name, keys, args = [], shared = []) =>
    new Promise((resolve, reject) => {
      const key = `${name} ${slotOf(keys[0] ?? '')} ${shared.join(' ')}`;
      let batch = batches.get(key);
      if (!batch) {
        batch = { name, shared, asked: [] };
        // Behind all that follows in this turn from answers that are here.
        if (batches.size === 0) void Promise.resolve().then(() => process.nextTick(send));
        batches.set(key, batch);
      }
      batch.asked.push({ keys, args, resolve, reject });
      if (batch.asked.length >= AT_ONCE) send();
    });
}

async function answer(run: RunScript, { name, shared, asked }: Batch): Promise<void> {
  const keys = asked.flatMap((each) => each.keys);
  const args = [...shared, ...asked.flatMap((each) => each.args)];
  try {
    const answers = (await run(name, keys, args)) as unknown[];
    for (const [index, { resolve }] of asked.entries()) resolve(answers[index] ?? null);
  } catch (error) {
    const isAway = !(error instanceof ServiceError) || isOutage(error.cause);
    if (isAway || asked.length === 1) for (const { reject } of asked) reject(error);
    // One of which the keys are not what they should be takes no other with it.
    else for (const each of asked) void answer(run, { name, shared, asked: [each] });
  }
}
