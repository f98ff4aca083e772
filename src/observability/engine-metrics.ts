/** Metrics of the engine, by operation. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EngineObserver } from '../engine/port.ts';

const OUTCOMES = ['ok', 'failed', 'refused'] as const;
type Outcome = (typeof OUTCOMES)[number];
type Counts = Record<Outcome, number>;

export function createEngineMetrics(registers: Registry[]): EngineObserver {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const duration = new Histogram({
    name: 'realtime_engine_operation_seconds',
    help: 'Duration of operations of the engine.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const lag = new Histogram({
    name: 'realtime_announcement_lag_seconds',
    help: 'Time of a probe from this node through Redis and back, which is the path of announcements.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const failures = counter('realtime_engine_failures_total', 'Operations of the engine that failed.');
  const refusals = counter('realtime_engine_refusals_total', 'Operations refused at once because the circuit is open.');
  const unknown = counter(
    'realtime_unknown_announcements_total',
    'Announcements of a kind that this release does not know, and readings of values that it does not know.',
  );
  const circuit = new Gauge({
    name: 'realtime_engine_circuit_open',
    help: '1 while the circuit around the engine is open or probing, else 0.',
    registers,
  });
  // Each worker sees the same servers, so the maximum is used.
  const memory = (name: string, help: string): Gauge => new Gauge({ name, help, registers, aggregator: 'max' });
  const used = memory('realtime_redis_memory_bytes', 'Memory of all primaries of Redis at the last check.');
  const limit = memory(
    'realtime_redis_memory_limit_bytes',
    'Sum of maxmemory of all primaries of Redis; 0 when a primary has none.',
  );
  const counts = new Map<string, Counts>();
  new Counter({
    name: 'realtime_engine_operations_total',
    help: 'Operations of the engine, by outcome.',
    labelNames: ['operation', 'outcome'],
    registers,
    collect() {
      for (const [operation, count] of counts) {
        for (const outcome of OUTCOMES) {
          this.inc({ operation, outcome }, count[outcome]);
          count[outcome] = 0;
        }
      }
    },
  });
  return {
    recordOf(operation) {
      const count = { ok: 0, failed: 0, refused: 0 };
      counts.set(operation, count);
      return {
        operated(milliseconds, isFailure) {
          duration.observe(milliseconds / 1_000);
          count[isFailure ? 'failed' : 'ok'] += 1;
          if (isFailure) failures.inc();
        },
        refused() {
          count.refused += 1;
          refusals.inc();
        },
      };
    },
    turned: (isOpen) => circuit.set(isOpen ? 1 : 0),
    ignored: () => unknown.inc(),
    lag: (milliseconds) => lag.observe(milliseconds / 1_000),
    memory(read) {
      used.set(read.used);
      limit.set(read.limit);
    },
  };
}
