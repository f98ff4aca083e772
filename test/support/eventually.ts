/** Waits for a fact, not for time: looks again until `check` does not throw. */
import { setTimeout as wait } from 'node:timers/promises';

/** The last resort against what never comes true. It bounds nothing that is promised: a busy machine takes its time. */
export const PATIENCE_MS = 120_000;
const LOOK_AGAIN_MS = 10;

/** Thrown by a check of what cannot come true any more. A wait that nobody ends goes on beside the tests that follow. */
export class NoLonger extends Error {}

export async function eventually<Value>(check: () => Value | Promise<Value>, deadlineMs = PATIENCE_MS): Promise<Value> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (error instanceof NoLonger || performance.now() > end) throw error;
      await wait(LOOK_AGAIN_MS);
    }
  }
}
