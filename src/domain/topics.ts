/** Topics: who may publish and subscribe to which. */
import type { Engine } from '../engine/port.ts';
import { resumption, type TopicHistory } from '../engine/shared/publication.ts';
import { badInput, positionExpired, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Meter, Position, PublicationRecord, Topic, Viewer } from '../model.ts';
import { type BatchResult, inBatch } from './batch.ts';
import { topicPositions } from './cursor.ts';
import { identifier, optional, payload } from './input.ts';
import { publicationKey } from './message-key.ts';
import type { Publishing } from './publishing.ts';
import type { Routed } from './routed.ts';
import type { TopicAccess } from './topic-access.ts';
import { topicOf } from './topic-name.ts';

export interface PublishInput {
  readonly topic: string;
  readonly payload: unknown;
  readonly idempotencyKey?: string | null | undefined;
}

/** The publications to read: the first or the last ones, of all publications or of the ones after a position. */
export interface HistoryRange {
  readonly after?: string | null | undefined;
  readonly first?: number | null | undefined;
  readonly last?: number | null | undefined;
}

/** The topics of a subscription, without repeats, and the right to subscribe to them. */
export interface SubscribeRight {
  readonly topics: readonly Topic[];
  /** Checks by the cached policies; false when none are cached. @throws {ServiceError} FORBIDDEN, with `topic`. */
  check(viewer: Viewer): boolean;
  /** Whether the policies are known now. */
  isKnown(): boolean;
  /** Calls back when policies may have changed, and when they are known; the returned function unsubscribes. */
  watch(onChange: () => void): () => void;
}

export interface Topics {
  publish(viewer: Viewer, input: PublishInput): Promise<Publishing>;
  /** Each publication is metered. Results are in the given order; publications to one topic are also published in this order. */
  publishMany(viewer: Viewer, inputs: readonly PublishInput[], meter: Meter): Promise<BatchResult<Publishing>[]>;
  /** Oldest first. @throws {ServiceError} POSITION_EXPIRED. */
  history(viewer: Viewer, topic: string, range: HistoryRange): Promise<readonly PublicationRecord[]>;
  /** Topics by name, without a check of rights. */
  named(topics: readonly string[]): Topic[];
  /** @throws {ServiceError} FORBIDDEN, with `topic`, for a topic to which the viewer may not subscribe. */
  subscribeRight(viewer: Viewer, topics: readonly string[]): Promise<SubscribeRight>;
}

function clean(topic: string, name: string): Topic {
  if (topic.startsWith('$')) throw new ServiceError('FORBIDDEN', `${name}: topics that begin with $ are reserved.`);
  return topicOf(topic, name);
}

/** Any JSON value but null, within the caps. */
export function publicationPayload(value: unknown): unknown {
  const given = payload(value, 'payload');
  if (given === null) throw badInput('payload: must not be null.');
  return given;
}

function count(value: number, name: string): number {
  const { publicationsPerTopic: most } = LIMITS;
  if (!Number.isInteger(value) || value < 1 || value > most) throw badInput(`${name}: must be 1 to ${most}.`);
  return value;
}

function ends({ first, last }: HistoryRange): { readonly first: number | null; readonly last: number } {
  if (typeof first === 'number' && typeof last === 'number')
    throw badInput('first, last: only one of them can be given.');
  return {
    first: optional(first, (given) => count(given, 'first')),
    last: count(last ?? LIMITS.defaultPageSize, 'last'),
  };
}

function past(history: TopicHistory, point: Position, topic: Topic): readonly PublicationRecord[] {
  const read = resumption(history, point);
  if (read.outcome === 'expired') throw positionExpired(read.reason, { topic });
  return read.publications;
}

export function createTopics(engine: Engine, routed: Routed, access: TopicAccess, log: Log): Topics {
  async function publish(viewer: Viewer, input: PublishInput): Promise<Publishing> {
    const topic = clean(input.topic, 'topic');
    const payload = publicationPayload(input.payload);
    const id = optional(input.idempotencyKey, (key) => identifier(key, 'idempotencyKey'));
    const right = access.require('publish', viewer, [topic]);
    if (right) await right;
    return routed.publish(viewer, { topic, payload, key: publicationKey(id, payload) });
  }

  return {
    publish,

    publishMany(viewer, inputs, meter) {
      return inBatch(inputs, { name: 'items', meter, orderedBy: ({ topic }) => topic, log }, (input) =>
        publish(viewer, input),
      );
    },

    async history(viewer, name, range) {
      const topic = clean(name, 'topic');
      const { first, last } = ends(range);
      const point = typeof range.after === 'string' ? topicPositions([topic], [range.after]).get(topic) : undefined;
      await access.require('read', viewer, [topic]);
      const { tenant } = viewer;
      if (!point && first === null) return engine.readLatest(tenant, topic, last);
      const count = first ?? LIMITS.publicationsPerTopic;
      const history = await engine.readTopic(tenant, topic, point?.place ?? null, count);
      const publications = point ? past(history, point, topic) : history.publications;
      return first === null ? publications.slice(-last) : publications;
    },

    named: (topics) => topics.map((topic) => clean(topic, 'topics')),

    async subscribeRight(viewer, names) {
      if (names.length === 0 || names.length > LIMITS.topicsPerSubscription) {
        throw badInput(`topics: must have 1 to ${LIMITS.topicsPerSubscription} items.`);
      }
      const topics = [...new Set(names.map((topic) => clean(topic, 'topics')))];
      await access.require('subscribe', viewer, topics);
      return {
        topics,
        check: (present) => access.requireAtOnce('subscribe', present, topics),
        isKnown: () => access.isKnown(viewer.tenant),
        watch: (onChange) => access.watch(viewer.tenant, onChange),
      };
    },
  };
}
