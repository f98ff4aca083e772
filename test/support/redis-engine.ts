/** An engine on a Redis, as one node of a service has it. */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import { openRedisEngine } from '../../src/engine/redis/engine.ts';
import { redisAddress } from './redis-address.ts';
import { TestClock } from './test-clock.ts';
import { silentLog, type World, type WorldOptions } from './world.ts';

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

export const newPrefix = (): string => `test-${randomUUID().slice(0, 8)}`;

/** Two nodes of one service, under a prefix of their own. */
export async function openTwoNodes(
  urls: string | readonly string[],
  options: WorldOptions = {},
  prefix = newPrefix(),
): Promise<World> {
  const clock = new TestClock();
  const openNode = () => openEngineOn(urls, { prefix, clock, presenceGraceMs: 5_000, ...options });
  const world = {
    engine: await openNode(),
    other: await openNode(),
    clock,
    async close() {
      await world.engine.close();
      await world.other.close();
      // The tests of a noun keep their last world as long as their file runs: of nodes on a cluster that is 11 MB.
      Reflect.deleteProperty(world, 'engine');
      Reflect.deleteProperty(world, 'other');
    },
  };
  return world;
}
