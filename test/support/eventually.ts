/** Waits for a fact, not for time: looks again until `check` does not throw. */
import { setTimeout as wait } from 'node:timers/promises';

const DEADLINE_MS = 10_000;
const LOOK_AGAIN_MS = 10;

export async function eventually<Value>(check: () => Value | Promise<Value>, deadlineMs = DEADLINE_MS): Promise<Value> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await wait(LOOK_AGAIN_MS);
    }
  }
}
