/**
 * Works on many things in parts. The work of a stream for each of its user's conversations, of which there may be a hundred
 * thousand, is never one turn of the event loop. An engine in this process answers at once, so waiting alone ends no turn.
 */
import { nextTurn } from './clock.ts';

const AT_ONCE = 100;

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
