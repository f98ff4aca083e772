/** The second half of a service: every entry, and the order in which they are closed. */
import { createUrlCheck } from './access/allowed-urls.ts';
import { createOriginCheck, type IsOriginAllowed } from './access/origins.ts';
import type { Core, ServiceBase } from './core.ts';
import { isPast } from './delivery/past.ts';
import { createPersistedQueries, type PersistedQueries } from './graphql/persisted-queries.ts';
import { LIMITS, TIMES } from './limits.ts';
import type { Health } from './observability/health.ts';
import { createInfo, VERSION } from './observability/info.ts';
import { healthOfAll, renderAll } from './observability/together.ts';
import { openFilesLimit, plainWithin, socketsWithin } from './open-files.ts';
import { TokenBucket } from './rates/token-bucket.ts';
import { watchCertificate } from './transport/http/certificate.ts';
import { addConsole, type ShowPage } from './transport/http/console-files.ts';
import { addConsoleTokens } from './transport/http/console-tokens.ts';
import { addGraphqlHttp } from './transport/http/graphql-http.ts';
import { createAdmin, type ObservabilityOptions } from './transport/http/observability-paths.ts';
import { createPorts, type Ports } from './transport/http/ports.ts';
import { createHttp, type Http } from './transport/http/server.ts';
import { RequestTimes } from './transport/http/timing.ts';
import { traceRequests } from './transport/http/tracing.ts';
import { countUnreadAnswers } from './transport/http/unread-answers.ts';
import { type AddressOf, createAddressOf } from './transport/peers/address.ts';
import { Admission } from './transport/peers/admission.ts';
import { UserCaps } from './transport/peers/subscription-caps.ts';
import { Supervisor } from './transport/peers/supervisor.ts';
import { UnhandledBytes } from './transport/peers/unhandled-bytes.ts';
import { UnidentifiedRates } from './transport/peers/unidentified-rates.ts';
import { UnsentBytes } from './transport/peers/unsent-bytes.ts';
import { createRawEndpoint } from './transport/raw/endpoint.ts';
import { CallbackRefusals } from './transport/streams/callback-endpoint.ts';
import { createGraphqlStream } from './transport/streams/graphql-stream.ts';
import { SilentClients } from './transport/streams/silent-clients.ts';
import { Streams } from './transport/streams/streams.ts';
import { createGraphqlWs } from './transport/websocket/graphql-ws.ts';
import { handleUpgrades } from './transport/websocket/upgrade.ts';

/** Ports that can listen before there is anything to serve. */
export interface OpenPorts extends Ports {
  readonly addressOf: AddressOf;
  /** The most sockets and streams. */
  readonly maxConnections: number;
}

/** The parts that all entries share. */
interface DoorParts {
  readonly base: ServiceBase;
  readonly core: Core;
  readonly listening: OpenPorts;
  readonly supervisor: Supervisor;
  readonly unsent: UnsentBytes;
  readonly unhandled: UnhandledBytes;
  readonly isOriginAllowed: IsOriginAllowed;
}

type Info = ReturnType<typeof createInfo>;

export function createListening({ config, clock, log, metrics, closers, standingOf }: ServiceBase): OpenPorts {
  metrics.onTurnedAway = (reason) => log.debug({ reason }, 'refused');
  const addressOf = createAddressOf(config.trustProxy, standingOf);
  const openFiles = openFilesLimit();
  const maxConnections = socketsWithin(Math.ceil(config.maxConnections / config.workers), openFiles, log);
  const plain = {
    most: plainWithin(maxConnections, openFiles),
    mostPerAddress: config.maxConnectionsPerAddress,
    // A trusted proxy is recognised only by its requests, and handles slow clients itself.
    addressOf: config.trustProxy ? () => null : addressOf,
    countTurnedAway: () => metrics.turnAway('plain'),
  };
  const ports = createPorts({ ...config, clock }, plain, (name, close) => closers.push(name, close));
  metrics.plainConnections = () => ports.plainConnections.size;
  return { ...ports, addressOf, maxConnections };
}

/** Clients can connect once this resolves. */
export async function openDoors(base: ServiceBase, core: Core, listening: OpenPorts, health: Health): Promise<Info> {
  const { config, clock, closers, log, metrics, worker } = base;
  const doorParts = openDoorParts(base, core, listening);
  const info = createInfo(config, core.engine, base.nodeId);
  worker?.answerBy({ figures: metrics.figures, health: health.detailed });
  const render = worker ? () => renderAll(worker.gather) : metrics.render;
  const operations = {
    health: worker ? healthOfAll(health, worker.gather) : health,
    metrics: { contentType: metrics.contentType, render },
    info,
  };
  const admin = listening.admin ? createAdmin(listening.admin, operations) : null;
  // Closed after all doors for clients: operators watch the whole drain.
  if (admin) closers.push('admin', admin.close);
  const http = openHttp(doorParts, operations);
  await openGraphql(doorParts, http);
  // Closers run in reverse order: readiness first, then sockets over the window, then work in flight.
  closers.push('http', () => closeHttp(doorParts, http));
  closers.push('sockets', () => doorParts.supervisor.drain());
  closers.push('new requests', () => listening.entrance.leave());
  closers.push('waits', () => {
    core.graphql.endWaits();
    core.webhooks.end();
  });
  closers.push('readiness', () => health.drain());
  if (config.tls) closers.push('certificate', watchCertificate(config.tls.certFile, clock, log, metrics.process));
  await admin?.open();
  await http.open();
  metrics.process.isServing = true;
  return info;
}

function openDoorParts(base: ServiceBase, core: Core, listening: OpenPorts): DoorParts {
  const { config, clock, log, metrics, nodeId, worker } = base;
  const { maxConnections } = listening;
  const supervisor = new Supervisor(clock, {
    ...config,
    maxConnections,
    sweepMs: Math.min(config.heartbeatIntervalMs, config.clientTimeoutMs, config.streamHeartbeatMs),
    admissions: config.rates && new TokenBucket(LIMITS.admissionBurst, config.rates.admissionsPerNode, clock.elapsed()),
    unidentifiedRates: config.rates && new UnidentifiedRates(config.rates.strangersPerAddress, clock),
    countTurnedAway: metrics.turnAway,
  });
  const unsent = new UnsentBytes(config.maxMemoryQueued);
  const unhandled = new UnhandledBytes(LIMITS.unhandledBytes);
  metrics.queuedBytes = () => unsent.bytes;
  metrics.sentBytes = () => unsent.written;
  metrics.unhandledBytes = () => unhandled.bytes;
  metrics.process.build = { version: VERSION, node: nodeId, engine: core.engine.kind };
  metrics.process.capacity = () => maxConnections;
  metrics.process.workerDeaths = worker?.deaths ?? 0;
  metrics.isPast = isPast;
  metrics.tenants.connected = () => supervisor.tenants();
  const countRefused = (): void => metrics.turnAway('origin');
  const isOriginAllowed = createOriginCheck({ ...config, clock, log, countRefused });
  return { base, core, listening, supervisor, unsent, unhandled, isOriginAllowed };
}

function openHttp({ base, core, listening, ...doorParts }: DoorParts, operations: ObservabilityOptions): Http {
  const { config, clock, tracing } = base;
  const http = createHttp({
    ...config,
    entrance: listening.entrance,
    hasOperations: listening.admin === null,
    isOriginAllowed: doorParts.isOriginAllowed,
    isDraining: () => doorParts.supervisor.drainingS !== null,
    ...operations,
    formatError: core.graphql.formatError,
    plainConnections: listening.plainConnections,
    unhandled: doorParts.unhandled,
    times: new RequestTimes(clock, base.metrics.requests),
  });
  countUnreadAnswers(http.app, doorParts.unsent, clock);
  if (tracing) traceRequests(http.app, tracing);
  return http;
}

async function closeHttp({ base, listening }: DoorParts, { app }: Http): Promise<void> {
  const { entrance, plainConnections } = listening;
  const cut = base.clock.after(TIMES.drainGraceMs, () => {
    entrance.cut();
    plainConnections.cut();
  });
  await app
    .close()
    .then(() => entrance.close())
    .finally(cut);
}

/** GraphQL on each transport, and the raw adapter. */
async function openGraphql(doorParts: DoorParts, { app }: Http): Promise<void> {
  const { base, core, listening } = doorParts;
  const { config, log, standingOf } = base;
  const { graphql, rateLimits, verifyToken } = core;
  const persisted = createPersistedQueries();
  const callers = { standingOf, verifyToken, rateLimits };
  const stream = createGraphqlStream({
    ...graphql,
    ...callers,
    streams: createStreams(doorParts),
    rooms: new UserCaps({ sockets: config.maxConnectionsPerUser, most: listening.maxConnections }),
    refusals: new CallbackRefusals(base.clock),
    isCallbackAllowed: createUrlCheck(config.callbackAllowedUrls),
  });
  const showPage = config.hasConsole ? openConsole(doorParts, app) : null;
  const http = { persisted, stream, log, maxBodyBytes: config.maxBodyBytes, showPage };
  const stopApollo = await addGraphqlHttp(app, { ...graphql, ...callers, ...http });
  base.closers.push('Apollo Server', stopApollo);
  openSockets(doorParts, persisted);
}

/** Pages for developers. In production they issue no tokens. */
function openConsole({ base: { config, clock } }: DoorParts, app: Http['app']): ShowPage {
  const { secrets, tenantClaim, issuer, audience } = config.jwt;
  if (!config.isProduction) addConsoleTokens(app, { clock, secrets, tenantClaim, issuer, audience });
  return addConsole(app);
}

function createStreams({ base, core, listening, supervisor, unsent }: DoorParts): Streams {
  const { config, clock, log, metrics } = base;
  return new Streams({
    supervisor,
    addressOf: listening.addressOf,
    leavePlain: (socket) => listening.plainConnections.release(socket),
    silentClients: new SilentClients(clock, config.clientTimeoutMs),
    metrics,
    formatError: core.graphql.formatError,
    clock,
    log,
    maxQueuedBytes: config.maxQueuedBytes,
    timing: {
      heartbeatMs: config.streamHeartbeatMs,
      lifetimeMs: config.streamLifetimeMs,
      // A client that reconnects sooner would be refused by the draining node, which an EventSource treats as final.
      retryMs: config.drainWindowMs + TIMES.drainGraceMs + TIMES.retryPastDrainMs,
    },
    unsent,
    tokens: core.delivery,
    arrive: core.domain.presence.arrive,
    depart: core.domain.presence.depart,
  });
}

function openSockets({ base, core, listening, ...doorParts }: DoorParts, persisted: PersistedQueries): void {
  const { config, clock, log, metrics, standingOf } = base;
  const { domain, delivery, graphql, rateLimits, verifyToken } = core;
  const { arrive, depart } = domain.presence;
  const { supervisor, isOriginAllowed, unsent, unhandled } = doorParts;

  const shared = {
    metrics,
    clock,
    log,
    formatError: graphql.formatError,
    connections: { ...config, unsent, unhandled },
  };
  const admission = new Admission({ ...shared, verifyToken, rateLimits, tokens: delivery, arrive, depart, supervisor });
  const gatewayCaps = new UserCaps({
    sockets: config.maxConnectionsPerUser,
    most: listening.maxConnections * LIMITS.gatewaySubscriptionsPerConnection,
  });
  const graphqlWs = createGraphqlWs({ ...shared, ...graphql, standingOf, admission, persisted, gatewayCaps });
  const raw = createRawEndpoint({ ...shared, domain, delivery, admission, verifyToken });
  handleUpgrades(listening.entrance.server, [graphqlWs, raw], {
    maxMessageBytes: config.maxMessageBytes,
    isOriginAllowed,
    refusesClear: config.isProduction && config.trustProxy,
    addressOf: listening.addressOf,
    leavePlain: (socket) => listening.plainConnections.leave(socket),
    supervisor,
    clock,
  });
}
