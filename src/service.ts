/** The composition root: a configuration becomes a running service. The one place that wires layers. */
import { randomUUID } from 'node:crypto';
import { developmentSecret } from './access/development-secret.ts';
import { createStandingOf } from './access/gateway.ts';
import { createOriginCheck } from './access/origins.ts';
import { createTeller } from './access/refusal-log.ts';
import { createTokenIssuer, createTokenVerifier, refuseRevoked } from './access/tokens.ts';
import { type Clock, createEndingClock, systemClock } from './clock.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { createDelivery } from './delivery/delivery.ts';
import { isPast } from './delivery/past.ts';
import { countAccepted } from './domain/accepted.ts';
import { createDomain } from './domain/domain.ts';
import { openEngine } from './engine/open.ts';
import type { Engine } from './engine/port.ts';
import { createCopies } from './expressions/copies.ts';
import { createExpressions } from './expressions/expressions.ts';
import { createBudgetDomain } from './graphql/budgeted-domain.ts';
import { type Caller, type Context, createContext } from './graphql/context.ts';
import { createErrorFormatter } from './graphql/errors.ts';
import { createExecution } from './graphql/execution.ts';
import { createPrepare } from './graphql/operations.ts';
import { createPersistedQueries } from './graphql/persisted-queries.ts';
import { createSchema, readSubgraphSdl } from './graphql/schema.ts';
import { createTell } from './graphql/wording.ts';
import { LIMITS, TIMES } from './limits.ts';
import type { Log } from './log.ts';
import { createHealth } from './observability/health.ts';
import { createInfo, VERSION } from './observability/info.ts';
import { createMetrics } from './observability/metrics.ts';
import { createRegistration } from './observability/registration.ts';
import { type Tracing, traceGroups } from './observability/tracing.ts';
import { openFilesLimit, plainWithin, socketsWithin } from './open-files.ts';
import { budgetEngine } from './rates/budgeted-engine.ts';
import { RateLimits } from './rates/rate-limits.ts';
import { TokenBucket } from './rates/token-bucket.ts';
import { createPayloadSchemas } from './schemas/payload-schemas.ts';
import { watchCertificate } from './transport/http/certificate.ts';
import { addGraphqlHttp } from './transport/http/graphql-http.ts';
import { openAdmin } from './transport/http/operations-paths.ts';
import { openPorts } from './transport/http/ports.ts';
import { createHttp } from './transport/http/server.ts';
import { traceRequests } from './transport/http/tracing.ts';
import { countUnreadAnswers } from './transport/http/unread-answers.ts';
import { createAddressOf } from './transport/peers/address.ts';
import { Admission } from './transport/peers/admission.ts';
import { UserRooms } from './transport/peers/subscription-rooms.ts';
import { Supervisor } from './transport/peers/supervisor.ts';
import { Unhandled } from './transport/peers/unhandled.ts';
import { Unsent } from './transport/peers/unsent.ts';
import { createRawEndpoint } from './transport/raw/endpoint.ts';
import { CallbackRefusals } from './transport/streams/callback-endpoint.ts';
import { createCallbackCheck } from './transport/streams/callback-url.ts';
import { createGraphqlStream } from './transport/streams/graphql-stream.ts';
import { SilentClients } from './transport/streams/silent-clients.ts';
import { Streams } from './transport/streams/streams.ts';
import { createGraphqlWs } from './transport/websocket/graphql-ws.ts';
import { Strangers } from './transport/websocket/strangers.ts';
import { handleUpgrades } from './transport/websocket/upgrade.ts';

export interface Service {
  readonly port: number;
  /** Where operators are answered; null: on `port`. */
  readonly adminPort: number | null;
  readonly engine: Engine;
  /** The secrets in use; in development the first was made for it. */
  readonly secrets: readonly string[];
  /** Drains and closes: readiness first, then sockets over the window, then the rest. */
  close(): Promise<void>;
}

/** In development a missing secret is made; production was refused without one before. */
function withSecrets(config: Config): Config {
  const { jwt } = config;
  if (jwt.secrets.length > 0 || jwt.jwksUrl || jwt.issuers.length > 0 || config.isProduction) return config;
  return { ...config, jwt: { ...jwt, secrets: [developmentSecret(config.dataDir)] } };
}

/** What gateways and registries call this subgraph. */
const SUBGRAPH_NAME = 'realtime';

/** Where GraphQL is under a public URL. */
function endpointsOf(publicUrl: string): { readonly url: string; readonly subscriptionUrl: string } {
  const url = `${publicUrl}/graphql`;
  return { url, subscriptionUrl: url.replace(/^http/, 'ws') };
}

export interface ServiceParts {
  readonly clock?: Clock;
  /** Null: nothing is traced. */
  readonly tracing?: Tracing | null;
  /** Names this process in its log and its metrics. */
  readonly nodeId?: string;
  /** Conversations that one user begins or joins; left out: as many as the limits say. */
  readonly conversationsPerUser?: number | undefined;
  /** Gives up a start that waits for the engine. */
  readonly abandon?: AbortSignal;
  /** Called when the port listens, which may be long before the engine is there. */
  readonly listening?: (port: number) => void;
}

/**
 * The port listens at once; the answer comes when the engine is there, however long that takes.
 *
 * A start that fails half way leaves nothing open: the next one finds the database unlocked and the port free.
 */
export async function startService(given: Config, log: Log, parts: ServiceParts = {}): Promise<Service> {
  const closers = new Closers(log);
  try {
    return await openService(given, log, parts, closers);
  } catch (error) {
    // What fails then is in the log; why the start failed is what the caller is to know.
    await closers.close().catch(() => undefined);
    throw error;
  }
}

async function openService(given: Config, log: Log, parts: ServiceParts, closers: Closers): Promise<Service> {
  const { clock: outerClock = systemClock, tracing = null, nodeId = randomUUID(), abandon, listening } = parts;
  const { conversationsPerUser } = parts;
  const config = withSecrets(given);
  // What a client who left was still granted, and what was to be tried again, ends with the service.
  const clock = createEndingClock(outerClock);
  closers.push('clock', () => clock.end());
  if (tracing) closers.push('tracing', () => tracing.close());
  const metrics = createMetrics(clock);
  const standingOf = createStandingOf(config.gatewaySecrets);
  const addressOf = createAddressOf(config.trustProxy, standingOf);
  const openFiles = openFilesLimit();
  const maxConnections = socketsWithin(config.maxConnections, openFiles, log);
  const plain = {
    most: plainWithin(maxConnections, openFiles),
    mostPerAddress: config.maxConnectionsPerAddress,
    // Of whom a trusted proxy comes is not known before it has asked something, and it holds slow ones itself.
    addressOf: config.trustProxy ? () => null : addressOf,
    countTurnedAway: () => metrics.turnedAway.inc({ reason: 'plain' }),
  };
  const ports = await openPorts(config, plain, (name, close) => closers.push(name, close));
  const { entrance, plainConnections, port, admin, adminPort } = ports;
  metrics.plainConnections = () => plainConnections.size;
  listening?.(port);
  const observe = {
    ...metrics.engine,
    turned(isOpen: boolean) {
      metrics.engine.turned(isOpen);
      if (isOpen) log.error('the engine is away: operations are refused');
      else log.info('the engine is back');
    },
  };
  const currentTrace = tracing?.current ?? (() => '');
  const opened = await openEngine(config, { clock, log, observe, currentTrace, conversationsPerUser, abandon });
  closers.push('engine', () => opened.close());
  const engine = budgetEngine(tracing?.wrapEngine(opened) ?? opened);
  const { registrationUrl, registrationToken } = config;
  const registration = createRegistration({ url: registrationUrl, token: registrationToken, clock, log });
  const health = createHealth(engine, registration);
  const delivery = createDelivery({
    engine,
    clock,
    log,
    countHole: (outcome) => metrics.holes.inc({ outcome }),
    streamMergeMs: config.streamMergeMs,
  });
  closers.push('delivery', () => delivery.close());
  const expressions = createExpressions();
  closers.push('expressions', () => expressions.close());
  const rateLimits = new RateLimits(config.rates, clock, log, engine.shareUse);
  closers.push('rates', () => rateLimits.close());
  const counted = countAccepted(
    createDomain(engine, clock, log, {
      ...config,
      appendPaceMs: config.rates ? LIMITS.appendPaceMs : 0,
      issueToken: createTokenIssuer(config.jwt),
      expressions,
      schemas: createPayloadSchemas(),
      copies: createCopies((viewer, count) => rateLimits.copied(viewer, count)),
      countRule: (outcome) => metrics.routedMessages.inc({ outcome: outcome.toLowerCase() }),
    }),
    metrics,
  );
  const domain = tracing ? traceGroups(counted, tracing) : counted;
  const services = { budgetDomain: createBudgetDomain(domain), delivery, maxCost: config.maxQueryCost };
  const schema = createSchema(config.subgraphWithout);
  const rules = { maxDepth: config.maxQueryDepth, maxCost: config.maxQueryCost, isProduction: config.isProduction };
  const formatError = createErrorFormatter(
    log,
    (code) => metrics.errors.inc({ code }),
    createTell(config.isProduction),
  );
  const countRender = (audience: 'shared' | 'viewer'): void => metrics.renders.inc({ audience });
  const tellRefused = createTeller<string>(clock, (reason, refused) => log.warn({ reason, refused }, 'token refused'));
  const verifyToken = refuseRevoked(createTokenVerifier(config.jwt, clock, tellRefused), domain.sessions.isRevoked);
  const stopSharing = clock.every(TIMES.shareUseMs, () => {
    rateLimits.reconcile().catch((error: unknown) => log.debug({ err: error }, 'use of rates not shared'));
  });
  closers.push('shared rates', stopSharing);
  const isOriginAllowed = createOriginCheck({
    ...config,
    clock,
    log,
    countRefused: () => metrics.turnedAway.inc({ reason: 'origin' }),
  });
  const supervisor = new Supervisor(clock, {
    ...config,
    maxConnections,
    sweepMs: Math.min(config.heartbeatIntervalMs, config.clientTimeoutMs, config.streamHeartbeatMs),
    admissions: config.rates && new TokenBucket(LIMITS.admissionBurst, config.rates.admissionsPerNode, clock.elapsed()),
    strangers: config.rates && new Strangers(config.rates.strangersPerAddress, clock),
    countTurnedAway: (reason) => metrics.turnedAway.inc({ reason }),
  });
  const unsent = new Unsent(config.maxMemoryQueued);
  metrics.queuedBytes = () => unsent.bytes;
  const info = createInfo(config, engine, nodeId);
  metrics.process.build = { version: VERSION, node: nodeId, engine: engine.kind };
  metrics.process.capacity = () => maxConnections;
  metrics.isPast = isPast;
  const unhandled = new Unhandled(LIMITS.unhandledBytes);
  metrics.unhandledBytes = () => unhandled.bytes;
  const { app, open } = createHttp({
    ...config,
    entrance,
    hasOperations: admin === null,
    isOriginAllowed,
    isDraining: () => supervisor.drainingS !== null,
    health,
    metrics,
    info,
    formatError,
    plainConnections,
    unhandled,
  });
  if (config.tls) closers.push('certificate', watchCertificate(config.tls.certFile, clock, log, metrics.process));

  countUnreadAnswers(app, unsent, clock);
  if (tracing) traceRequests(app, tracing);
  const execution = createExecution(schema, createPrepare(schema, rules), { formatError, countRender, clock }, rules);
  const createCallerContext = (caller: Caller): Context => createContext(services, caller);
  const streams = new Streams({
    supervisor,
    addressOf,
    leavePlain: (socket) => plainConnections.release(socket),
    silentClients: new SilentClients(clock, config.clientTimeoutMs),
    metrics,
    formatError,
    clock,
    log,
    maxQueuedBytes: config.maxQueuedBytes,
    timing: {
      heartbeatMs: config.streamHeartbeatMs,
      lifetimeMs: config.streamLifetimeMs,
      // Who comes back sooner is refused by a node that drains, which an EventSource takes for final.
      retryMs: config.drainWindowMs + TIMES.drainGraceMs + TIMES.retryPastDrainMs,
    },
    unsent,
    watchTokens: delivery.watchTokens,
    arrive: domain.presence.arrive,
    depart: domain.presence.depart,
  });
  const persisted = createPersistedQueries();
  const stopApollo = await addGraphqlHttp(app, {
    schema,
    persisted,
    stream: createGraphqlStream({
      execution,
      formatError,
      createContext: createCallerContext,
      verifyToken,
      standingOf,
      rateLimits,
      streams,
      rooms: new UserRooms({ sockets: config.maxConnectionsPerUser, most: config.maxConnections }),
      refusals: new CallbackRefusals(clock),
      isCallbackAllowed: createCallbackCheck(config.callbackAllowedUrls),
    }),
    rules,
    formatError,
    createContext: createCallerContext,
    verifyToken,
    standingOf,
    rateLimits,
    log,
    maxBodyBytes: config.maxBodyBytes,
  });
  closers.push('Apollo Server', stopApollo);
  const admission = new Admission({
    verifyToken,
    rateLimits,
    watchTokens: delivery.watchTokens,
    arrive: domain.presence.arrive,
    depart: domain.presence.depart,
    supervisor,
    metrics,
    clock,
    log,
  });
  const graphqlWs = createGraphqlWs({
    schema,
    persisted,
    execution,
    formatError,
    createContext: createCallerContext,
    standingOf,
    admission,
    metrics,
    clock,
    log,
    connections: { ...config, unsent, unhandled },
    gatewayRooms: new UserRooms({
      sockets: config.maxConnectionsPerUser,
      most: config.maxConnections * LIMITS.gatewaySubscriptionsPerConnection,
    }),
  });
  const raw = createRawEndpoint({
    domain,
    delivery,
    admission,
    verifyToken,
    formatError,
    metrics,
    clock,
    log,
    connections: { ...config, unsent, unhandled },
  });
  handleUpgrades(entrance.server, [graphqlWs, raw], {
    maxMessageBytes: config.maxMessageBytes,
    isOriginAllowed,
    refusesClear: config.isProduction && config.trustProxy,
    addressOf,
    leavePlain: (socket) => plainConnections.release(socket),
    supervisor,
    clock,
  });

  // The reverse of this is how a drain goes: not ready any more, then sockets over the window, then what is in flight.
  closers.push('http', async () => {
    const cut = clock.after(TIMES.drainGraceMs, () => plainConnections.cut(entrance.server));
    await app
      .close()
      .then(() => entrance.close())
      .finally(cut);
  });
  closers.push('sockets', () => supervisor.drain());
  closers.push('registration', () => registration.close());
  closers.push('readiness', () => health.drain());
  if (admin) closers.push('admin', await openAdmin(admin, { health, metrics, info }));
  await open();
  registration.start({
    name: SUBGRAPH_NAME,
    ...endpointsOf(config.publicUrl ?? `${config.tls ? 'https' : 'http'}://localhost:${port}`),
    sdl: readSubgraphSdl(schema),
    version: info().version,
  });
  return {
    port,
    adminPort,
    engine,
    secrets: config.jwt.secrets,
    close: () => closers.close(),
  };
}
