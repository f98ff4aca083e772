/** Checks routing rules and samples as admins write them. */
import { randomUUID } from 'node:crypto';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type {
  RoutedKind,
  RoutingRuleId,
  RoutingRuleRecord,
  RuleAction,
  RuleFaultPolicy,
  RuleMatch,
  RuleTargets,
  RuleTransform,
  Viewer,
} from '../model.ts';
import { displayName, identifier, optional, userIdentifier, userIdentifiers } from './input.ts';
import type { Expressions } from './routing.ts';
import type { Routable } from './rule-run.ts';
import { faultOfOwner, inOneSpelling, topicOf } from './topic-name.ts';
import { isTopicPattern } from './topic-pattern.ts';

export interface RoutingRuleInput {
  readonly id?: string | null | undefined;
  readonly name: string;
  readonly enabled?: boolean | null | undefined;
  readonly priority?: number | null | undefined;
  readonly match: unknown;
  readonly action: unknown;
  readonly onFault?: RuleFaultPolicy | null | undefined;
}

export type ReadRule = (viewer: Viewer, input: RoutingRuleInput, now: number) => RoutingRuleRecord;

const KINDS: readonly RoutedKind[] = ['TOPIC', 'DIRECT', 'GROUP', 'ROOM'];

function record(value: unknown, name: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badInput(`${name}: must be an object.`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw badInput(`${name}: must have only ${keys.join(', ')}.`);
  return value as Record<string, unknown>;
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string') throw badInput(`${name}: must be a string.`);
  return value;
}

function strings(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw badInput(`${name}: must be a list.`);
  return value.map((each) => string(each, name));
}

/** The targets of a rule: topics without patterns, or users. */
function targetsOf(value: unknown, name: string): RuleTargets {
  const { topics, users } = record(value, name, ['topics', 'users']);
  if ((topics === undefined) === (users === undefined)) throw badInput(`${name}: must have either topics or users.`);
  const names = strings(topics ?? users, name);
  if (names.length === 0 || names.length > LIMITS.targetsPerRule) {
    throw badInput(`${name}: must have 1 to ${LIMITS.targetsPerRule} targets.`);
  }
  if (topics === undefined) {
    return { topics: [], users: userIdentifiers(names, `${name}.users`, LIMITS.targetsPerRule) };
  }
  return { topics: [...new Set(names.map((topic) => topicOf(topic, `${name}.topics`)))], users: [] };
}

/** @throws {ServiceError} BAD_USER_INPUT for an invalid rule. */
export function createRuleReader(expressions: Expressions): ReadRule {
  function expression(value: unknown, name: string): string {
    const source = string(value, name);
    if (source.length > LIMITS.expressionCharacters) {
      throw badInput(`${name}: must have at most ${LIMITS.expressionCharacters} characters.`);
    }
    const fault = expressions.fault(source);
    if (fault !== null) throw badInput(`${name}: ${fault}`);
    return source;
  }

  function matchOf(value: unknown): RuleMatch {
    const { on, topic, sender, where } = record(value, 'match', ['on', 'topic', 'sender', 'where']);
    const kinds = [...new Set(strings(on, 'match.on'))] as RoutedKind[];
    if (kinds.length === 0 || !kinds.every((kind) => KINDS.includes(kind))) {
      throw badInput(`match.on: must be a list of ${KINDS.join(', ')}.`);
    }
    const pattern = optional(topic, (given) => inOneSpelling(string(given, 'match.topic')));
    if (pattern !== null && !isTopicPattern(pattern))
      throw badInput(`match.topic: ${faultOfOwner(pattern) ?? 'must be a pattern of topics.'}`);
    return {
      on: kinds,
      topic: pattern,
      sender: optional(sender, (given) => userIdentifier(string(given, 'match.sender'), 'match.sender')),
      where: optional(where, (given) => expression(given, 'match.where')),
    };
  }

  /** One expression for the payload, or one each for text and payload. */
  function transformOf(value: unknown): string | RuleTransform {
    const name = 'action.transform';
    if (typeof value === 'string') return expression(value, name);
    const { content, payload } = record(value, name, ['content', 'payload']);
    if (content === undefined && payload === undefined) throw badInput(`${name}: must have content, payload or both.`);
    return {
      ...(content === undefined ? {} : { content: expression(content, `${name}.content`) }),
      ...(payload === undefined ? {} : { payload: expression(payload, `${name}.payload`) }),
    };
  }

  function actionOf(value: unknown): RuleAction {
    const action = record(value, 'action', ['drop', 'transform', 'forward', 'copy']);
    const [name, ...others] = Object.keys(action);
    if (name === undefined || others.length > 0)
      throw badInput('action: must be one of drop, transform, forward, copy.');
    if (name === 'drop') {
      if (action['drop'] !== true) throw badInput('action.drop: must be true.');
      return { drop: true };
    }
    if (name === 'transform') return { transform: transformOf(action['transform']) };
    const targets = targetsOf(action[name], `action.${name}`);
    return name === 'forward' ? { forward: targets } : { copy: targets };
  }

  return ({ userId }, input, now) => {
    const priority = input.priority ?? 0;
    if (!Number.isSafeInteger(priority)) throw badInput('priority: must be a whole number.');
    const id = optional(input.id, (given) => identifier<RoutingRuleId>(given, 'id'));
    return {
      id: id ?? (randomUUID() as string as RoutingRuleId),
      name: displayName(input.name, 'name'),
      enabled: input.enabled ?? true,
      priority,
      match: matchOf(input.match),
      action: actionOf(input.action),
      onFault: input.onFault ?? 'PASS',
      updatedAt: now,
      updatedBy: userId,
    };
  };
}

export function sampleOf(sample: unknown, viewer: Viewer): Routable {
  const given = record(sample, 'sample', ['kind', 'topic', 'payload', 'content', 'sender']);
  const kind = KINDS.find((each) => each === given['kind']) ?? 'TOPIC';
  return {
    kind,
    topic: string(given['topic'] ?? '', 'sample.topic'),
    payload: given['payload'] ?? null,
    content: string(given['content'] ?? '', 'sample.content'),
    sender: userIdentifier(string(given['sender'] ?? viewer.userId, 'sample.sender'), 'sample.sender'),
  };
}
