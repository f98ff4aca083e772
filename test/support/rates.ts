/** The default rates, with the given changes. */
import { RATE_VARIABLES, readRates } from '../../src/config/rates.ts';
import type { Rates } from '../../src/rates/rates.ts';

export function ratesOf(given: { readonly [Name in keyof typeof RATE_VARIABLES]?: number } = {}): Rates {
  return readRates((name) => given[name] ?? Number(RATE_VARIABLES[name].default), {
    maxQueryCost: 1_000,
    connectionsPerUser: 50,
  });
}

/** For limits of callers whose tokens stay good. */
export const noneRevoked = async (): Promise<boolean> => false;
