/**
 * Runs a tenant's routing rules on a message before it is stored.
 *
 * Rules are read once per tenant, and again when they are announced to have
 * changed. A tenant without rules costs a look into a map. A rule that fails is
 * skipped, and one whose expression took too long is left alone for a while.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Engine, Listening } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  RoutedKind,
  RoutingRuleRecord,
  RuleAction,
  RuleOutcome,
  RuleTargets,
  RuleVerdict,
  TenantId,
  UserId,
} from '../model.ts';
import { payload as checkedPayload } from './input.ts';
import { matchesTopic } from './topic-pattern.ts';

export interface Routable {
  readonly kind: RoutedKind;
  /** Of direct and room messages, their conversation's id. */
  readonly topic: string;
  readonly payload: unknown;
  /** The text of a message; empty for publications. */
  readonly content: string;
  readonly sender: UserId;
}

/** Evaluates what tenants write, within limits of steps, depth, memory and time. */
export interface Expressions {
  /** What is wrong with an expression; null: nothing. */
  fault(source: string): string | null;
  /** Rejects when it fails or takes too long. */
  evaluate(source: string, input: unknown): Promise<unknown>;
}

/** What all rules make of a message. */
export interface Decision {
  readonly payload: unknown;
  /** Null: it goes where it was sent. */
  readonly instead: RuleTargets | null;
  readonly copies: readonly RuleTargets[];
}

export interface Routing {
  /** Whether any rule looks at messages of these kinds; at once, when the tenant's rules are known. */
  concerns(tenant: TenantId, kinds: readonly RoutedKind[]): boolean | Promise<boolean>;
  decide(tenant: TenantId, message: Routable): Promise<Decision>;
  test(rule: RoutingRuleRecord, message: Routable): Promise<RuleVerdict>;
  /** Reads a tenant's rules again. */
  refresh(tenant: TenantId): Promise<void>;
}

/** Told of what rules did. */
export type CountRule = (outcome: RuleOutcome) => void;

const NOWHERE: RuleTargets = { topics: [], users: [] };

/** Highest priority first; of equals, by id. */
export function inOrder(rules: readonly RoutingRuleRecord[]): RoutingRuleRecord[] {
  return [...rules].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

interface Known {
  rules: readonly RoutingRuleRecord[] | null;
  reading: Promise<readonly RoutingRuleRecord[]> | null;
  listening: Listening | null;
}

/** As JSONata casts to a boolean. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

export function createRouting(
  engine: Engine,
  clock: Clock,
  log: Log,
  expressions: Expressions,
  count: CountRule,
): Routing {
  const tenants = new LRUCache<TenantId, Known>({
    max: LIMITS.routedTenants,
    dispose: (known) => void known.listening?.close().catch(() => undefined),
  });
  /** Rules that took too long, by what they are, and until when they rest. */
  const resting = new LRUCache<string, number>({ max: LIMITS.routedTenants });

  async function read(tenant: TenantId, known: Known): Promise<readonly RoutingRuleRecord[]> {
    known.listening ??= await engine.listen(
      { kind: 'routing-rules', tenant, id: tenant },
      { onAnnouncement: () => void again(tenant), onInterrupted: () => void again(tenant) },
    );
    const rules = inOrder(await engine.readRoutingRules(tenant)).filter(({ enabled }) => enabled);
    known.rules = rules;
    return rules;
  }

  function rulesOf(tenant: TenantId): readonly RoutingRuleRecord[] | Promise<readonly RoutingRuleRecord[]> {
    let known = tenants.get(tenant);
    if (known?.rules) return known.rules;
    if (!known) {
      known = { rules: null, reading: null, listening: null };
      tenants.set(tenant, known);
    }
    const entry = known;
    entry.reading ??= read(tenant, entry).finally(() => {
      entry.reading = null;
    });
    return entry.reading;
  }

  /** Until the new rules are there, those before hold. */
  async function again(tenant: TenantId): Promise<void> {
    const known = tenants.peek(tenant);
    if (!known) return;
    try {
      await read(tenant, known);
    } catch (error) {
      log.warn({ tenant, err: error }, 'routing rules not read');
      clock.after(TIMES.nodeRenewMs, () => void again(tenant));
    }
  }

  function looksAt({ match }: RoutingRuleRecord, { kind, topic, sender }: Routable): boolean {
    if (!match.on.includes(kind) || (match.sender !== null && match.sender !== sender)) return false;
    return match.topic === null || matchesTopic(match.topic, topic);
  }

  async function act(action: RuleAction, input: object, payload: unknown): Promise<Omit<RuleVerdict, 'fault'>> {
    if ('drop' in action) return { outcome: 'DROP', payload, targets: NOWHERE };
    if ('forward' in action) return { outcome: 'FORWARD', payload, targets: action.forward };
    if ('copy' in action) return { outcome: 'COPY', payload, targets: action.copy };
    const next = checkedPayload(await expressions.evaluate(action.transform, input), 'payload');
    if (next === null) throw new Error('The expression gives nothing.');
    return { outcome: 'TRANSFORM', payload: next, targets: NOWHERE };
  }

  async function run(rule: RoutingRuleRecord, message: Routable): Promise<RuleVerdict> {
    const { kind, topic, payload, content, sender } = message;
    const pass: RuleVerdict = { outcome: 'PASS', payload, targets: NOWHERE, fault: null };
    if (!looksAt(rule, message)) return pass;
    const input = { kind, topic, payload, content, sender, timestamp: new Date(clock.now()).toISOString() };
    try {
      const { where } = rule.match;
      if (where !== null && !isTrue(await expressions.evaluate(where, input))) return pass;
      return { ...(await act(rule.action, input, payload)), fault: null };
    } catch (error) {
      return { ...pass, outcome: 'FAULT', fault: (error as Error).message };
    }
  }

  return {
    concerns(tenant, kinds) {
      const any = (rules: readonly RoutingRuleRecord[]): boolean =>
        rules.some(({ match }) => match.on.some((kind) => kinds.includes(kind)));
      const rules = rulesOf(tenant);
      return rules instanceof Promise ? rules.then(any) : any(rules);
    },

    async decide(tenant, message) {
      let { payload } = message;
      const copies: RuleTargets[] = [];
      for (const rule of await rulesOf(tenant)) {
        const key = JSON.stringify([tenant, rule.id, rule.updatedAt]);
        if ((resting.get(key) ?? 0) > clock.elapsed()) continue;
        const begun = clock.elapsed();
        const verdict = await run(rule, { ...message, payload });
        if (verdict.outcome !== 'PASS') count(verdict.outcome);
        switch (verdict.outcome) {
          case 'FAULT':
            log.warn({ tenant, rule: rule.id, reason: verdict.fault }, 'routing rule failed');
            if (clock.elapsed() - begun >= TIMES.expressionMs) resting.set(key, clock.elapsed() + TIMES.ruleRestMs);
            break;
          case 'TRANSFORM':
            ({ payload } = verdict);
            break;
          case 'COPY':
            copies.push(verdict.targets);
            break;
          case 'DROP':
          case 'FORWARD':
            return { payload, instead: verdict.targets, copies };
        }
      }
      return { payload, instead: null, copies };
    },

    test: run,

    async refresh(tenant) {
      const known = tenants.peek(tenant);
      if (known) await read(tenant, known);
    },
  };
}
