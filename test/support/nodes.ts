/** The three ways the service runs: embedded, on Redis, and as two nodes on one Redis. */
import { IS_FULL } from '../faults/settings.ts';
import { startTestService, type TestService } from './service.ts';
import { onSharedRedis } from './shared-redis.ts';
import { type MovableClock, TestClock } from './test-clock.ts';

export interface Nodes {
  /** Where the acting user is connected. */
  readonly here: TestService;
  /** Where the watching user is connected; the same as `here` on one node. */
  readonly there: TestService;
  readonly clock: MovableClock;
  /** Empty without Redis. */
  readonly redisUrl: string;
  close(): Promise<void>;
}

export type Setting = 'embedded' | 'redis' | 'two nodes on one Redis';

export const EVERY_SETTING: readonly Setting[] = ['embedded', 'redis', 'two nodes on one Redis'];
/** What holds on two nodes is tried on one in `full`. */
export const SETTINGS = EVERY_SETTING.filter((setting) => (setting === 'redis') === IS_FULL);
/** Of files that take long: what holds on two nodes that share a Redis is tried on the embedded engine in `full`. */
export const LONG_SETTINGS = EVERY_SETTING.filter(
  (setting) => setting === (IS_FULL ? 'embedded' : 'two nodes on one Redis'),
);

/** Of files that are in `full` only. */
export const BOTH_ENGINES = EVERY_SETTING.filter((setting) => setting !== 'redis');

export async function startNodes(
  setting: Setting,
  env: Record<string, string> = {},
  clock: MovableClock = new TestClock(),
): Promise<Nodes> {
  if (setting === 'embedded') {
    const only = await startTestService({ env, clock });
    return { here: only, there: only, clock, redisUrl: '', close: () => only.close() };
  }
  const shared = { ...env, ...onSharedRedis() };
  const here = await startTestService({ env: shared, clock });
  const there = setting === 'redis' ? here : await startTestService({ env: shared, clock });
  return {
    here,
    there,
    clock,
    redisUrl: shared.REDIS_URL,
    async close() {
      await here.close();
      await there.close();
    },
  };
}
