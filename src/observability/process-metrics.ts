/** Metrics of this process and its limits, the scale for the other metrics. */
import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** The metrics of prom-client. Of several workers, the largest lag of an event loop is shown: an average would hide it. */
export function collectProcess(register: Registry): void {
  collectDefaultMetrics({ register });
  for (const metric of register.getMetricsAsArray())
    if (metric.name.startsWith('nodejs_eventloop_lag')) metric.aggregator = 'max';
}

export interface ProcessFacts {
  /** For `realtime_build_info`; null: not known yet. */
  build: { readonly version: string; readonly node: string; readonly engine: string } | null;
  /** Sockets and streams that this process accepts. */
  capacity: () => number;
  /** The end of the served certificate, in milliseconds since the Unix epoch; 0: without TLS. */
  certificateEnd: number;
  /** Workers of this service that had died when this process began. */
  workerDeaths: number;
  /** Whether this process serves: its engine is ready. */
  isServing: boolean;
}

export function exposeProcess(registers: Registry[]): ProcessFacts {
  const facts: ProcessFacts = { build: null, capacity: () => 0, certificateEnd: 0, workerDeaths: 0, isServing: false };
  new Gauge({
    name: 'realtime_build_info',
    help: '1, with what runs as labels.',
    labelNames: ['version', 'node', 'engine'],
    registers,
    collect() {
      if (facts.build) this.set(facts.build, 1);
    },
  });
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('realtime_connections_capacity', 'Sockets and streams over HTTP that this process accepts.', () =>
    facts.capacity(),
  );
  // The maximum of all workers: most of these have the same value in each.
  const mostOfAll = { registers, aggregator: 'max' } as const;
  new Gauge({
    ...mostOfAll,
    name: 'realtime_certificate_end_seconds',
    help: 'When the served certificate expires, in seconds since the Unix epoch; 0 without one.',
    collect() {
      this.set(facts.certificateEnd / 1_000);
    },
  });
  new Counter({
    ...mostOfAll,
    name: 'realtime_worker_deaths_total',
    help: 'Workers of this service that died and were replaced.',
    collect() {
      this.reset();
      this.inc(facts.workerDeaths);
    },
  });
  gauge('realtime_workers', 'Processes that share the port and serve.', () => Number(facts.isServing));
  gauge('realtime_heap_limit_bytes', 'The heap limit of this process.', () => getHeapStatistics().heap_size_limit);
  new Gauge({
    ...mostOfAll,
    name: 'realtime_heap_used_ratio',
    help: 'The used part of the heap limit; with several workers, of the worker that uses most.',
    collect() {
      const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
      this.set(used / most);
    },
  });
  return facts;
}
