/** Publishes at a rate, and measures the cost. */
import { setTimeout as wait } from 'node:timers/promises';
import { nowMicros } from './payload.ts';
import type { Latency } from './protocol.ts';
import type { Session } from './session.ts';

export interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
  /** The interval at which all due messages are published together. */
  readonly tickMs: number;
  /** The conversation of the next message. */
  readonly next: () => number;
}

/** Processor time in microseconds. */
export interface Burst extends Latency {
  readonly user: number;
  readonly system: number;
  /** Processor time of the peer's Redis; null: it has none. */
  readonly redis: number | null;
  /** Number of published messages. */
  readonly published: number;
  readonly deliveries: number;
  /** Frames that carried the deliveries, and their bytes. */
  readonly frames: number;
  readonly bytes: number;
  readonly deliveriesPerSecond: number;
}

/** Keeps the rate by the clock: a late tick also publishes what became due meanwhile. */
async function publish(session: Session, { perSecond, seconds, tickMs, next }: Pace): Promise<void> {
  const start = performance.now();
  const total = perSecond * seconds;
  for (let sent = 0, tick = 1; sent < total; tick += 1) {
    const due = Math.min(total, Math.ceil(((performance.now() - start + tickMs) / 1_000) * perSecond));
    session.publish(Array.from({ length: due - sent }, next));
    sent = due;
    await wait(Math.max(0, start + tick * tickMs - performance.now()));
  }
}

export async function burst(session: Session, pace: Pace): Promise<Burst> {
  await session.sample();
  const { received, frames, bytes } = await session.progress();
  const redisBefore = await session.redisMicros();
  const before = await session.usage();
  const startedAt = nowMicros();
  await publish(session, pace);
  const progress = await session.arrived();
  const after = await session.usage();
  const redisAfter = await session.redisMicros();
  const deliveries = progress.received - received;
  return {
    ...(await session.sample()),
    user: after.user - before.user,
    system: after.system - before.system,
    redis: redisBefore === null || redisAfter === null ? null : redisAfter - redisBefore,
    published: pace.perSecond * pace.seconds,
    deliveries,
    frames: progress.frames - frames,
    bytes: progress.bytes - bytes,
    deliveriesPerSecond: (deliveries * 1e6) / (progress.lastAt - startedAt),
  };
}
