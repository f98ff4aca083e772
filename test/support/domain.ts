/** The domain over an embedded engine in memory, without transports. */
import { createDomain, type Domain } from '../../src/domain/domain.ts';
import { EventWaits } from '../../src/domain/event-waits.ts';
import { createCopies } from '../../src/domain/routing-copies.ts';
import type { TokenClaims } from '../../src/domain/session-tokens.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { createExpressions } from '../../src/expressions/expressions.ts';
import type { RuleOutcome, SessionLifetimes } from '../../src/model.ts';
import { createPayloadSchemas } from '../../src/schemas/payload-schemas.ts';
import { type CapturedLog, captureLog } from './log.ts';
import { StillClock } from './still-clock.ts';

export const LIFETIMES: SessionLifetimes = { accessTokenMs: 60_000, idleMs: 300_000, maxAgeMs: 1_500_000 };

export interface TestDomain extends Domain {
  /** As the domain uses it: a test may replace a method. */
  readonly engine: Engine;
  readonly clock: StillClock;
  /** The log, from `debug` on. */
  readonly log: CapturedLog;
  /** The outcomes of routing rules so far. */
  readonly ruled: RuleOutcome[];
  close(): Promise<void>;
}

export function openTestDomain(given: { readonly conversationsPerUser?: number } = {}): TestDomain {
  const clock = new StillClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock, ...given });
  const expressions = createExpressions();
  const log = captureLog('debug');
  const ruled: RuleOutcome[] = [];
  const domain = createDomain(engine, clock, log.log, {
    presenceGraceMs: 1_000,
    issueToken: async (claims: TokenClaims) => JSON.stringify(claims),
    sessions: LIFETIMES,
    expressions,
    schemas: createPayloadSchemas(),
    countRule: (outcome) => ruled.push(outcome),
    copies: createCopies(() => undefined),
    appendPaceMs: 0,
    waits: new EventWaits((tenant) => engine.readArrivals(tenant), clock),
    isWebhookUrlAllowed: (url) => url.startsWith('https://'),
  });
  return {
    ...domain,
    engine,
    clock,
    log,
    ruled,
    async close() {
      await expressions.close();
      await engine.close();
    },
  };
}
