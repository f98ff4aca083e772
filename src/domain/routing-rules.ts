/** Routing rules: a tenant's admins save rules that run on messages before they are stored. */
import { isAdmin } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { RoutingRuleId, RoutingRuleRecord, RuleVerdict, Viewer } from '../model.ts';
import { identifier } from './input.ts';
import { inOrder } from './known-rules.ts';
import type { Expressions, Routing } from './routing.ts';
import { createRuleReader, type RoutingRuleInput, sampleOf } from './rule-input.ts';
import { mayPublishToAll, maySubscribeToAll } from './topic-policy.ts';

export interface RoutingRules {
  /** In the order in which they run. */
  list(viewer: Viewer): Promise<RoutingRuleRecord[]>;
  save(viewer: Viewer, input: RoutingRuleInput): Promise<RoutingRuleRecord>;
  delete(viewer: Viewer, id: string): Promise<RoutingRuleRecord>;
  /** The result of a rule for a sample, without effects. */
  test(viewer: Viewer, input: RoutingRuleInput, sample: unknown): Promise<RuleVerdict>;
}

function requireAdmin(viewer: Viewer): void {
  if (!isAdmin(viewer)) throw new ServiceError('FORBIDDEN', 'Only tenant admins may do this.');
}

/**
 * A rule reads, changes and makes publications, so the topic claims of the token that saves or deletes it must cover its
 * topics.
 */
function requireTopics(viewer: Viewer, { match, action }: RoutingRuleRecord): void {
  const matched = match.on.includes('TOPIC') ? [match.topic ?? '#'] : [];
  const targets = 'forward' in action ? action.forward.topics : 'copy' in action ? action.copy.topics : [];
  if (maySubscribeToAll(viewer, matched) && mayPublishToAll(viewer, [...matched, ...targets])) return;
  throw new ServiceError('FORBIDDEN', 'The topic claims of the token do not cover the topics of this rule.');
}

export function createRoutingRules(
  engine: Engine,
  clock: Clock,
  expressions: Expressions,
  routing: Routing,
): RoutingRules {
  const ruleOf = createRuleReader(expressions);

  async function requireTopicsOfStored(viewer: Viewer, id: RoutingRuleId): Promise<void> {
    if (viewer.topics.subscribe === null && viewer.topics.publish === null) return;
    const stored = (await engine.readRoutingRules(viewer.tenant)).find((rule) => rule.id === id);
    if (stored) requireTopics(viewer, stored);
  }

  return {
    async list(viewer) {
      requireAdmin(viewer);
      return inOrder(await engine.readRoutingRules(viewer.tenant));
    },

    async save(viewer, input) {
      requireAdmin(viewer);
      const rule = ruleOf(viewer, input, clock.now());
      requireTopics(viewer, rule);
      await requireTopicsOfStored(viewer, rule.id);
      if (!(await engine.saveRoutingRule(viewer.tenant, rule))) {
        throw new ServiceError('CONFLICT', `A tenant has at most ${LIMITS.rulesPerTenant} rules.`);
      }
      await routing.refresh(viewer.tenant);
      return rule;
    },

    async delete(viewer, id) {
      requireAdmin(viewer);
      const ruleId = identifier<RoutingRuleId>(id, 'id');
      await requireTopicsOfStored(viewer, ruleId);
      const rule = await engine.deleteRoutingRule(viewer.tenant, ruleId);
      if (!rule) throw notFound('rule');
      await routing.refresh(viewer.tenant);
      return rule;
    },

    async test(viewer, input, sample) {
      requireAdmin(viewer);
      const rule = ruleOf(viewer, { ...input, enabled: true }, clock.now());
      return routing.test(viewer.tenant, rule, sampleOf(sample, viewer));
    },
  };
}
