/**
 * Applies a tenant's routing rules to a message before it is stored.
 *
 * For a tenant without rules this is one map lookup. When a rule fails, its `onFault` decides whether it is skipped or
 * the message is refused. A rule whose expression overran is paused for a while.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type {
  RoutedKind,
  RoutingRuleId,
  RoutingRuleRecord,
  RuleOutcome,
  RuleTargets,
  RuleVerdict,
  TenantId,
  Viewer,
} from '../model.ts';
import { createKnownRules } from './known-rules.ts';
import {
  apply,
  type Evaluate,
  failed,
  looksAt,
  type MessageContents,
  mayDivert,
  passed,
  type Routable,
} from './rule-run.ts';

export interface ExpressionRequest {
  /** The tenant whose share of running time it uses. */
  readonly tenant: TenantId;
  readonly source: string;
  readonly input: unknown;
  /** A dry run may use only a part of that share, so that the tenant's rules keep the rest. */
  readonly isDryRun: boolean;
}

/** An expression took more time or memory than it may. */
export class OverrunError extends Error {
  override readonly name = 'OverrunError';
}

/** Evaluates tenants' expressions within limits of steps, depth, memory and time. */
export interface Expressions {
  /** The fault of an expression; null: none. */
  fault(source: string): string | null;
  /** @throws {Error} when it fails. @throws {OverrunError} @throws {ServiceError} RATE_LIMITED, of a dry run only. */
  evaluate(request: ExpressionRequest): Promise<unknown>;
}

/** Deliveries of rules, charged and made in turns. */
export interface Copies {
  /** Counts deliveries as messages of the original's sender. */
  charge(viewer: Viewer, count: number): void;
  /** Resolves when the next delivery of this tenant may be made. @throws {ServiceError} SERVICE_UNAVAILABLE when too many wait. */
  turn(tenant: TenantId): Promise<void>;
}

export interface RuleDelivery {
  readonly rule: RoutingRuleId;
  readonly targets: RuleTargets;
}

/** The result of all rules for a message. */
export interface Decision {
  readonly fate: 'STORE' | 'DROP' | 'FORWARD' | 'REFUSE';
  readonly contents: MessageContents;
  /** The destinations that replace the message's own; `copies`: additional destinations. */
  readonly forward: RuleDelivery | null;
  readonly copies: readonly RuleDelivery[];
}

export interface Routing {
  /** Whether any rule applies to messages of these kinds; synchronous when the tenant's rules are cached. */
  concerns(tenant: TenantId, kinds: readonly RoutedKind[]): boolean | Promise<boolean>;
  /** Whether rules may change or divert a message. Such a message is not shown before the rules have run. */
  mayDivert(tenant: TenantId, message: Routable): boolean | Promise<boolean>;
  decide(tenant: TenantId, message: Routable): Promise<Decision>;
  /** A dry run. @throws {ServiceError} RATE_LIMITED when the tenant has used up its time for evaluations. */
  test(tenant: TenantId, rule: RoutingRuleRecord, message: Routable): Promise<RuleVerdict>;
  /** Reads a tenant's rules again. */
  refresh(tenant: TenantId): Promise<void>;
}

/** Counts the outcomes of rules. */
export type CountRule = (outcome: RuleOutcome) => void;

export function createRouting(
  engine: Engine,
  clock: Clock,
  log: Log,
  expressions: Expressions,
  count: CountRule,
): Routing {
  const known = createKnownRules(engine, clock, log);

  async function run(tenant: TenantId, rule: RoutingRuleRecord, message: Routable): Promise<RuleVerdict> {
    if (!looksAt(rule, message)) return passed(message);
    if (known.isResting(tenant, rule)) return failed(message, 'The rule took too long, and is skipped for a minute.');
    const evaluate: Evaluate = (source, input) => expressions.evaluate({ tenant, source, input, isDryRun: false });
    try {
      const verdict = await apply(rule, message, clock.now(), evaluate);
      if (verdict.outcome !== 'PASS') count(verdict.outcome);
      return verdict;
    } catch (error) {
      const { message: reason } = error as Error;
      count('FAULT');
      log.warn({ tenant, rule: rule.id, reason }, 'routing rule failed');
      if (error instanceof OverrunError) known.rest(tenant, rule);
      return failed(message, reason);
    }
  }

  return {
    concerns(tenant, kinds) {
      const any = (rules: readonly RoutingRuleRecord[]): boolean =>
        rules.some(({ match }) => match.on.some((kind) => kinds.includes(kind)));
      const rules = known.of(tenant);
      return rules instanceof Promise ? rules.then(any) : any(rules);
    },

    mayDivert(tenant, message) {
      const any = (rules: readonly RoutingRuleRecord[]): boolean =>
        rules.some((rule) => mayDivert(rule) && looksAt(rule, message));
      const rules = known.of(tenant);
      return rules instanceof Promise ? rules.then(any) : any(rules);
    },

    async decide(tenant, message) {
      let contents: MessageContents = { content: message.content, payload: message.payload };
      const copies: RuleDelivery[] = [];
      for (const rule of await known.of(tenant)) {
        const { outcome, targets, content, payload } = await run(tenant, rule, { ...message, ...contents });
        const delivery = { rule: rule.id, targets };
        if (outcome === 'FAULT' && rule.onFault === 'REFUSE')
          return { fate: 'REFUSE', contents, forward: null, copies: [] };
        if (outcome === 'DROP') return { fate: 'DROP', contents, forward: null, copies };
        if (outcome === 'FORWARD') return { fate: 'FORWARD', contents, forward: delivery, copies };
        if (outcome === 'COPY') copies.push(delivery);
        contents = { content, payload };
      }
      return { fate: 'STORE', contents, forward: null, copies };
    },

    async test(tenant, rule, message) {
      const evaluate: Evaluate = (source, input) => expressions.evaluate({ tenant, source, input, isDryRun: true });
      if (!looksAt(rule, message)) return passed(message);
      try {
        return await apply(rule, message, clock.now(), evaluate);
      } catch (error) {
        if (error instanceof ServiceError && error.code === 'RATE_LIMITED') throw error;
        return failed(message, (error as Error).message);
      }
    },

    refresh: known.refresh,
  };
}
