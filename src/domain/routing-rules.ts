/** Routing rules: what a tenant's admins have messages looked at for before they are stored. */
import { randomUUID } from 'node:crypto';
import { isAdmin } from '../access/rights.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import {
  isTopic,
  type RoutedKind,
  type RoutingRuleId,
  type RoutingRuleRecord,
  type RuleAction,
  type RuleMatch,
  type RuleTargets,
  type RuleVerdict,
  type Topic,
  type UserId,
  type Viewer,
} from '../model.ts';
import { displayName, identifier, identifiers, optional } from './input.ts';
import { type Expressions, inOrder, type Routable, type Routing } from './routing.ts';
import { isTopicPattern } from './topic-pattern.ts';

export interface RoutingRuleInput {
  readonly id?: string | null | undefined;
  readonly name: string;
  readonly enabled?: boolean | null | undefined;
  readonly priority?: number | null | undefined;
  readonly match: unknown;
  readonly action: unknown;
}

export interface RoutingRules {
  /** In the order in which they run. */
  list(viewer: Viewer): Promise<RoutingRuleRecord[]>;
  save(viewer: Viewer, input: RoutingRuleInput): Promise<RoutingRuleRecord>;
  delete(viewer: Viewer, id: string): Promise<RoutingRuleRecord>;
  /** What a rule would do, and nothing of it. */
  test(viewer: Viewer, input: RoutingRuleInput, sample: unknown): Promise<RuleVerdict>;
}

const KINDS: readonly RoutedKind[] = ['TOPIC', 'DIRECT', 'ROOM'];

function requireAdmin(viewer: Viewer): void {
  if (!isAdmin(viewer)) throw new ServiceError('FORBIDDEN', 'Only tenant admins may do this.');
}

function record(value: unknown, name: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput(`${name}: an object.`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw badInput(`${name}: one of ${keys.join(', ')}, and no other.`);
  return value as Record<string, unknown>;
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string') throw badInput(`${name}: a text.`);
  return value;
}

function strings(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw badInput(`${name}: a list.`);
  return value.map((each) => string(each, name));
}

function targetsOf(value: unknown, name: string): RuleTargets {
  const { topics, users } = record(value, name, ['topics', 'users']);
  if ((topics === undefined) === (users === undefined)) throw badInput(`${name}: topics or users.`);
  const names = strings(topics ?? users, name);
  if (names.length === 0 || names.length > LIMITS.targetsPerRule) {
    throw badInput(`${name}: 1 to ${LIMITS.targetsPerRule} targets.`);
  }
  if (topics === undefined) {
    return { topics: [], users: identifiers<UserId>(names, `${name}.users`, LIMITS.targetsPerRule) };
  }
  if (!names.every(isTopic)) throw badInput(`${name}.topics: topics, without patterns.`);
  return { topics: [...new Set(names)] as Topic[], users: [] };
}

export function createRoutingRules(
  engine: Engine,
  clock: Clock,
  expressions: Expressions,
  routing: Routing,
): RoutingRules {
  function expression(value: unknown, name: string): string {
    const source = string(value, name);
    if (source.length > LIMITS.expressionCharacters) {
      throw badInput(`${name}: at most ${LIMITS.expressionCharacters} characters.`);
    }
    const fault = expressions.fault(source);
    if (fault !== null) throw badInput(`${name}: ${fault}`);
    return source;
  }

  function matchOf(value: unknown): RuleMatch {
    const { on, topic, sender, where } = record(value, 'match', ['on', 'topic', 'sender', 'where']);
    const kinds = [...new Set(strings(on, 'match.on'))] as RoutedKind[];
    if (kinds.length === 0 || !kinds.every((kind) => KINDS.includes(kind))) {
      throw badInput(`match.on: of ${KINDS.join(', ')}.`);
    }
    const pattern = optional(topic, (given) => string(given, 'match.topic'));
    if (pattern !== null && !isTopicPattern(pattern)) throw badInput('match.topic: a pattern of topics.');
    return {
      on: kinds,
      topic: pattern,
      sender: optional(sender, (given) => identifier<UserId>(string(given, 'match.sender'), 'match.sender')),
      where: optional(where, (given) => expression(given, 'match.where')),
    };
  }

  function actionOf(value: unknown): RuleAction {
    const action = record(value, 'action', ['drop', 'transform', 'forward', 'copy']);
    const [name, ...others] = Object.keys(action);
    if (name === undefined || others.length > 0) throw badInput('action: one of drop, transform, forward, copy.');
    if (name === 'drop') {
      if (action['drop'] !== true) throw badInput('action.drop: true.');
      return { drop: true };
    }
    if (name === 'transform') return { transform: expression(action['transform'], 'action.transform') };
    const targets = targetsOf(action[name], `action.${name}`);
    return name === 'forward' ? { forward: targets } : { copy: targets };
  }

  function ruleOf(viewer: Viewer, input: RoutingRuleInput): RoutingRuleRecord {
    const priority = input.priority ?? 0;
    if (!Number.isSafeInteger(priority)) throw badInput('priority: a whole number.');
    const id = optional(input.id, (given) => identifier<RoutingRuleId>(given, 'id'));
    return {
      id: id ?? (randomUUID() as string as RoutingRuleId),
      name: displayName(input.name, 'name'),
      enabled: input.enabled ?? true,
      priority,
      match: matchOf(input.match),
      action: actionOf(input.action),
      updatedAt: clock.now(),
      updatedBy: viewer.userId,
    };
  }

  return {
    async list(viewer) {
      requireAdmin(viewer);
      return inOrder(await engine.readRoutingRules(viewer.tenant));
    },

    async save(viewer, input) {
      requireAdmin(viewer);
      const rule = ruleOf(viewer, input);
      if (!(await engine.saveRoutingRule(viewer.tenant, rule))) {
        throw new ServiceError('CONFLICT', `A tenant has at most ${LIMITS.rulesPerTenant} rules.`);
      }
      await routing.refresh(viewer.tenant);
      return rule;
    },

    async delete(viewer, id) {
      requireAdmin(viewer);
      const rule = await engine.deleteRoutingRule(viewer.tenant, identifier<RoutingRuleId>(id, 'id'));
      if (!rule) throw notFound('rule');
      await routing.refresh(viewer.tenant);
      return rule;
    },

    async test(viewer, input, sample) {
      requireAdmin(viewer);
      const rule = ruleOf(viewer, { ...input, enabled: true });
      return routing.test(rule, sampleOf(sample, viewer));
    },
  };
}

function sampleOf(sample: unknown, viewer: Viewer): Routable {
  const given = record(sample, 'sample', ['kind', 'topic', 'payload', 'content', 'sender']);
  const kind = KINDS.find((each) => each === given['kind']) ?? 'TOPIC';
  return {
    kind,
    topic: string(given['topic'] ?? '', 'sample.topic'),
    payload: given['payload'] ?? null,
    content: string(given['content'] ?? '', 'sample.content'),
    sender: string(given['sender'] ?? viewer.userId, 'sample.sender') as UserId,
  };
}
