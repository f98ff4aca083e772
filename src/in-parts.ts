/**
 * Works on many items in parts. A stream may have work for each of a hundred thousand conversations, which must not be
 * one turn of the event loop. The embedded engine answers within the call, so awaiting it does not end the turn.
 */
import { nextTurn } from './clock.ts';

const AT_ONCE = 100;
/** Parts that wait for a distant engine at the same time. */
const ASKED_AT_ONCE = 4;

/** Runs one part after the other, each in its own turn. Returns the results in order. */
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
 * As `inParts`, for work that waits for an engine. Each part begins in its own turn, and a few wait concurrently, so that
 * the latency is not added for each hundred items. When one rejects, no other begins, and this rejects after all have
 * ended.
 */
export async function askInParts<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result>,
): Promise<Result[]> {
  // Most streams are over one conversation.
  if (items.length <= AT_ONCE) return items.length > 0 ? [await work(items)] : [];
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

/** Turns of the event loop, one per caller. */
class OwnTurns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(nextTurn);
    return this.#last;
  }
}
