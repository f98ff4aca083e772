/**
 * Expressions of routing rules, evaluated beside the event loop.
 *
 * Tenants write them: one that loops, eats memory or backtracks for ever ends the
 * thread it runs in and no more. The thread is begun with the first evaluation.
 */
import jsonata from 'jsonata';
import { Piscina } from 'piscina';
import type { Expressions } from '../domain/routing.ts';
import { LIMITS, TIMES } from '../limits.ts';

// Beside this file: as TypeScript in the repository, compiled in the package.
const EVALUATOR = new URL(`./evaluator${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

export interface ClosableExpressions extends Expressions {
  close(): Promise<void>;
}

export function createExpressions(): ClosableExpressions {
  let pool: Piscina | null = null;
  const open = (): Piscina =>
    new Piscina({
      filename: EVALUATOR.href,
      maxThreads: 1,
      maxQueue: LIMITS.queuedExpressions,
      resourceLimits: { maxOldGenerationSizeMb: LIMITS.expressionMemoryMb },
      env: {},
    });
  return {
    fault(source) {
      try {
        jsonata(source);
        return null;
      } catch (error) {
        return (error as Error).message;
      }
    },

    async evaluate(source, input) {
      pool ??= open();
      return pool.run({ source, input }, { signal: AbortSignal.timeout(TIMES.expressionMs) });
    },

    async close() {
      await pool?.destroy();
    },
  };
}
