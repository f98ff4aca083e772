/** Sends lists of any length in batches. Each item succeeds or fails independently. */
import { isPassing, RequestError } from '../errors.ts';
import type { Asking } from './asking.ts';

/** The most items of one request. */
const PER_BATCH = 100;

export interface BatchError {
  readonly code: string;
  readonly message: string;
  readonly reason: string | null;
  readonly retryAfterMs: number | null;
}

export interface BatchResult {
  readonly error: BatchError | null;
  /** `DUPLICATE`: stored earlier under the same key. `ROUTED`, `DROPPED`: by a routing rule. */
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED' | 'DROPPED' | 'FAILED';
}

/** Retries items that failed temporarily. Returns one result for each item, in order. */
export async function inBatches<Item, Result extends BatchResult>(
  asking: Asking,
  items: readonly Item[],
  document: string,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += PER_BATCH) {
    const batch = items.slice(at, at + PER_BATCH).map((item, index) => ({ item, index: at + index }));
    await tryBatch(asking, batch, document, results);
  }
  return results;
}

interface Placed<Item> {
  readonly item: Item;
  readonly index: number;
}

async function tryBatch<Item, Result extends BatchResult>(
  asking: Asking,
  batch: readonly Placed<Item>[],
  document: string,
  results: Result[],
): Promise<void> {
  const tries = asking.tries();
  let waiting = batch;
  for (;;) {
    const answer = await asking.ask<{ readonly results: readonly Result[] }>(
      document,
      { items: waiting.map(({ item }) => item) },
      tries,
    );
    for (const [at, { index }] of waiting.entries()) {
      const result = answer.results[at];
      if (result) results[index] = result;
    }
    waiting = waiting.filter(({ index }) => {
      const error = results[index]?.error;
      return error && isPassing(asErrorOf(error));
    });
    const failed = waiting.map(({ index }) => results[index]?.error).find((error) => error);
    if (!failed) return;
    try {
      await tries.after(asErrorOf(failed));
    } catch {
      // No attempt is left; the results contain the failures.
      return;
    }
  }
}

const asErrorOf = ({ message, ...extensions }: BatchError): RequestError => new RequestError({ message, extensions });
