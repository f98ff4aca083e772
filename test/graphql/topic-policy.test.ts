/** Which policy decides, and for whom: random policies, topics and viewers, compared with a small oracle. */

import { isTopicPattern } from '../../src/domain/topic-pattern.ts';
import { bySpecificity, mayAct, policyOf, type TopicAct, type TopicPolicy } from '../../src/domain/topic-policy.ts';
import type { Topic, TopicRight, UserId, Viewer } from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { alice, viewerOf } from '../support/world.ts';

const RIGHTS: readonly TopicRight[] = ['EVERYONE', 'CLAIMED', 'SERVICES', 'OWNER'];
const NAMES = ['a', 'b', 'user', 'alice', 'bob'];
const TOPICS: readonly Topic[] = [
  ...NAMES,
  ...NAMES.flatMap((one) => NAMES.flatMap((two) => [`${one}.${two}`, `${one}/${two}`, `${one}.${two}.a`])),
] as Topic[];

const segment = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...NAMES) }, fc.constant('*'));
const pattern = fc
  .tuple(fc.array(fc.tuple(segment, fc.constantFrom('.', '.', '/')), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([segments, hasRest]) => {
    const names = segments.map(([name, separator], n) => (n === 0 ? name : `${separator}${name}`)).join('');
    return hasRest ? `${names}.#` : names;
  })
  .filter(isTopicPattern);
const policy = fc
  .record({
    pattern: fc.oneof(pattern, fc.constant('#')),
    publish: fc.constantFrom(...RIGHTS),
    subscribe: fc.constantFrom(...RIGHTS),
  })
  .map((given): TopicPolicy => {
    const isOfUsers = /^user[./]/.test(given.pattern);
    const own = (right: TopicRight): TopicRight => (right === 'SERVICES' ? right : 'OWNER');
    const open = (right: TopicRight): TopicRight => (right === 'OWNER' ? 'SERVICES' : right);
    return {
      pattern: given.pattern,
      publish: isOfUsers ? own(given.publish) : open(given.publish),
      subscribe: isOfUsers ? 'OWNER' : open(given.subscribe),
      keep: null,
      keepFor: null,
      schema: null,
    };
  });
const policies = fc.uniqueArray(policy, { maxLength: 12, selector: (each) => each.pattern });
const claim = fc.option(fc.array(pattern, { maxLength: 3 }));
const viewer = fc
  .record({ userId: fc.constantFrom('alice', 'bob'), isService: fc.boolean(), publish: claim, subscribe: claim })
  .map(
    ({ userId, isService, publish, subscribe }): Viewer => ({
      ...viewerOf(alice),
      userId: userId as UserId,
      scopes: new Set(isService ? ['realtime:service'] : []),
      topics: { publish, subscribe },
    }),
  );

/** By regular expressions, as the documents say it. */
const named = (each: string, topic: string): boolean =>
  each === '#' ||
  new RegExp(
    `^${each
      .replace(/[./]#$/, '(?:REST)?')
      .replace(/[.]/g, '\\.')
      .replace(/\*/g, '[^./]*')
      .replace('(?:REST)?', `(?:\\${/([./])#$/.exec(each)?.[1] ?? ''}.*)?`)}$`,
  ).test(topic);

/** Of two that name the topic, which says more of its first segment, then of the second … */
function isMoreSpecific(one: string, two: string): boolean {
  const [first, second] = [one.split(/[./]/), two.split(/[./]/)];
  const says = (each: string | undefined): number => (each === undefined ? 3 : each === '#' ? 0 : each === '*' ? 1 : 2);
  for (let n = 0; n < Math.max(first.length, second.length); n += 1) {
    if (says(first[n]) !== says(second[n])) return says(first[n]) > says(second[n]);
  }
  return one < two;
}

function ownerOf(topic: string): string | null {
  return /^user[./]([^./]+)/.exec(topic)?.[1] ?? null;
}

function oracle(all: readonly TopicPolicy[], act: TopicAct, { userId, scopes, topics }: Viewer, topic: Topic): boolean {
  const claims = act === 'publish' ? topics.publish : topics.subscribe;
  if (claims && !claims.some((each) => named(each, topic))) return false;
  const isService = scopes.has('realtime:service');
  if (act !== 'subscribe' && isService) return true;
  const owner = ownerOf(topic);
  let best: TopicPolicy | null = null;
  for (const each of all) {
    if (!named(each.pattern, topic) || /^user[./]/.test(each.pattern) !== (owner !== null)) continue;
    if (!best || isMoreSpecific(each.pattern, best.pattern)) best = each;
  }
  const usual: TopicRight = owner === null ? 'EVERYONE' : act === 'publish' ? 'SERVICES' : 'OWNER';
  const right = best ? (act === 'publish' ? best.publish : best.subscribe) : usual;
  return { EVERYONE: true, CLAIMED: claims !== null || isService, SERVICES: isService, OWNER: owner === userId }[right];
}

describe('topic policies', () => {
  it('the most specific policy decides, as in the oracle', () => {
    fc.assert(
      fc.property(policies, viewer, fc.constantFrom('publish', 'subscribe', 'read' as const), (all, who, act) => {
        const sorted = bySpecificity(all);
        const told = TOPICS.map((topic) => [topic, mayAct(policyOf(sorted, topic), act as TopicAct, who, topic)]);
        expect(told).toEqual(TOPICS.map((topic) => [topic, oracle(all, act as TopicAct, who, topic)]));
      }),
      { numRuns: 300 },
    );
  });

  it('under any policies only its user may subscribe to a user’s topic', () => {
    fc.assert(
      fc.property(policies, viewer, (all, who) => {
        const sorted = bySpecificity(all);
        const others = TOPICS.filter((each) => ownerOf(each) !== null && ownerOf(each) !== who.userId);
        expect(others.filter((topic) => mayAct(policyOf(sorted, topic), 'subscribe', who, topic))).toEqual([]);
      }),
    );
  });

  it.each([
    ['orders', ['orders.#', 'orders'], 'orders'],
    ['orders.1', ['orders.#', 'orders.*', '*.1'], 'orders.*'],
    ['orders.1', ['*.1', '*.#'], '*.1'],
    ['orders.1.paid', ['orders.*.#', 'orders.#', '#', 'orders.*.paid'], 'orders.*.paid'],
    ['orders/1', ['orders.*', '#'], '#'],
    ['user', ['user.#', '*'], '*'],
    ['user.alice.x', ['#', '*.alice.x'], 'user.#'],
    ['user/alice', ['user/*'], 'user/*'],
  ])('for topic %j and policies %j the decisive one is %j', (topic, patterns, decides) => {
    const all = patterns.map(
      (each): TopicPolicy => ({
        pattern: each,
        publish: 'SERVICES',
        subscribe: 'OWNER',
        keep: null,
        keepFor: null,
        schema: null,
      }),
    );
    expect(policyOf(bySpecificity(all), topic as Topic).pattern).toBe(decides);
  });
});
