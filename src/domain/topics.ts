/** The rules of topics: who may publish to which, and hear them. */
import { isService } from '../access/rights.ts';
import type { Engine } from '../engine/port.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isTopic, type PublicationRecord, type Topic, type Viewer } from '../model.ts';
import { payload } from './input.ts';
import type { Routed } from './routed.ts';
import { matchesTopic } from './topic-pattern.ts';

export interface Topics {
  publish(viewer: Viewer, topic: string, payload: unknown): Promise<PublicationRecord>;
  /** Oldest first. */
  history(viewer: Viewer, topic: string, last: number): Promise<readonly PublicationRecord[]>;
  /** The topics of a subscription, without repeats. @throws {ServiceError} FORBIDDEN for one the viewer may not hear. */
  toHear(viewer: Viewer, topics: readonly string[]): Topic[];
}

/**
 * Whose topic it is; null for one that is no user's. In `user.<id>.…` the id ends at the
 * next `.` or `/`, in `user/<id>/…` at the next `/`, and is percent-encoded: only the second
 * can name every user, so that no topic is two users'.
 */
function ownerOf(topic: string): string | null {
  return /^user\.([^./]*)/.exec(topic)?.[1] ?? decoded(/^user\/([^/]*)/.exec(topic)?.[1]);
}

/** No user has an empty id: what is not well encoded is heard by nobody. */
function decoded(id: string | undefined): string | null {
  if (id === undefined) return null;
  try {
    return decodeURIComponent(id);
  } catch {
    return '';
  }
}

function clean(topic: string, name: string): Topic {
  if (topic.startsWith('$')) throw new ServiceError('FORBIDDEN', `${name}: topics that begin with $ are nobody's.`);
  if (!isTopic(topic)) {
    throw badInput(`${name}: a topic is 1 to ${LIMITS.topicCharacters} of A-Z a-z 0-9 . _ : @ - / %`);
  }
  return topic as Topic;
}

const names = (patterns: readonly string[] | null, topic: Topic): boolean =>
  patterns === null || patterns.some((pattern) => matchesTopic(pattern, topic));

function requirePublish(viewer: Viewer, topic: Topic): void {
  const isOwned = ownerOf(topic) !== null;
  if ((!isOwned || isService(viewer)) && names(viewer.topics.publish, topic)) return;
  throw new ServiceError('FORBIDDEN', 'The caller may not publish to this topic.');
}

function requireHear(viewer: Viewer, topic: Topic): void {
  const owner = ownerOf(topic);
  if ((owner === null || owner === viewer.userId) && names(viewer.topics.subscribe, topic)) return;
  throw new ServiceError('FORBIDDEN', 'The caller may not hear this topic.');
}

/** Any JSON value but null, within the caps. */
export function publicationPayload(value: unknown): unknown {
  const given = payload(value, 'payload');
  if (given === null) throw badInput('payload: something.');
  return given;
}

export function createTopics(engine: Engine, routed: Routed): Topics {
  return {
    async publish(viewer, name, value) {
      const topic = clean(name, 'topic');
      const given = publicationPayload(value);
      requirePublish(viewer, topic);
      return routed.publish(viewer, topic, given);
    },

    async history(viewer, name, last) {
      const topic = clean(name, 'topic');
      if (!Number.isInteger(last) || last < 1 || last > LIMITS.publicationsPerTopic) {
        throw badInput(`last: 1 to ${LIMITS.publicationsPerTopic}.`);
      }
      requireHear(viewer, topic);
      const { publications } = await engine.readTopic(viewer.tenant, topic);
      return publications.slice(-last);
    },

    toHear(viewer, topics) {
      if (topics.length === 0 || topics.length > LIMITS.topicsPerSubscription) {
        throw badInput(`topics: 1 to ${LIMITS.topicsPerSubscription}.`);
      }
      const distinct = [...new Set(topics)].map((topic) => clean(topic, 'topics'));
      for (const topic of distinct) requireHear(viewer, topic);
      return distinct;
    },
  };
}
