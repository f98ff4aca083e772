/** Opens the configured engine. Only this file knows both. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import { type GuardedEngine, withCircuit } from './circuit.ts';
import { openEmbeddedEngine } from './embedded/engine.ts';
import * as embedded from './embedded/outage.ts';
import type { CurrentTrace, Engine, EngineObserver } from './port.ts';
import { openRedisEngine } from './redis/engine.ts';
import * as redisServer from './redis/outage.ts';
import { onUnknownValue } from './shared/closed.ts';

export interface OpenEngineOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The name of this node in its log. */
  readonly nodeId: string;
  readonly observe: EngineObserver;
  readonly currentTrace: CurrentTrace;
  /** The cap of conversations that one user begins or joins; left out: that of `LIMITS`. */
  readonly conversationsPerUser?: number | undefined;
  /** Ends the wait for an engine that is away. */
  readonly abandon?: AbortSignal | undefined;
}

export async function openEngine(config: Config, options: OpenEngineOptions): Promise<GuardedEngine> {
  const { redis, dataDir, messageRetention: retention, abandonedAfterMs, presenceGraceMs } = config;
  const { clock, log, nodeId, observe, currentTrace, conversationsPerUser, abandon } = options;
  if (!redis) {
    const engine = openEmbeddedEngine({
      dataDir,
      retention,
      abandonedAfterMs,
      clock,
      currentTrace,
      conversationsPerUser,
      log,
      control: (err) => log.warn({ err }, 'no backups while the service runs: the data folder supports no socket'),
    });
    return withCircuit(counting(engine, observe), {
      clock,
      observe,
      deadlineMs: null,
      isOutage: embedded.isSqliteOutage,
    });
  }
  const engine = await openRedisEngine({
    ...redis,
    retention,
    abandonedAfterMs,
    presenceGraceMs,
    clock,
    log,
    nodeId,
    currentTrace,
    conversationsPerUser,
    ignored: observe.ignored,
    onMemory: observe.memory,
    onLag: observe.lag,
    abandon,
  });
  return withCircuit(counting(engine, observe), {
    clock,
    observe,
    deadlineMs: TIMES.operationMs,
    isOutage: redisServer.isRedisOutage,
  });
}

/** Counts values that only a newer version knows, as long as the engine is open. */
function counting(engine: Engine, { ignored }: EngineObserver): Engine {
  const stopCounting = onUnknownValue(ignored);
  return {
    ...engine,
    close() {
      stopCounting();
      return engine.close();
    },
  };
}
