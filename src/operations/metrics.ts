/** Figures for Prometheus. Names and labels are listed in docs/operations.md. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Transport = 'graphql_ws' | 'http';

export interface Metrics {
  readonly connections: Gauge<'transport'>;
  readonly subscriptions: Gauge<'transport'>;
  readonly messages: Counter;
  readonly deliveries: Counter<'transport'>;
  readonly deliveryLatency: Histogram;
  readonly errors: Counter<'code'>;
  readonly closes: Counter<'code'>;
  readonly contentType: string;
  /** Prometheus text exposition format. */
  render(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    connections: new Gauge({
      name: 'realtime_connections',
      help: 'Sockets open now.',
      labelNames: ['transport'],
      registers,
    }),
    subscriptions: new Gauge({
      name: 'realtime_subscriptions',
      help: 'Subscriptions open now.',
      labelNames: ['transport'],
      registers,
    }),
    messages: new Counter({ name: 'realtime_messages_total', help: 'Messages accepted by this node.', registers }),
    deliveries: new Counter({
      name: 'realtime_deliveries_total',
      help: 'Events handed to sockets.',
      labelNames: ['transport'],
      registers,
    }),
    deliveryLatency: new Histogram({
      name: 'realtime_delivery_latency_seconds',
      help: 'From the acceptance of a message to its hand-over to a socket.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    errors: new Counter({
      name: 'realtime_errors_total',
      help: 'Errors told to callers.',
      labelNames: ['code'],
      registers,
    }),
    closes: new Counter({
      name: 'realtime_socket_closes_total',
      help: 'Sockets closed by this node.',
      labelNames: ['code'],
      registers,
    }),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}
