/** An engine on a Redis, as one node of a service has it. */
import type { Engine } from '../../src/engine/port.ts';
import { openRedisEngine } from '../../src/engine/redis/engine.ts';
import { redisAddress } from './redis-address.ts';
import { TestClock } from './test-clock.ts';
import { silentLog } from './world.ts';

type Options = Parameters<typeof openRedisEngine>[0];

/** Engines of one prefix on one Redis are nodes of one service. Several URLs are a cluster. */
export const openEngineOn = (
  urls: string | readonly string[],
  { clock = new TestClock(), ...options }: Pick<Options, 'prefix'> & Partial<Options>,
): Promise<Engine> =>
  openRedisEngine({
    address: redisAddress(...[urls].flat()),
    isChecked: true,
    retention: null,
    presenceGraceMs: 0,
    clock,
    log: silentLog,
    ...options,
  });
