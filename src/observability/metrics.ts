/** Metrics for Prometheus. Names and labels are listed in docs/operations.md. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { EngineObserver } from '../engine/port.ts';
import { CLOSE_CODES, ERROR_CODES } from '../errors.ts';
import { createEngineMetrics } from './engine-metrics.ts';
import type { Figures } from './figures.ts';
import { collectProcess, exposeProcess, type ProcessFacts } from './process-metrics.ts';
import { createTenantMetrics, type TenantMetrics } from './tenant-metrics.ts';
import { FirstTenants, type TenantNames } from './tenant-names.ts';

const TRANSPORTS = ['graphql_ws', 'sse', 'multipart', 'callback', 'websocket'] as const;
export type Transport = (typeof TRANSPORTS)[number];

const TURNED_AWAY = ['draining', 'capacity', 'address', 'pace', 'user', 'rate', 'origin', 'stranger', 'plain'] as const;
export type TurnedAway = (typeof TURNED_AWAY)[number];

export interface Metrics {
  readonly connections: Gauge<'transport'>;
  readonly subscriptions: Gauge<'transport'>;
  readonly messages: Counter;
  readonly publications: Counter;
  /**
   * Records that an event was delivered to a client. Cheap, because it is called for each client: counts are summed
   * when scraped, and latency is measured once per event.
   */
  delivered(event: object, transport: Transport, viewer: { readonly tenant: string } | null): void;
  /** Use by tenant; off by default. */
  readonly tenants: TenantMetrics;
  readonly routedMessages: Counter<'outcome'>;
  readonly renders: Counter<'audience'>;
  readonly errors: Counter<'code'>;
  readonly closes: Counter<'code'>;
  /** Gaps in the announcements of a conversation or a topic: `closed` from the log, or `lost`, which is reported to its streams. */
  readonly gaps: Counter<'outcome'>;
  /**
   * Conversations, topics and lists in which a stream was to begin at the client's position: it `resumed`; the position
   * had `expired`; or the log had `lost` its end.
   */
  readonly resumes: Counter<'outcome'>;
  /** Counts a socket, a stream or a connection that was refused, and calls `onTurnedAway`. */
  readonly turnAway: (reason: TurnedAway) => void;
  onTurnedAway: (reason: TurnedAway) => void;
  readonly slowReaders: Counter<'transport'>;
  readonly webhookDeliveries: Counter<'outcome'>;
  /** Called when scraped: webhooks whose events this node sends. */
  webhooks: () => number;
  /** Receives the outcomes of the engine's circuit. */
  readonly engine: EngineObserver;
  readonly process: ProcessFacts;
  /** Whether an event is a replay or a change of an older message, whose age is not a latency. */
  isPast: (event: object) => boolean;
  /** Called when scraped: bytes that wait for clients to read. */
  queuedBytes: () => number;
  /** Called when scraped: bytes of events written for clients so far. */
  sentBytes: () => number;
  /** HTTP requests until their answer is ready, without streams. */
  readonly requests: Histogram<'path' | 'status'>;
  /** Called when scraped: connections that carry plain requests, and bytes of incomplete bodies. */
  plainConnections: () => number;
  unhandledBytes: () => number;
  readonly register: Registry;
  readonly contentType: string;
  /** Prometheus text exposition format. */
  render(): Promise<string>;
  /** The metrics as data, to be merged with those of other processes. */
  figures(): Promise<Figures>;
}

/** The metrics that callers increase. */
function createSeries(registers: Registry[]) {
  return {
    connections: new Gauge({
      name: 'realtime_connections',
      help: 'Sockets and streams over HTTP open now.',
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
    publications: new Counter({
      name: 'realtime_publications_total',
      help: 'Publications to topics accepted by this node.',
      registers,
    }),
    routedMessages: new Counter({
      name: 'realtime_routing_rules_total',
      help: 'Messages by the outcome of routing rules.',
      labelNames: ['outcome'],
      registers,
    }),
    renders: new Counter({
      name: 'realtime_renders_total',
      help: 'Events rendered, for all streams that share a shape or for one viewer.',
      labelNames: ['audience'],
      registers,
    }),
    errors: new Counter({
      name: 'realtime_errors_total',
      help: 'Errors sent to callers.',
      labelNames: ['code'],
      registers,
    }),
    closes: new Counter({
      name: 'realtime_socket_closes_total',
      help: 'Sockets closed by this node.',
      labelNames: ['code'],
      registers,
    }),
    gaps: new Counter({
      name: 'realtime_holes_total',
      help: 'Gaps in the announcements of a conversation or topic: closed from the log, or lost and reported to its streams.',
      labelNames: ['outcome'],
      registers,
    }),
    turnedAway: new Counter({
      name: 'realtime_turned_away_total',
      help: 'Sockets and streams that were refused admission.',
      labelNames: ['reason'],
      registers,
    }),
    resumes: new Counter({
      name: 'realtime_resumes_total',
      help: 'Conversations, topics and lists in which a stream began at the position of its client, or could not.',
      labelNames: ['outcome'],
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'realtime_webhook_deliveries_total',
      help: 'Requests of webhooks: delivered, failed, gone (status 410), or refused (the address is not allowed).',
      labelNames: ['outcome'],
      registers,
    }),
  };
}

/** Counts events that were delivered to clients, and measures the time of each to its first client. */
function createDelivered(
  clock: Clock,
  registers: Registry[],
  isPast: (event: object) => boolean,
  tenants: TenantMetrics,
): Metrics['delivered'] {
  const delivered: Record<Transport, number> = { graphql_ws: 0, sse: 0, multipart: 0, callback: 0, websocket: 0 };
  let latest: object | null = null;
  new Counter({
    name: 'realtime_deliveries_total',
    help: 'Events delivered to clients.',
    labelNames: ['transport'],
    registers,
    collect() {
      for (const transport of TRANSPORTS) {
        this.inc({ transport }, delivered[transport]);
        delivered[transport] = 0;
      }
    },
  });
  const latency = new Histogram({
    name: 'realtime_delivery_latency_seconds',
    help: 'Time from the acceptance of a message to its delivery to the first socket of this node, without replays and changes.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return (event, transport, viewer) => {
    delivered[transport] += 1;
    if (viewer) tenants.count(viewer.tenant, 'deliveries', 1);
    if (event === latest) return;
    latest = event;
    const { timestamp } = event as { readonly timestamp?: unknown };
    if (typeof timestamp === 'number' && !isPast(event)) latency.observe(Math.max(clock.now() - timestamp, 0) / 1_000);
  };
}

/** Metrics that are read when scraped. */
function measureWhenScraped(metrics: Metrics, clock: Clock, registers: Registry[]): void {
  const measure = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  measure('realtime_queued_bytes', 'Bytes that wait in this process for clients to read.', () => metrics.queuedBytes());
  new Counter({
    name: 'realtime_sent_bytes_total',
    help: 'Bytes of events written for clients over sockets and streams.',
    registers,
    collect() {
      this.reset();
      this.inc(metrics.sentBytes());
    },
  });
  measure('realtime_plain_connections', 'Connections that carry plain requests, or nothing yet.', () =>
    metrics.plainConnections(),
  );
  measure(
    'realtime_unhandled_bytes',
    'Bytes received from clients and not handled yet: requests, frames, and parts of them.',
    () => metrics.unhandledBytes(),
  );
  measure('realtime_timers', 'Timers of this process that have not run yet.', () => clock.pending);
  measure('realtime_webhooks', 'Webhooks whose events this process sends.', () => metrics.webhooks());
}

/** `tenants`: those that are shown by name. */
export function createMetrics(clock: Clock, tenants: TenantNames = new FirstTenants(0)): Metrics {
  const registry = new Registry();
  collectProcess(registry);
  const registers = [registry];
  const ofTenants = createTenantMetrics(tenants, registers);
  const { turnedAway, ...series } = createSeries(registers);
  const metrics: Metrics = {
    ...series,
    turnAway(reason) {
      turnedAway.inc({ reason });
      metrics.onTurnedAway(reason);
    },
    onTurnedAway: () => undefined,
    slowReaders: new Counter({
      name: 'realtime_slow_readers_total',
      help: 'Sockets closed and streams ended because their clients read too slowly.',
      labelNames: ['transport'],
      registers,
    }),
    requests: new Histogram({
      name: 'realtime_http_request_seconds',
      help: 'Time from the headers of a request to its answer, without streams.',
      labelNames: ['path', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    delivered: createDelivered(clock, registers, (event) => metrics.isPast(event), ofTenants),
    tenants: ofTenants,
    webhooks: () => 0,
    engine: createEngineMetrics(registers),
    process: exposeProcess(registers),
    isPast: () => false,
    queuedBytes: () => 0,
    sentBytes: () => 0,
    plainConnections: () => 0,
    unhandledBytes: () => 0,
    register: registry,
    contentType: registry.contentType,
    render: () => registry.metrics(),
    figures: () => registry.getMetricsAsJSON(),
  };
  measureWhenScraped(metrics, clock, registers);
  for (const reason of TURNED_AWAY) turnedAway.inc({ reason }, 0);
  beginAtZero(metrics);
  return metrics;
}

const VALUES = {
  routing: ['drop', 'transform', 'forward', 'copy', 'fault'],
  webhooks: ['delivered', 'failed', 'gone', 'refused'],
} as const;

/** Creates every series for the first scrape: Prometheus sees no increase in a series that begins at 1. */
function beginAtZero(metrics: Metrics): void {
  for (const transport of TRANSPORTS) {
    metrics.connections.inc({ transport }, 0);
    metrics.subscriptions.inc({ transport }, 0);
    metrics.slowReaders.inc({ transport }, 0);
  }
  for (const code of Object.keys(ERROR_CODES)) metrics.errors.inc({ code }, 0);
  for (const code of Object.values(CLOSE_CODES)) metrics.closes.inc({ code: String(code) }, 0);
  for (const outcome of ['closed', 'lost']) metrics.gaps.inc({ outcome }, 0);
  for (const outcome of ['resumed', 'expired', 'lost']) metrics.resumes.inc({ outcome }, 0);
  metrics.requests.zero({ path: '/graphql', status: '200' });
  for (const audience of ['shared', 'viewer']) metrics.renders.inc({ audience }, 0);
  for (const outcome of VALUES.routing) metrics.routedMessages.inc({ outcome }, 0);
  for (const outcome of VALUES.webhooks) metrics.webhookDeliveries.inc({ outcome }, 0);
}
