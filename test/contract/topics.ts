import { randomUUID } from 'node:crypto';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { PublicationId, TenantId, Topic } from '../../src/model.ts';
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

    it('are announced and kept in one order, whichever node publishes', async () => {
      const { engine, other } = world;
      const topic = newTopic();
      const { heard, listening } = await record(other, { kind: 'topic', tenant, id: topic });
      const nodes = [engine, other, engine, other];
      await Promise.all(nodes.map((node, n) => node.publish(tenant, publication(topic, { n, text: 'é"\n' }))));
      await eventually(() => expect(heard).toHaveLength(4));
      const { head, publications } = await engine.readTopic(tenant, topic);
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
      const { publications } = await engine.readTopic(tenant, topic);
      expect(publications.map(({ payload }) => payload)).toEqual(Array.from({ length: most }, (_, n) => n + 4));
    });

    it('are one when they have the same key, for a day, of one sender on one topic', async () => {
      const { engine, other, clock } = world;
      const topic = newTopic();
      const { heard, listening } = await record(other, { kind: 'topic', tenant, id: topic });
      const keyed = (payload: unknown, key: string | null = 'key') => ({
        ...publication(topic, payload),
        idempotencyKey: key,
      });
      const first = await engine.publish(tenant, keyed(1));
      expect(first).not.toHaveProperty('idempotencyKey');
      const again = await other.publish(tenant, keyed(1));
      expect(again).toEqual(first);
      const others = [keyed(2, 'other'), keyed(3, null), keyed(4, null), { ...keyed(5), senderId: bob }];
      for (const each of others) await engine.publish(tenant, each);
      const elsewhere = newTopic();
      await engine.publish(tenant, { ...keyed(6), topic: elsewhere });
      expect((await engine.readTopic(tenant, elsewhere)).publications).toHaveLength(1);
      const { publications } = await engine.readTopic(tenant, topic);
      expect(publications.map(({ payload }) => payload)).toEqual([1, 2, 3, 4, 5]);
      await eventually(() => expect(heard).toHaveLength(5));
      clock.advance(TIMES.idempotencyMs);
      expect((await engine.publish(tenant, keyed(1))).id).not.toBe(first.id);
      await listening.close();
    });

    it('G09: are their tenant’s own, and none is another', async () => {
      const { engine } = world;
      const topic = newTopic();
      await engine.publish(tenant, publication(topic, 1));
      expect((await engine.readTopic('other' as TenantId, topic)).publications).toEqual([]);
      expect((await engine.readTopic(tenant, `${topic}x` as Topic)).head).toBeNull();
      expect(await engine.readTopicHead(tenant, `${topic}x` as Topic)).toBeNull();
    });
  });
}
