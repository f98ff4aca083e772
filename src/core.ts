/** The first half of a service: engine, domain, delivery and GraphQL. Nothing can connect to it yet. */
import { isPublicAddress } from './access/addresses.ts';
import { createUrlCheck } from './access/allowed-urls.ts';
import type { StandingOf } from './access/gateway.ts';
import { createRefusalLog } from './access/refusal-log.ts';
import { createTokenIssuer, createTokenVerifier, refuseRevoked, type VerifyToken } from './access/tokens.ts';
import type { Clock } from './clock.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { createDelivery, type Delivery, type DeliveryOptions } from './delivery/delivery.ts';
import { countAccepted } from './domain/accepted.ts';
import { createDomain, type Domain } from './domain/domain.ts';
import { EventWaits } from './domain/event-waits.ts';
import { createCopies } from './domain/routing-copies.ts';
import type { GuardedEngine } from './engine/circuit.ts';
import { openEngine } from './engine/open.ts';
import type { Circuit, Engine } from './engine/port.ts';
import type { ServiceError } from './errors.ts';
import { createExpressions } from './expressions/expressions.ts';
import { createBudgetDomain } from './graphql/budgeted-domain.ts';
import { type Caller, type Context, createContext } from './graphql/context.ts';
import { createErrorFormatter, type FormatError } from './graphql/errors.ts';
import { createExecution, type Execution } from './graphql/execution.ts';
import { createPrepare, type OperationRules, type Prepare } from './graphql/operations.ts';
import { createSchema } from './graphql/schema.ts';
import { createWording } from './graphql/wording.ts';
import { LIMITS, TIMES } from './limits.ts';
import type { Log } from './log.ts';
import type { Metrics } from './observability/metrics.ts';
import type { TenantNames } from './observability/tenant-names.ts';
import type { Gather, OwnAnswers } from './observability/together.ts';
import { type Tracing, traceGroups } from './observability/tracing.ts';
import { withoutBudget } from './rates/budget.ts';
import { budgetEngine } from './rates/budgeted-engine.ts';
import type { IsRevoked } from './rates/meters.ts';
import { RateLimits } from './rates/rate-limits.ts';
import { createPayloadSchemas } from './schemas/payload-schemas.ts';
import type { AddressRules, SendResult } from './webhooks/endpoint.ts';
import { WebhookSenders } from './webhooks/webhooks.ts';

/** A process that shares its port with others. */
export interface OneOfSeveral {
  /** From 0. Worker 0 does the work that only one needs to do. */
  readonly index: number;
  /** Whether other processes serve already: this one then listens only when it can serve. */
  readonly isLate: boolean;
  /** Workers that have died so far. */
  readonly deaths: number;
  /** Sets the function that answers questions about this process. */
  answerBy(own: OwnAnswers): void;
  readonly gather: Gather;
  /** The tenants that metrics show by name, the same for all these processes. */
  tenantNames(most: number): TenantNames;
}

/** The base of every part of a service. */
export interface ServiceBase {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Null: tracing is disabled. */
  readonly tracing: Tracing | null;
  /** The name of this process in its log and metrics. */
  readonly nodeId: string;
  /** Null: no other process shares its port. */
  readonly worker: OneOfSeveral | null;
  readonly standingOf: StandingOf;
  /** The parts opened so far. */
  readonly closers: Closers;
}

export interface EngineParts {
  readonly conversationsPerUser?: number | undefined;
  /** Aborts a start that waits for the engine. */
  readonly abandon?: AbortSignal | undefined;
}

/** GraphQL for every transport. */
export interface Graphql {
  readonly schema: ReturnType<typeof createSchema>;
  readonly rules: OperationRules;
  readonly prepare: Prepare;
  readonly formatError: FormatError;
  readonly execution: Execution;
  readonly createContext: (caller: Caller) => Context;
  /** Ends all waits for events, and allows no new ones. */
  endWaits(): void;
}

export interface Core {
  readonly engine: Engine;
  readonly circuit: () => Circuit;
  readonly delivery: Delivery;
  readonly domain: Domain;
  readonly rateLimits: RateLimits;
  readonly graphql: Graphql;
  readonly webhooks: WebhookSenders;
  readonly verifyToken: VerifyToken;
}

/** Resolves when the engine is ready, however long that takes. */
export async function openCore(base: ServiceBase, parts: EngineParts): Promise<Core> {
  const { config, clock, closers } = base;
  const { engine, circuit } = await openStorage(base, parts);
  const delivery = createDelivery({
    engine,
    clock,
    log: base.log,
    ...countPositions(base),
    streamMergeMs: config.streamMergeMs,
  });
  closers.push('delivery', () => delivery.close());
  const rateLimits = openRates(base, engine, (viewer) => domain.sessions.isRevoked(viewer));
  // Outside any budget: waiting pulls share one read.
  const waits = new EventWaits((tenant) => withoutBudget(() => engine.readArrivals(tenant)), clock);
  const domain = openDomain(base, engine, rateLimits, waits);
  return {
    engine,
    circuit,
    delivery,
    domain,
    rateLimits,
    graphql: createGraphql(base, domain, delivery),
    webhooks: openWebhooks(base, engine, waits),
    verifyToken: createVerifier(base, domain),
  };
}

/** Counts resumed positions, and logs each kind of loss at most once a minute. */
function countPositions({ clock, log, metrics }: ServiceBase): Pick<DeliveryOptions, 'countGap' | 'countResume'> {
  const logs = new Map<string, (error: ServiceError) => void>();
  function logLoss(error: ServiceError): void {
    const { reason = '' } = error;
    const logRefusal =
      logs.get(reason) ??
      createRefusalLog<ServiceError>(clock, ({ of }, refused) => {
        const about = of && ('topic' in of ? { topic: of.topic } : { conversation: of.conversationId });
        log.warn({ reason, ...about, refused }, 'position refused');
      });
    logs.set(reason, logRefusal);
    logRefusal(error);
  }
  return {
    countGap(outcome, unlogged) {
      metrics.gaps.inc({ outcome });
      if (unlogged) logLoss(unlogged);
    },
    countResume(outcome, why) {
      metrics.resumes.inc({ outcome: why?.reason === 'DIVERGED' ? 'lost' : outcome });
      if (why) logLoss(why);
    },
  };
}

async function openStorage(
  { config, clock, log, metrics, tracing, nodeId, closers }: ServiceBase,
  parts: EngineParts,
): Promise<GuardedEngine> {
  const observe = {
    ...metrics.engine,
    turned(isOpen: boolean) {
      metrics.engine.turned(isOpen);
      if (isOpen) log.error('the engine is unavailable; operations are refused');
      else log.info('the engine is available again');
    },
  };
  const currentTrace = tracing?.current ?? (() => '');
  const { engine, circuit } = await openEngine(config, { clock, log, nodeId, observe, currentTrace, ...parts });
  closers.push('engine', () => engine.close());
  return { engine: budgetEngine(tracing?.wrapEngine(engine) ?? engine), circuit };
}

function openRates({ config, clock, log, closers }: ServiceBase, engine: Engine, isRevoked: IsRevoked): RateLimits {
  const rateLimits = new RateLimits(config.rates, clock, log, engine.shareUse, isRevoked);
  closers.push('rates', () => rateLimits.close());
  const stopSharing = clock.every(TIMES.shareUseMs, () => {
    rateLimits.reconcile().catch((error: unknown) => log.debug({ err: error }, 'use of rates not shared'));
  });
  closers.push('shared rates', stopSharing);
  return rateLimits;
}

/** The URLs to which webhooks may send events. */
function webhookAddresses({ webhookAllowedUrls, webhookPrivateAddresses }: Config): AddressRules {
  return {
    isUrlAllowed: createUrlCheck(webhookAllowedUrls),
    isAddressAllowed: (address) => webhookPrivateAddresses || isPublicAddress(address),
  };
}

function openWebhooks(
  { config, clock, log, metrics, closers }: ServiceBase,
  engine: Engine,
  waits: EventWaits,
): WebhookSenders {
  const count = (outcome: SendResult['outcome']): void => metrics.webhookDeliveries.inc({ outcome });
  const webhooks = new WebhookSenders({
    engine,
    clock,
    log,
    waits,
    addresses: webhookAddresses(config),
    count,
    unreachedAfterMs: config.unreachedAfterMs,
  });
  metrics.webhooks = () => webhooks.held;
  closers.push('webhooks', () => webhooks.close());
  return webhooks;
}

function openDomain(
  { config, clock, log, metrics, tracing, closers }: ServiceBase,
  engine: Engine,
  rateLimits: RateLimits,
  waits: EventWaits,
): Domain {
  const expressions = createExpressions();
  closers.push('expressions', () => expressions.close());
  const domain = createDomain(engine, clock, log, {
    ...config,
    appendPaceMs: config.rates ? LIMITS.appendPaceMs : 0,
    issueToken: createTokenIssuer(config.jwt),
    expressions,
    schemas: createPayloadSchemas(),
    copies: createCopies((viewer, count) => rateLimits.copied(viewer, count)),
    waits,
    isWebhookUrlAllowed: webhookAddresses(config).isUrlAllowed,
    countRule: (outcome) => metrics.routedMessages.inc({ outcome: outcome.toLowerCase() }),
  });
  const counted = countAccepted(domain, metrics);
  return tracing ? traceGroups(counted, tracing) : counted;
}

function createGraphql({ config, clock, log, metrics }: ServiceBase, domain: Domain, delivery: Delivery): Graphql {
  const { isProduction, maxQueryDepth: maxDepth, maxQueryCost: maxCost } = config;
  let isDraining = false;
  const services = { budgetDomain: createBudgetDomain(domain), delivery, maxCost, isDraining: () => isDraining };
  const rules = { maxDepth, maxCost, isProduction };
  const schema = createSchema(config.subgraphWithout);
  const formatError = createErrorFormatter(log, (code) => metrics.errors.inc({ code }), createWording(isProduction));
  const countRender = (audience: 'shared' | 'viewer'): void => metrics.renders.inc({ audience });
  const prepare = createPrepare(schema, rules);
  const execution = createExecution(schema, prepare, { formatError, countRender, clock }, rules);
  return {
    schema,
    rules,
    prepare,
    formatError,
    execution,
    createContext: (caller) => createContext(services, caller),
    endWaits() {
      isDraining = true;
    },
  };
}

function createVerifier({ config, clock, log }: ServiceBase, domain: Domain): VerifyToken {
  const tellRefused = createRefusalLog<string>(clock, (reason, refused) =>
    log.warn({ reason, refused }, 'token refused'),
  );
  return refuseRevoked(createTokenVerifier(config.jwt, clock, tellRefused), domain.sessions.isRevoked);
}
