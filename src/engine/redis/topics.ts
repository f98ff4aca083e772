/** Topics in Redis: the latest publications of each, in one slot with its channel. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Position, PublicationRecord, TenantId } from '../../model.ts';
import type { CurrentTrace } from '../port.ts';
import type { Unread } from '../shared/closed.ts';
import {
  type EarlierPublication,
  knownForMs,
  type NewPublication,
  type PublicationDiversion,
  type TopicStore,
  USUAL_KEEPING,
} from '../shared/publication.ts';
import { readDiversion } from '../shared/stored-records.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { fragment } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

type Kept = [epoch: string | null, place: string | null, publications: string[]];

const headOf = (epoch: string | null | undefined, place: string | null | undefined): Position | null =>
  epoch ? { epoch, place: Number(place) } : null;

type Earlier = [outcome: 'earlier', json: string] | [outcome: 'conflict'];
type Answer = [outcome: 'published', json: string] | Earlier;

/** The fields of a publication stored in its topic that the caller does not give. */
type StoredOutcome = Partial<Unread<PublicationDiversion>> & { readonly digest?: string } & Pick<
    PublicationRecord,
    'timestamp' | 'position'
  >;

/** The value that scripts store under a key, with the caller's data of the publication. */
function earlierOf({ id, topic, payload, senderId }: NewPublication, [outcome, json]: Earlier): EarlierPublication {
  if (outcome === 'conflict') return { outcome };
  const { digest: _, fate, publication: routed = null, ...known } = JSON.parse(json) as StoredOutcome;
  if (fate !== undefined) return { outcome: 'diverted', ...readDiversion({ fate, publication: routed }) };
  return { outcome: 'duplicate', publication: { id, topic, payload, senderId, ...known } };
}

export interface TopicOptions {
  readonly clock: Clock;
  readonly currentTrace: CurrentTrace;
  readonly outbox: EventOutbox;
}

export function createTopics(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  { clock, currentTrace, outbox }: TopicOptions,
): TopicStore {
  const sentKey = (tenant: TenantId, { topic, senderId, key }: NewPublication): string =>
    keys.published(tenant, topic, senderId, key?.id ?? '');

  return {
    async publish(tenant, publication) {
      const { id, topic, payload, senderId, key, isRewritten, keeping = USUAL_KEEPING } = publication;
      const { meta, history, channel, events } = keys.topic(tenant, topic);
      const body = fragment({ id, topic, payload, senderId });
      const kept = key
        ? [TIMES.idempotencyMs, key.digest, isRewritten ? `${fragment({ payload })},` : '']
        : ['', '', ''];
      const bounds = [keeping.most, keeping.forMs, knownForMs(keeping)];
      const args = [clock.offset(), randomUUID(), body, ...bounds, currentTrace(), id, ...kept];
      const at = [meta, history, channel, sentKey(tenant, publication)];
      const answer = (await outbox.run(tenant, events, 'publish', at, args)) as Answer;
      if (answer[0] === 'published')
        return { outcome: 'published', publication: JSON.parse(answer[1]) as PublicationRecord };
      return earlierOf(publication, answer);
    },

    async findPublished(tenant, publication) {
      const { key } = publication;
      if (!key) return null;
      const args = [clock.offset(), key.digest];
      const answer = (await run('read-published', [sentKey(tenant, publication)], args)) as Earlier | null;
      return answer && earlierOf(publication, answer);
    },

    async divertPublication(tenant, publication, { fate, publication: routed }) {
      const { key } = publication;
      if (!key) return;
      const args = [clock.offset(), key.digest, fragment({ fate, publication: routed }), TIMES.idempotencyMs];
      await run('divert-publication', [sentKey(tenant, publication)], args);
    },

    async readTopic(tenant, topic, afterPlace, limit) {
      const { meta, history } = keys.topic(tenant, topic);
      const [epoch, place, publications] = (await run(
        'read-topic',
        [meta, history],
        [afterPlace ?? '', limit],
      )) as Kept;
      return {
        head: headOf(epoch, place),
        publications: publications.map((json) => JSON.parse(json) as PublicationRecord),
      };
    },

    async readLatest(tenant, topic, limit) {
      const kept = await attempt(() => client.lrange(keys.topic(tenant, topic).history, -limit, -1));
      return kept.map((json) => JSON.parse(json) as PublicationRecord);
    },

    async readTopicHead(tenant, topic) {
      const [epoch, place] = await attempt(() => client.hmget(keys.topic(tenant, topic).meta, 'epoch', 'place'));
      return headOf(epoch, place);
    },
  };
}
