/**
 * Works on many things in parts. The work of a stream for each of its user's conversations, of which there may be a hundred
 * thousand, is never one turn of the event loop. An engine in this process answers at once, so waiting alone ends no turn.
 */
import { nextTurn } from './clock.ts';

const AT_ONCE = 100;
/** Parts that ask an engine far away, and whose answers come late. */
const ASKED_AT_ONCE = 4;

/** One part after the other, each in a turn of its own; the results in order. */
export async function inParts<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result> | Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    if (from > 0) await nextTurn();
    results.push(await work(items.slice(from, from + AT_ONCE)));
  }
  return results;
}

/**
 * The same for work that waits for an engine: each part begins in a turn of its own, and a few wait at once, so that the
 * distance of the engine is not paid for each hundred. When one rejects, no other begins, and all have ended.
 */
export async function askInParts<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !hasFailed) {
      const from = next;
      next += AT_ONCE;
      if (from > 0) await turns.next();
      if (hasFailed) return;
      try {
        results[from / AT_ONCE] = await work(items.slice(from, from + AT_ONCE));
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const turns = new OwnTurns();
  const lanes = await Promise.allSettled(Array.from({ length: ASKED_AT_ONCE }, lane));
  const failed = lanes.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  return results;
}

/** Turns of the event loop, one for each who asks. */
class OwnTurns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(nextTurn);
    return this.#last;
  }
}
