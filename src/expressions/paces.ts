/** Remembers whether an expression was quick or slow at its last evaluation. */
import { LRUCache } from 'lru-cache';
import type { ExpressionRequest } from '../domain/routing.ts';
import { LIMITS } from '../limits.ts';

/** `UNKNOWN`: it was not evaluated lately, and may hang. */
type Pace = 'UNKNOWN' | 'QUICK' | 'SLOW';

type Known = Pick<ExpressionRequest, 'tenant' | 'source'>;

export class Paces {
  readonly #paces = new LRUCache<string, Pace>({ max: LIMITS.compiledExpressions });

  of(expression: Known): Pace {
    return this.#paces.get(keyOf(expression)) ?? 'UNKNOWN';
  }

  note(expression: Known, pace: Pace): void {
    this.#paces.set(keyOf(expression), pace);
  }
}

const keyOf = ({ tenant, source }: Known): string => JSON.stringify([tenant, source]);
