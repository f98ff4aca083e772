/** Opens the engine the configuration asks for: the one place that knows there are two. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { openEmbeddedEngine } from './embedded/engine.ts';
import type { Engine } from './port.ts';
import { openRedisEngine } from './redis/engine.ts';

export async function openEngine(config: Config, clock: Clock, log: Log): Promise<Engine> {
  const { redis, dataDir, messageRetention: retention, presenceGraceMs } = config;
  if (!redis) return openEmbeddedEngine({ dataDir, retention, clock });
  return openRedisEngine({ ...redis, retention, presenceGraceMs, clock, log });
}
