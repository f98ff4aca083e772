/** The store of settings of a tenant's admins. */
import type { RoutingRuleId, RoutingRuleRecord, TenantId, TopicPolicyRecord } from '../../model.ts';

/** Settings of a tenant's admins, which every node knows. */
export type SettingKind = 'routing-rules' | 'topic-policies';

export interface RoutingRuleStore {
  /** A tenant's rules in no order. */
  readRoutingRules(tenant: TenantId): Promise<RoutingRuleRecord[]>;
  /** Stores a rule, replacing that of the same id, and announces it; false past `LIMITS.rulesPerTenant`. */
  saveRoutingRule(tenant: TenantId, rule: RoutingRuleRecord): Promise<boolean>;
  /** Null: there was none. */
  deleteRoutingRule(tenant: TenantId, id: RoutingRuleId): Promise<RoutingRuleRecord | null>;
}

export interface TopicPolicyStore {
  /** A tenant's policies in no order. */
  readTopicPolicies(tenant: TenantId): Promise<TopicPolicyRecord[]>;
  /** Stores a policy, replacing that of the same pattern, and announces it; false past `LIMITS.policiesPerTenant`. */
  saveTopicPolicy(tenant: TenantId, policy: TopicPolicyRecord): Promise<boolean>;
  /** Null: there was none. */
  deleteTopicPolicy(tenant: TenantId, pattern: string): Promise<TopicPolicyRecord | null>;
}
