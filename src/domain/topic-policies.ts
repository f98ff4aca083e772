/** Topic policies: who may publish and subscribe to which topics, their schemas, and their retention. */
import { isAdmin } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { TopicPolicyRecord, TopicRight, Viewer } from '../model.ts';
import { optional } from './input.ts';
import type { PayloadSchemas, TopicAccess } from './topic-access.ts';
import { faultOfOwner, inOneSpelling } from './topic-name.ts';
import { isTopicPattern } from './topic-pattern.ts';
import { isOfUsers } from './topic-policy.ts';

export interface TopicPolicyInput {
  readonly pattern: string;
  readonly publish: TopicRight;
  readonly subscribe: TopicRight;
  readonly keep?: number | null | undefined;
  readonly keepFor?: string | null | undefined;
  readonly schema?: unknown;
}

export interface TopicPolicies {
  /** By pattern. */
  list(viewer: Viewer): Promise<TopicPolicyRecord[]>;
  save(viewer: Viewer, input: TopicPolicyInput): Promise<TopicPolicyRecord>;
  delete(viewer: Viewer, pattern: string): Promise<TopicPolicyRecord>;
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function requireAdmin(viewer: Viewer): void {
  if (!isAdmin(viewer)) throw new ServiceError('FORBIDDEN', 'Only tenant admins may do this.');
}

function patternOf(given: string): string {
  const pattern = inOneSpelling(given);
  if (isTopicPattern(pattern)) return pattern;
  throw badInput(
    `pattern: ${faultOfOwner(pattern) ?? `must be a pattern of topics: segments between . and /, where * is one segment and # at the end the rest.`}`,
  );
}

/** Refuses rights that would open topics of users to others. */
function requireFittingRights(pattern: string, publish: TopicRight, subscribe: TopicRight): void {
  if (!isOfUsers(pattern)) {
    if (publish !== 'OWNER' && subscribe !== 'OWNER') return;
    throw badInput('publish, subscribe: must be OWNER only where the pattern begins with user. or user/.');
  }
  if (subscribe !== 'OWNER') throw badInput('subscribe: must be OWNER for topics of users.');
  if (publish !== 'OWNER' && publish !== 'SERVICES') {
    throw badInput('publish: must be OWNER or SERVICES for topics of users.');
  }
}

function keepOf(keep: number): number {
  const { publicationsPerTopic: most } = LIMITS;
  if (!Number.isInteger(keep) || keep < 1 || keep > most) throw badInput(`keep: must be 1 to ${most}.`);
  return keep;
}

function keepForOf(text: string): { readonly text: string; readonly ms: number } {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (ms >= TIMES.shortestKeepMs && ms <= TIMES.longestKeepMs) return { text, ms };
  throw badInput('keepFor: must be 1s to 7d, a number followed by s, m, h or d.');
}

export function createTopicPolicies(
  engine: Engine,
  clock: Clock,
  access: TopicAccess,
  schemas: PayloadSchemas,
): TopicPolicies {
  function schemaOf(schema: unknown): string {
    const fault = schemas.fault(schema);
    if (fault !== null) throw badInput(`schema: ${fault}`);
    return JSON.stringify(schema);
  }

  function policyOf({ userId }: Viewer, input: TopicPolicyInput): TopicPolicyRecord {
    const { publish, subscribe } = input;
    const pattern = patternOf(input.pattern);
    requireFittingRights(pattern, publish, subscribe);
    return {
      pattern,
      publish,
      subscribe,
      keep: optional(input.keep, keepOf),
      keepFor: optional(input.keepFor, keepForOf),
      schema: optional(input.schema, schemaOf),
      updatedAt: clock.now(),
      updatedBy: userId,
    };
  }

  return {
    async list(viewer) {
      requireAdmin(viewer);
      const policies = await engine.readTopicPolicies(viewer.tenant);
      return policies.sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
    },

    async save(viewer, input) {
      requireAdmin(viewer);
      const policy = policyOf(viewer, input);
      if (!(await engine.saveTopicPolicy(viewer.tenant, policy))) {
        throw new ServiceError('CONFLICT', `A tenant has at most ${LIMITS.policiesPerTenant} topic policies.`);
      }
      await access.refresh(viewer.tenant);
      return policy;
    },

    async delete(viewer, pattern) {
      requireAdmin(viewer);
      const policy = await engine.deleteTopicPolicy(viewer.tenant, patternOf(pattern));
      if (!policy) throw notFound('topic policy');
      await access.refresh(viewer.tenant);
      return policy;
    },
  };
}
