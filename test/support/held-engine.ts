/** The engine of a running service; one of its operations holds back its answer until a test releases it. */
import type { Engine } from '../../src/engine/port.ts';

export interface HeldEngine {
  /** Of the operations that follow, the one behind so many is done, and its answer waits. */
  hold(behind: number): void;
  /** The operation whose answer waits; null: none does. */
  readonly held: keyof Engine | null;
  /** Lets it go; none waits any more. */
  release(): void;
}

export function holdAnswers(engine: Engine): HeldEngine {
  let left = Number.POSITIVE_INFINITY;
  let held: keyof Engine | null = null;
  let released = Promise.withResolvers<void>();
  const holding = (name: keyof Engine, operation: (...args: unknown[]) => Promise<unknown>) => {
    return async (...args: unknown[]): Promise<unknown> => {
      left -= 1;
      const { promise } = released;
      const isHeld = left === -1;
      const answer = await operation(...args);
      // Of what was let go of before it was done nothing is kept.
      if (!isHeld || promise !== released.promise) return answer;
      held = name;
      await promise;
      return answer;
    };
  };
  for (const [name, operation] of Object.entries(engine))
    if (typeof operation === 'function' && name !== 'close')
      Object.assign(engine, { [name]: holding(name as keyof Engine, operation as never) });
  return {
    hold(behind) {
      left = behind;
    },
    get held() {
      return held;
    },
    release() {
      left = Number.POSITIVE_INFINITY;
      held = null;
      released.resolve();
      released = Promise.withResolvers();
    },
  };
}
