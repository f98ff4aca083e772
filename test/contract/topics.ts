import { randomUUID } from 'node:crypto';
import { resumption } from '../../src/engine/shared/publication.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { Position, PublicationId, TenantId, Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, type OpenWorld, record, tenant, type World } from '../support/world.ts';

const newTopic = (): Topic => `news/${randomUUID()}` as Topic;
const publication = (topic: Topic, payload: unknown) => ({
  id: randomUUID() as string as PublicationId,
  topic,
  payload,
  senderId: alice,
});

export function describeTopics(open: OpenWorld): void {
  describe('topics', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('are announced and stored in one order, whichever node publishes', async () => {
      const { engine, other } = world;
      const topic = newTopic();
      const { heard, listening } = await record(other, { kind: 'topic', tenant, id: topic });
      const nodes = [engine, other, engine, other];
      await Promise.all(nodes.map((node, n) => node.publish(tenant, publication(topic, { n, text: 'é"\n' }))));
      await eventually(() => expect(heard).toHaveLength(4));
      const { head, publications } = await engine.readTopic(tenant, topic, null, LIMITS.publicationsPerTopic);
      expect(heard.map((each) => each.type === 'publication' && each.publication)).toEqual(publications);
      expect(publications.map(({ position }) => position.place)).toEqual([1, 2, 3, 4]);
      expect(head).toEqual(publications[3]?.position);
      expect(await other.readTopicHead(tenant, topic)).toEqual(head);
      expect(publications.map(({ payload }) => (payload as { n: number }).n).sort()).toEqual([0, 1, 2, 3]);
      await listening.close();
    });

    it(`keep the latest ${LIMITS.publicationsPerTopic}`, async () => {
      const { engine } = world;
      const topic = newTopic();
      const most = LIMITS.publicationsPerTopic;
      for (let n = 1; n <= most + 3; n += 1) await engine.publish(tenant, publication(topic, n));
      const { publications } = await engine.readTopic(tenant, topic, null, LIMITS.publicationsPerTopic);
      expect(publications.map(({ payload }) => payload)).toEqual(Array.from({ length: most }, (_, n) => n + 4));
    });

    it('keep as many publications as the last one says, and refuse positions of removed ones', async () => {
      const { engine, other } = world;
      const topic = newTopic();
      for (let n = 1; n <= 5; n += 1) await engine.publish(tenant, publication(topic, n));
      const keeping = { most: 2, forMs: TIMES.longestKeepMs };
      await other.publish(tenant, { ...publication(topic, 6), keeping });
      const history = await engine.readTopic(tenant, topic, null, LIMITS.publicationsPerTopic);
      expect(history.publications.map(({ payload }) => payload)).toEqual([5, 6]);
      const at = (place: number): Position => ({ epoch: history.head?.epoch ?? '', place });
      const past = async (place: number) => resumption(await other.readTopic(tenant, topic, place, 10), at(place));
      expect(await past(4)).toMatchObject({ outcome: 'read', publications: [{ payload: 5 }, { payload: 6 }] });
      expect(await past(3)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
    });

    it('a repeated key of one sender on one topic is a duplicate for a day', async () => {
      const { engine, other, clock } = world;
      const topic = newTopic();
      const { heard, listening } = await record(other, { kind: 'topic', tenant, id: topic });
      const keyed = (payload: unknown, id: string | null = 'key') => ({
        ...publication(topic, payload),
        key: id === null ? null : { id, digest: `of ${payload}` },
      });
      const first = await engine.publish(tenant, keyed(1));
      const published = first.outcome === 'published' ? first.publication : null;
      expect(published).not.toHaveProperty('key');
      expect(await other.publish(tenant, keyed(1))).toEqual({ outcome: 'duplicate', publication: published });
      expect(await other.findPublished(tenant, keyed(1))).toEqual({ outcome: 'duplicate', publication: published });
      expect(await other.publish(tenant, keyed(7))).toEqual({ outcome: 'conflict' });
      expect(await other.findPublished(tenant, keyed(7))).toEqual({ outcome: 'conflict' });
      const others = [keyed(2, 'other'), keyed(3, null), keyed(4, null), { ...keyed(5), senderId: bob }];
      for (const each of others) await engine.publish(tenant, each);
      const elsewhere = newTopic();
      await engine.publish(tenant, { ...keyed(6), topic: elsewhere });
      expect((await engine.readTopic(tenant, elsewhere, null, 10)).publications).toHaveLength(1);
      const { publications } = await engine.readTopic(tenant, topic, null, 10);
      expect(publications.map(({ payload }) => payload)).toEqual([1, 2, 3, 4, 5]);
      await eventually(() => expect(heard).toHaveLength(5));
      clock.advance(TIMES.idempotencyMs);
      expect(await engine.findPublished(tenant, keyed(1))).toBeNull();
      expect((await engine.publish(tenant, keyed(1))).outcome).toBe('published');
      await listening.close();
    });

    it('a repeated publication is answered as first stored, or with the fate a routing rule gave it', async () => {
      const { engine, other } = world;
      const topic = newTopic();
      const keyed = (payload: unknown, id: string) => ({ ...publication(topic, payload), key: { id, digest: 'same' } });
      await engine.publish(tenant, { ...keyed({ text: '"\n😀' }, 'rewritten'), isRewritten: true });
      const again = await other.publish(tenant, keyed('given', 'rewritten'));
      expect(again).toMatchObject({ outcome: 'duplicate', publication: { payload: { text: '"\n😀' } } });
      const [routed] = (await engine.readTopic(tenant, topic, null, 1)).publications;
      const dropped = { fate: 'DROPPED', publication: null } as const;
      const sentOn = { fate: 'ROUTED', publication: routed ?? null } as const;
      await engine.divertPublication(tenant, keyed(1, 'dropped'), dropped);
      await engine.divertPublication(tenant, keyed(1, 'routed'), sentOn);
      await engine.divertPublication(tenant, keyed(1, 'rewritten'), dropped);
      expect(await other.publish(tenant, keyed(1, 'dropped'))).toEqual({ outcome: 'diverted', ...dropped });
      expect(await other.findPublished(tenant, keyed(1, 'routed'))).toEqual({ outcome: 'diverted', ...sentOn });
      expect(await other.publish(tenant, keyed('given', 'rewritten'))).toEqual(again);
      expect((await engine.readTopic(tenant, topic, null, 10)).publications).toHaveLength(1);
    });

    it('G06: publications past a place are read page by page', async () => {
      const { engine, other } = world;
      const topic = newTopic();
      const most = LIMITS.publicationsPerTopic;
      for (let n = 1; n <= most + 5; n += 1) await engine.publish(tenant, publication(topic, n));
      const read = async (after: number, limit: number) =>
        (await other.readTopic(tenant, topic, after, limit)).publications.map(({ payload }) => payload);
      expect(await read(most, 3)).toEqual([most + 1, most + 2, most + 3]);
      expect(await read(most + 3, 3)).toEqual([most + 4, most + 5]);
      expect(await read(most + 5, 3)).toEqual([]);
      expect(await read(1, 2)).toEqual([6, 7]);
      const latest = async (limit: number) =>
        (await other.readLatest(tenant, topic, limit)).map(({ payload }) => payload);
      expect(await latest(2)).toEqual([most + 4, most + 5]);
      expect((await latest(most)).slice(0, 2)).toEqual([6, 7]);
      expect(await other.readLatest(tenant, newTopic(), 5)).toEqual([]);
    });

    it('G09: are separate by tenant and by name', async () => {
      const { engine } = world;
      const topic = newTopic();
      await engine.publish(tenant, publication(topic, 1));
      expect((await engine.readTopic('other' as TenantId, topic, null, 10)).publications).toEqual([]);
      expect((await engine.readTopic(tenant, `${topic}x` as Topic, null, 10)).head).toBeNull();
      expect(await engine.readTopicHead(tenant, `${topic}x` as Topic)).toBeNull();
    });
  });
}
