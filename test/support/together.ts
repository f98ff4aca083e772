/**
 * Tests of one block that run together, because most of each is waiting.
 *
 * Jest's `it.concurrent` does not do: once one of them has ended, no module may be
 * loaded until the next test begins, and the services of the others load some.
 */
type Run = () => Promise<void>;

/** To be called in a `describe`: answers what takes the place of `it`. So many run at a time. */
export function together(many: number, timeoutMs: number): (name: string, run: Run) => void {
  const runs = new Map<string, Run>();
  const outcomes = new Map<string, PromiseSettledResult<void>>();
  beforeAll(async () => {
    const waiting = runs.entries();
    const takeTurns = async (): Promise<void> => {
      for (const [name, run] of waiting) {
        const [outcome] = await Promise.allSettled([run()]);
        outcomes.set(name, outcome);
      }
    };
    await Promise.all(Array.from({ length: many }, takeTurns));
  }, timeoutMs);
  return (name, run) => {
    runs.set(name, run);
    it(name, () => {
      const outcome = outcomes.get(name);
      if (outcome?.status === 'rejected') throw outcome.reason;
      expect(outcome).toEqual({ status: 'fulfilled', value: undefined });
    });
  };
}
