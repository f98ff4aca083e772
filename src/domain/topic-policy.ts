/**
 * The policy of a topic and its rights. Only this file decides who may publish and subscribe to a topic.
 *
 * Topics of users have separate policies: a pattern that matches all topics does not apply to them.
 */
import { coversPattern, matchesTopic } from '../engine/shared/topic-match.ts';
import { isService, type Topic, type TopicPolicyRecord, type TopicRight, type Viewer } from '../model.ts';
import { inOneSpelling, ownerOf } from './topic-name.ts';

/** A policy, of a tenant or built in. */
export type TopicPolicy = Pick<TopicPolicyRecord, 'pattern' | 'publish' | 'subscribe' | 'keep' | 'keepFor' | 'schema'>;

/** `read`: earlier publications. */
export type TopicAct = 'publish' | 'subscribe' | 'read';

const builtIn = (pattern: string, publish: TopicRight, subscribe: TopicRight): TopicPolicy => ({
  pattern,
  publish,
  subscribe,
  keep: null,
  keepFor: null,
  schema: null,
});

/** The policies of a tenant that has saved none. */
export const BUILT_IN: readonly TopicPolicy[] = [
  builtIn('user.#', 'SERVICES', 'OWNER'),
  builtIn('user/#', 'SERVICES', 'OWNER'),
  builtIn('#', 'EVERYONE', 'EVERYONE'),
];

/** Whether a pattern names topics of users. */
export const isOfUsers = (pattern: string): boolean => /^user[./]/.test(pattern);

/**
 * The sort key of a pattern: more specific ones come first. Segment by segment, the end comes before a name, a name
 * before `*`, and `*` before `#`.
 */
function rank(pattern: string): string {
  const segments = pattern.split(/[./]/);
  return segments.map((segment) => ({ '*': 'b', '#': 'c' })[segment] ?? 'a').join('');
}

/**
 * The most specific policy first, with the built-in policies that are not replaced. Two patterns that match the same
 * topic never have the same rank.
 */
export function bySpecificity(policies: readonly TopicPolicy[]): readonly TopicPolicy[] {
  const patterns = new Set(policies.map(({ pattern }) => pattern));
  const all = [...policies, ...BUILT_IN.filter(({ pattern }) => !patterns.has(pattern))];
  return all
    .map((policy) => ({ policy, key: `${rank(policy.pattern)} ${policy.pattern}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ policy }) => policy);
}

/** `policies`: the most specific first. */
export function policyOf(policies: readonly TopicPolicy[], topic: Topic): TopicPolicy {
  const isOwned = ownerOf(topic) !== null;
  const found = policies.find(({ pattern }) => isOfUsers(pattern) === isOwned && matchesTopic(pattern, topic));
  if (!found) throw new Error('A topic without a policy.');
  return found;
}

function isNamed(patterns: readonly string[] | null, topic: Topic): boolean {
  return patterns === null || patterns.some((pattern) => matchesTopic(inOneSpelling(pattern), topic));
}

function coverAll(claims: readonly string[] | null, patterns: readonly string[]): boolean {
  if (claims === null) return true;
  const given = claims.map(inOneSpelling);
  return patterns.every((pattern) => given.some((claim) => coversPattern(claim, inOneSpelling(pattern))));
}

/** Whether the claims of a token let it subscribe to all topics of these patterns; null: all topics of the tenant. */
export function maySubscribeToAll({ topics }: Viewer, patterns: readonly string[] | null): boolean {
  return coverAll(topics.subscribe, patterns ?? ['#']);
}

/** Whether the claims of a token let it publish to all topics of these patterns. */
export function mayPublishToAll({ topics }: Viewer, patterns: readonly string[]): boolean {
  return coverAll(topics.publish, patterns);
}

function hasRight(right: TopicRight, viewer: Viewer, topic: Topic, claims: readonly string[] | null): boolean {
  switch (right) {
    case 'EVERYONE':
      return true;
    case 'CLAIMED':
      return claims !== null || isService(viewer);
    case 'SERVICES':
      return isService(viewer);
    case 'OWNER':
      return ownerOf(topic) === viewer.userId;
  }
}

/**
 * The claims of a token restrict every right. A back end may publish to and read any topic; its subscriptions need the
 * right.
 */
export function mayAct(policy: TopicPolicy, act: TopicAct, viewer: Viewer, topic: Topic): boolean {
  const claims = act === 'publish' ? viewer.topics.publish : viewer.topics.subscribe;
  if (!isNamed(claims, topic)) return false;
  if (act !== 'subscribe' && isService(viewer)) return true;
  return hasRight(act === 'publish' ? policy.publish : policy.subscribe, viewer, topic, claims);
}
