/**
 * The composition root: turns a configuration into a running service. Only this file and its two halves wire layers.
 */
import { randomUUID } from 'node:crypto';
import { developmentSecret } from './access/development-secret.ts';
import { createStandingOf } from './access/gateway.ts';
import { type Clock, createEndingClock, systemClock } from './clock.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { type OneOfSeveral, openCore, type ServiceBase } from './core.ts';
import { createListening, openDoors } from './doors.ts';
import type { Engine } from './engine/port.ts';
import { readSubgraphSdl } from './graphql/schema.ts';
import type { Log } from './log.ts';
import { createHealth } from './observability/health.ts';
import { createMetrics } from './observability/metrics.ts';
import { createRegistration } from './observability/registration.ts';
import { FirstTenants } from './observability/tenant-names.ts';
import type { Tracing } from './observability/tracing.ts';

export interface Service {
  readonly port: number;
  /** The port for operators; null: `port`. */
  readonly adminPort: number | null;
  readonly engine: Engine;
  /** The secrets in use; in development the first may have been created at the start. */
  readonly secrets: readonly string[];
  /** Drains and closes: readiness first, then sockets over the window, then the rest. */
  close(): Promise<void>;
}

/** Creates a missing secret in development; production was refused without one before. */
export function withSecrets(config: Config): Config {
  const { jwt } = config;
  if (jwt.secrets.length > 0 || jwt.jwksUrl || jwt.issuers.length > 0 || config.isProduction) return config;
  return { ...config, jwt: { ...jwt, secrets: [developmentSecret(config.dataDir)] } };
}

/** The name of this subgraph for gateways and registries. */
const SUBGRAPH_NAME = 'realtime';

/** The path of GraphQL under a public URL. */
function endpointsOf(publicUrl: string): { readonly url: string; readonly subscriptionUrl: string } {
  const url = `${publicUrl}/graphql`;
  return { url, subscriptionUrl: url.replace(/^http/, 'ws') };
}

export interface ServiceParts {
  readonly clock?: Clock;
  /** Null: tracing is disabled. */
  readonly tracing?: Tracing | null;
  /** The name of this process in its log and metrics. */
  readonly nodeId?: string;
  /** Conversations that one user may begin or join; left out: as many as the limits allow. */
  readonly conversationsPerUser?: number | undefined;
  /** Aborts a start that waits for the engine. */
  readonly abandon?: AbortSignal;
  /** Null: no other process shares its port. */
  readonly worker?: OneOfSeveral | null;
  /** Called when the port listens, which may be long before the engine is ready. */
  readonly listening?: (port: number) => void;
}

/**
 * The port listens at once; the promise resolves when the engine is ready, however long that takes.
 *
 * A failed start leaves nothing open: the next one finds the database unlocked and the port free.
 */
export async function startService(given: Config, log: Log, parts: ServiceParts = {}): Promise<Service> {
  const closers = new Closers(log);
  try {
    return await openService(given, log, parts, closers);
  } catch (error) {
    // Errors while closing are logged; the caller gets the error of the failed start.
    await closers.close().catch(() => undefined);
    throw error;
  }
}

async function openService(given: Config, log: Log, parts: ServiceParts, closers: Closers): Promise<Service> {
  const {
    clock: outerClock = systemClock,
    tracing = null,
    nodeId = randomUUID(),
    abandon,
    worker = null,
    conversationsPerUser,
  } = parts;
  const config = withSecrets(given);
  // Grace periods of presence and retries end with the service.
  const clock = createEndingClock(outerClock);
  closers.push('clock', () => clock.end());
  if (tracing) closers.push('tracing', () => tracing.close());
  const { metricsTenants } = config;
  const metrics = createMetrics(clock, worker?.tenantNames(metricsTenants) ?? new FirstTenants(metricsTenants));
  const standingOf = createStandingOf(config.gatewaySecrets);
  const base: ServiceBase = { config, clock, log, metrics, tracing, nodeId, worker, standingOf, closers };
  const listening = createListening(base);
  const early = worker?.isLate ? null : await listening.listen();
  if (early) parts.listening?.(early.port);
  const core = await openCore(base, { conversationsPerUser, abandon });
  const registration = createRegistration({
    url: worker && worker.index > 0 ? null : config.registrationUrl,
    token: config.registrationToken,
    clock,
    log,
  });
  const info = await openDoors(base, core, listening, createHealth(core.engine, core.circuit, registration));
  const { port, adminPort } = early ?? (await listening.listen());
  if (!early) parts.listening?.(port);
  closers.push('registration', () => registration.close());
  registration.start({
    name: SUBGRAPH_NAME,
    ...endpointsOf(config.publicUrl ?? `${config.tls ? 'https' : 'http'}://localhost:${port}`),
    sdl: readSubgraphSdl(core.graphql.schema),
    version: info().version,
  });
  return { port, adminPort, engine: core.engine, secrets: config.jwt.secrets, close: () => closers.close() };
}
