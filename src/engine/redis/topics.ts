/** Topics in Redis: the latest publications of each, in one slot with its channel. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Position, PublicationRecord } from '../../model.ts';
import type { CurrentTrace, TopicStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import { fragment } from './codec.ts';
import { attempt } from './conversations.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

type Kept = [epoch: string | null, place: string | null, publications: string[]];

const headOf = (epoch: string | null | undefined, place: string | null | undefined): Position | null =>
  epoch ? { epoch, place: Number(place) } : null;

export function createTopics(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  clock: Clock,
  currentTrace: CurrentTrace,
): TopicStore {
  return {
    async publish(tenant, { idempotencyKey = null, ...publication }) {
      const { id, topic, payload, senderId } = publication;
      const { meta, history, channel } = keys.topic(tenant, topic);
      const sent = keys.published(tenant, topic, senderId, idempotencyKey ?? '');
      const body = fragment({ id, topic, payload, senderId });
      const { publicationsPerTopic: most } = LIMITS;
      const keepMs = idempotencyKey === null ? '' : TIMES.idempotencyMs;
      const args = [clock.offset(), randomUUID(), body, most, TIMES.publicationMs, currentTrace(), id, keepMs];
      const known = JSON.parse(String(await run('publish', [meta, history, channel, sent], args)));
      return { ...publication, ...known } as PublicationRecord;
    },

    async readTopic(tenant, topic) {
      const { meta, history } = keys.topic(tenant, topic);
      const [epoch, place, publications] = (await run('read-topic', [meta, history], [])) as Kept;
      return {
        head: headOf(epoch, place),
        publications: publications.map((json) => JSON.parse(json) as PublicationRecord),
      };
    },

    async readTopicHead(tenant, topic) {
      const [epoch, place] = await attempt(() => client.hmget(keys.topic(tenant, topic).meta, 'epoch', 'place'));
      return headOf(epoch, place);
    },
  };
}
