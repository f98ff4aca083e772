/** The rates of one user as a model, independent of the service and of other users. */
import type { Change } from '../../../src/model.ts';
import { CHANGES } from '../../../src/rates/classes.ts';
import type { Rates } from '../../../src/rates/rates.ts';

/** A bucket as the documentation describes it. */
export class ModelBucket {
  readonly capacity: number;
  readonly perMs: number;
  #tokens: number;
  #at: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.capacity = capacity;
    this.perMs = perSecond / 1_000;
    this.#tokens = capacity;
    this.#at = now;
  }

  has(count: number, now: number): boolean {
    this.#tokens = Math.min(this.capacity, this.#tokens + (now - this.#at) * this.perMs);
    this.#at = now;
    // Of sums of fractions, which are not exact.
    return this.#tokens + 1e-6 >= Math.min(count, this.capacity);
  }

  take(count: number): void {
    this.#tokens -= count;
  }
}

/** What something draws on, and how much. */
export interface Draw {
  readonly name: string;
  readonly count: number;
}

/** The rates that a change of a user or a service draws on, whichever way it comes. */
export function drawsOf(change: Change, named: number, isService: boolean): Draw[] {
  if (isService) return [{ name: 'service', count: 1 }];
  return [{ name: change, count: 1 }, ...(named > 0 ? [{ name: 'named', count: named }] : [])];
}

/** What opening a socket draws on; that of users is not used up here. */
export const openingDraws = (isService: boolean): Draw[] => (isService ? [{ name: 'service', count: 1 }] : []);

/** How many at once, and how many a second. */
export function rateOf(rates: Rates, name: string): { readonly capacity: number; readonly perSecond: number } {
  if (name === 'service') return { capacity: rates.changesPerService, perSecond: rates.changesPerService };
  if (name === 'named') return { capacity: rates.namedAtOnce, perSecond: rates.namedPerMinute / 60 };
  const change = name as Change;
  return {
    capacity: rates.changesPerUser[change],
    perSecond: rates.changesPerUser[change] / CHANGES[change].seconds,
  };
}
