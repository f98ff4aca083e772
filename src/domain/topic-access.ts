/**
 * The rights of each viewer on each topic, by the policies of the tenant. No right is granted while the policies are
 * unknown.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { type Keeping, USUAL_KEEPING } from '../engine/shared/publication.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { TenantId, Topic, Viewer } from '../model.ts';
import { createKnownSettings } from './known-settings.ts';
import { bySpecificity, mayAct, policyOf, type TopicAct, type TopicPolicy } from './topic-policy.ts';

/** Checks payloads against tenants' schemas. */
export interface PayloadSchemas {
  /** The fault of a schema; null: none. */
  fault(schema: unknown): string | null;
  /** The reason why a payload does not match a schema, which is given as JSON; null: it matches. */
  breach(schema: string, payload: unknown): string | null;
}

export interface TopicAccess {
  /** @throws {ServiceError} FORBIDDEN, with `topic`; SERVICE_UNAVAILABLE while the tenant's policies are not known. */
  require(act: TopicAct, viewer: Viewer, topics: readonly Topic[]): void | Promise<void>;
  /** The same check with the cached policies. False when none are cached; watchers are called when they are read. */
  requireAtOnce(act: TopicAct, viewer: Viewer, topics: readonly Topic[]): boolean;
  /** Whether the policies of the tenant are known now. */
  isKnown(tenant: TenantId): boolean;
  /** Calls back when policies of the tenant may have changed, and when they are known; the returned function unsubscribes. */
  watch(tenant: TenantId, onChange: () => void): () => void;
  /** The retention of a publication. @throws {ServiceError} BAD_USER_INPUT: the payload does not match the topic's schema. */
  admit(tenant: TenantId, topic: Topic, payload: unknown): Keeping | Promise<Keeping>;
  /** Reads a tenant's policies again. */
  refresh(tenant: TenantId): Promise<void>;
}

type Policies = readonly TopicPolicy[];

const REFUSALS: Record<TopicAct, string> = {
  publish: 'topic: the caller has no right to publish to',
  subscribe: 'topics: the caller has no right to subscribe to',
  read: 'topic: the caller has no right to read',
};

function refusal(act: TopicAct, topic: Topic): ServiceError {
  return new ServiceError('FORBIDDEN', `${REFUSALS[act]} ${topic}.`, { of: { topic } });
}

const keepingOf = ({ keep, keepFor }: TopicPolicy): Keeping => ({
  most: keep ?? USUAL_KEEPING.most,
  forMs: keepFor?.ms ?? USUAL_KEEPING.forMs,
});

export function createTopicAccess(engine: Engine, clock: Clock, log: Log, schemas: PayloadSchemas): TopicAccess {
  const known = createKnownSettings<Policies>({
    kind: 'topic-policies',
    engine,
    clock,
    log,
    read: async (tenant) => bySpecificity(await engine.readTopicPolicies(tenant)),
    inDoubt: 'wait',
  });
  /** The policy of each topic, per read of the policies. */
  const decided = new LRUCache<string, { readonly policies: Policies; readonly policy: TopicPolicy }>({
    max: LIMITS.decidedTopics,
  });

  function find(tenant: TenantId, policies: Policies, topic: Topic): TopicPolicy {
    const key = `${tenant} ${topic}`;
    const before = decided.get(key);
    if (before?.policies === policies) return before.policy;
    const policy = policyOf(policies, topic);
    decided.set(key, { policies, policy });
    return policy;
  }

  function decide(policies: Policies, act: TopicAct, viewer: Viewer, topics: readonly Topic[]): void {
    for (const topic of topics) {
      if (!mayAct(find(viewer.tenant, policies, topic), act, viewer, topic)) throw refusal(act, topic);
    }
  }

  function keeping(tenant: TenantId, policies: Policies, topic: Topic, payload: unknown): Keeping {
    const policy = find(tenant, policies, topic);
    const breach = policy.schema === null ? null : schemas.breach(policy.schema, payload);
    if (breach !== null) throw badInput(`payload: must fit the schema of ${policy.pattern}: ${breach}`);
    return keepingOf(policy);
  }

  return {
    require(act, viewer, topics) {
      const policies = known.of(viewer.tenant);
      if (policies instanceof Promise) return policies.then((read) => decide(read, act, viewer, topics));
      decide(policies, act, viewer, topics);
    },

    requireAtOnce(act, viewer, topics) {
      const policies = known.atOnce(viewer.tenant);
      if (policies) decide(policies, act, viewer, topics);
      return policies !== null;
    },

    isKnown: (tenant) => known.atOnce(tenant) !== null,

    watch: known.watch,

    admit(tenant, topic, payload) {
      const policies = known.of(tenant);
      if (policies instanceof Promise) return policies.then((read) => keeping(tenant, read, topic, payload));
      return keeping(tenant, policies, topic, payload);
    },

    refresh: known.refresh,
  };
}
