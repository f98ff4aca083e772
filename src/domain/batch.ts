/** Several changes in one mutation. Each succeeds or fails independently. */
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Meter } from '../model.ts';

/** FAILED with an error; DROPPED: a routing rule refused the item. */
export type BatchResult<Made> =
  | { readonly made: Made; readonly error: null }
  | { readonly made: null; readonly error: ServiceError };

interface Batch<Item> {
  /** The name of the argument. */
  readonly name: string;
  /** Counts each item like a single change. */
  readonly meter: Meter;
  /** Items with the same value run one after the other. */
  readonly orderedBy: (item: Item) => string;
  readonly log: Log;
}

/** Results in the order of the items. @throws {ServiceError} BAD_USER_INPUT for none or too many. */
export async function inBatch<Item, Made>(
  items: readonly Item[],
  { name, meter, orderedBy, log }: Batch<Item>,
  work: (item: Item) => Promise<Made>,
): Promise<BatchResult<Made>[]> {
  if (items.length === 0 || items.length > LIMITS.itemsPerBatch) {
    throw badInput(`${name}: must have 1 to ${LIMITS.itemsPerBatch} items.`);
  }
  const attempt = async (item: Item): Promise<BatchResult<Made>> => {
    try {
      meter.count('message');
      return { made: await work(item), error: null };
    } catch (error) {
      if (error instanceof ServiceError) return { made: null, error };
      log.error({ err: error }, 'item of a batch failed');
      return { made: null, error: new ServiceError('INTERNAL_SERVER_ERROR', 'This item failed.', { cause: error }) };
    }
  };
  const lasts = new Map<string, Promise<unknown>>();
  return Promise.all(
    items.map((item) => {
      const key = orderedBy(item);
      const before = lasts.get(key);
      const result = before ? before.then(() => attempt(item)) : attempt(item);
      lasts.set(key, result);
      return result;
    }),
  );
}
