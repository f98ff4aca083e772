/** A Redis server for the tests of a file, and engines on it. */
import type { Engine } from '../../src/engine/port.ts';
import type { Retention } from '../../src/model.ts';
import { openEngineOn, openTwoNodes } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import type { MovableClock } from '../support/test-clock.ts';
import type { OpenWorld } from '../support/world.ts';

export class RedisWorld {
  server!: RedisServer;

  constructor() {
    beforeAll(async () => {
      this.server = await startRedisServer();
    });
    afterAll(() => this.server.stop());
  }

  readonly openNode = (
    prefix: string,
    clock: MovableClock,
    retention: Retention = null,
    url = this.server.url,
    ignored: () => void = () => undefined,
  ): Promise<Engine> => openEngineOn(url, { prefix, clock, retention, ignored, presenceGraceMs: 5_000 });

  readonly open: OpenWorld = (options) => openTwoNodes(this.server.url, options);
}
