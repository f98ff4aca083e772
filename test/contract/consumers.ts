import { randomUUID } from 'node:crypto';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConnectionId, DeviceId, SessionId, SessionRecord, TenantId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, newConversationId, type OpenWorld, text, type World } from '../support/world.ts';
import { consumerCalls, name, ofEverything, payloadOf, publication, pullOf } from './consumer-calls.ts';

/** Of a server that takes over. */
const BEHIND_MS = 30 * 60_000;

/** One that begins now. */
const sessionOf = (userId: UserId): SessionRecord => ({
  id: randomUUID() as string as SessionId,
  userId,
  deviceId: 'phone' as DeviceId,
  deviceName: null,
  userAgent: null,
  scope: '',
  topics: { publish: null, subscribe: null },
  createdAt: Date.now(),
  lastSeenAt: Date.now(),
  expiresAt: Date.now() + 60 * 60_000,
  revokedAt: null,
  currentHash: 'secret-1',
  previousHash: '',
  nonce: '',
  rotatedAt: Date.now(),
  usedHashes: [],
  version: 1,
});

export function describeConsumers(open: OpenWorld): void {
  describe('consumers', () => {
    let world: World;
    let tenant: TenantId;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    beforeEach(() => {
      tenant = `tenant-${randomUUID()}` as TenantId;
    });

    const { save, publish, pull, ack, progress, pullAll, createGroup } = consumerCalls(
      () => world,
      () => tenant,
    );

    it('G23: receive every event of a conversation, in order', async () => {
      const { engine, other } = world;
      await save();
      const id = await createGroup();
      const sent = await engine.appendMessage(tenant, text(id, alice, 'hello'));
      if (sent.outcome !== 'appended') throw new Error(sent.outcome);
      await other.editMessage(tenant, sent.message.id, 'hello!', null);
      await engine.addReaction(tenant, sent.message.id, bob, '👍');
      await other.addMembers(tenant, id, [carol], 'MEMBER');
      await engine.renameConversation(tenant, id, 'Renamed');
      await engine.markRead(tenant, id, bob, 1);
      await other.removeMember(tenant, id, carol, { userId: carol, least: 'MEMBER' });
      const writing = await engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false });
      if (writing.outcome !== 'appended') throw new Error(writing.outcome);
      await engine.appendText(tenant, writing.message.id, {
        senderId: alice,
        offset: 0,
        text: 'Hi',
        payload: undefined,
        paceMs: 0,
      });
      const end = { senderId: alice, state: 'COMPLETE', length: null, content: null, payload: undefined } as const;
      await other.finishMessage(tenant, writing.message.id, end);
      await engine.deleteMessage(tenant, sent.message.id, bob);
      await other.deleteConversation(tenant, id, null);
      const { events } = await pullAll(10);
      expect(events.map(({ type }) => type)).toEqual([
        'CONVERSATION_CREATED',
        'MESSAGE_SENT',
        'MESSAGE_CHANGED',
        'MESSAGE_CHANGED',
        'MEMBER_ADDED',
        'MEMBER_REMOVED',
        'MESSAGE_SENT',
        'MESSAGE_FINISHED',
        'MESSAGE_DELETED',
        'CONVERSATION_DELETED',
      ]);
      expect(events.every(({ subject, attempt }) => subject === id && attempt === 1)).toBe(true);
      expect(new Set(events.map((event) => event.id)).size).toBe(10);
      const [created, first, edited, , added, removed] = events;
      expect(created?.data).toMatchObject({ conversation: { id, memberCount: 2 }, userIds: [alice, bob] });
      expect(first?.data).toEqual(sent.message);
      expect(edited?.data).toMatchObject({ content: 'hello!' });
      expect(added?.data).toMatchObject({ userIds: [carol] });
      expect(removed?.data).toMatchObject({ userIds: [carol], why: 'LEFT' });
      expect(events.at(-2)?.data).toMatchObject({ id: sent.message.id, content: '', deletedBy: bob });
    });

    it('receive publications, but none from before they were saved or outside their filters', async () => {
      await publish('news', 'before');
      await save({ events: ['PUBLISHED'], topics: ['news', 'orders.#', 'jobs.*.done'] });
      await createGroup();
      await publish('news', 1, { two: '"é😀\n' });
      await publish('orders.1.paid', 3);
      await publish('orders', 4);
      await publish('ordersx', 5);
      await publish('jobs.7.done', 6);
      await publish('jobs.7.8.done', 7);
      const { events } = await pullAll(5);
      expect(events.map(({ type, subject }) => `${type} ${subject}`).sort()).toEqual([
        'PUBLISHED jobs.7.done',
        'PUBLISHED news',
        'PUBLISHED news',
        'PUBLISHED orders',
        'PUBLISHED orders.1.paid',
      ]);
      expect(events.filter(({ subject }) => subject === 'news').map(payloadOf)).toEqual([1, { two: '"é😀\n' }]);
    });

    it('with a filter on one conversation receive only its events, and those of topics', async () => {
      const wanted = newConversationId();
      await save({ conversations: [wanted] });
      await createGroup();
      const members = [{ userId: alice, role: 'OWNER' }] as const;
      const conversation = { id: wanted, name: null, kind: 'GROUP', createdBy: alice, members } as const;
      await world.engine.createConversation(tenant, conversation);
      await publish('news', 1);
      const { events } = await pullAll(2);
      expect(events.map(({ type }) => type).sort()).toEqual(['CONVERSATION_CREATED', 'PUBLISHED']);
    });

    it('receive presence and session events, without any credential of the session', async () => {
      const { engine, other } = world;
      await save({
        events: ['PRESENCE_CHANGED', 'SESSION_BEGUN', 'SESSION_ENDED'],
        conversations: [newConversationId()],
      });
      const connectionId = randomUUID() as ConnectionId;
      const connection = {
        connectionId,
        deviceId: 'phone' as DeviceId,
        sessionId: null,
        connectionType: 'SSE',
      } as const;
      await engine.connect(tenant, alice, connection);
      await engine.setStatus(tenant, alice, 'BUSY', 'in a call');
      await engine.disconnect(tenant, alice, connectionId);
      const { events } = await pullAll(3);
      expect(events.map(({ type, subject }) => [type, subject])).toEqual(Array(3).fill(['PRESENCE_CHANGED', alice]));
      expect(events.map(({ data }) => data)).toMatchObject([
        { userId: alice, status: 'ONLINE', statusText: null, devices: [{ deviceId: 'phone' }] },
        { userId: alice, status: 'BUSY', statusText: 'in a call' },
        { userId: alice, status: 'OFFLINE', statusText: null, devices: [] },
      ]);
      expect(Object.keys(events[0]?.data ?? {}).sort()).toEqual(
        ['devices', 'lastSeenAt', 'status', 'statusText', 'userId'].sort(),
      );
      const session = sessionOf(bob);
      await other.writeSession(tenant, session, []);
      await engine.writeSession(tenant, { ...session, version: 2, currentHash: 'secret-2' }, []);
      await other.writeSession(tenant, { ...session, version: 3, revokedAt: world.clock.now() }, []);
      const ofBob = (await pullAll(2, 'two')).events;
      expect(ofBob.map(({ type, subject }) => [type, subject])).toEqual([
        ['SESSION_BEGUN', bob],
        ['SESSION_ENDED', bob],
      ]);
      expect(ofBob[0]?.data).toMatchObject({ id: session.id, userId: bob, deviceId: 'phone', revokedAt: null });
      expect(JSON.stringify(ofBob)).not.toContain('secret');
    });

    it('each have their own position, from the start or from now, and keep it when changed', async () => {
      await save();
      await publish('news', 1);
      await pullAll(1);
      const late = { ...ofEverything, name: 'late' };
      await world.engine.saveConsumer(tenant, late, 'START');
      await world.engine.saveConsumer(tenant, { ...late, name: 'later' }, 'NOW');
      const read = async (consumer: string) =>
        (await world.engine.pullEvents(tenant, consumer, pullOf('one')))?.events.map(payloadOf);
      expect(await read('late')).toEqual([1]);
      expect(await read('later')).toEqual([]);
      await save({ events: ['MESSAGE_SENT'] }, 'START');
      world.clock.advance(TIMES.eventAckMs);
      expect((await pull()).events.map(payloadOf)).toEqual([1]);
      expect((await world.other.readConsumers(tenant)).map((each) => each.name).sort()).toEqual([
        name,
        'late',
        'later',
      ]);
    });

    it('a consumer that is deleted takes no events from the others', async () => {
      const { engine, other } = world;
      await save();
      await engine.saveConsumer(tenant, { ...ofEverything, name: 'another' }, 'NOW');
      expect(await other.deleteConsumer(tenant, 'another')).toBe(true);
      await publish('news', 1);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([1]);
    });

    it('are deleted with all their events; without any consumer, no events are kept', async () => {
      const { engine, other } = world;
      await save();
      await publish('news', 1);
      await pullAll(1);
      expect(await other.deleteConsumer(tenant, name)).toBe(true);
      expect(await engine.deleteConsumer(tenant, name)).toBe(false);
      expect(await engine.pullEvents(tenant, name, pullOf('one'))).toBeNull();
      expect(await engine.readProgress(tenant, name)).toBeNull();
      expect(await engine.readConsumers(tenant)).toEqual([]);
      await save({}, 'START');
      expect((await pull()).events).toEqual([]);
      await publish('news', 2);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([2]);
    });

    it('receive no more events than requested and no more bytes than the cap', async () => {
      await save();
      await publish('news', 1, 2, 3);
      await eventually(async () => expect((await progress()).lag).toBe(3));
      const first = await pull('one', 2);
      expect(first.events.map(payloadOf)).toEqual([1, 2]);
      world.clock.advance(TIMES.eventAckMs);
      const second = await pull('one', 1);
      expect(second.events.map(payloadOf)).toEqual([1]);
      await ack(second);
      const third = await pull();
      expect(third.events.map(payloadOf)).toEqual([2, 3]);
      await ack(third);
      const long = 'x'.repeat(32 * 1024);
      await publish('news', ...Array.from({ length: 12 }, () => long));
      await eventually(async () => expect((await progress()).lag).toBe(12));
      const part = await pull();
      expect(part.events).toHaveLength(8);
      await ack(part);
      const rest = await pull();
      expect(rest.events).toHaveLength(4);
      await ack(rest);
      // The cap is that of all partitions together.
      for (let n = 0; n < 12; n += 1) await publish(`news.${n}`, long);
      await eventually(async () => expect((await progress()).lag).toBe(12));
      expect((await pull()).events).toHaveLength(8);
    });

    it(`report new arrivals, and are at most ${LIMITS.consumersPerTenant}`, async () => {
      const { engine, other } = world;
      await save();
      const before = await other.readArrivals(tenant);
      await publish('news', 1);
      await eventually(async () => expect(await other.readArrivals(tenant)).not.toBe(before));
      const others = Array.from({ length: LIMITS.consumersPerTenant - 1 }, (_, n) => `other-${n}`);
      for (const each of others) await engine.saveConsumer(tenant, { ...ofEverything, name: each }, 'NOW');
      expect(await engine.saveConsumer(tenant, { ...ofEverything, name: 'more' }, 'NOW')).toEqual({ outcome: 'full' });
      expect(await save()).toMatchObject({ outcome: 'saved' });
    });

    it('G09: are separate by tenant', async () => {
      await save();
      const stranger = `${tenant}-2` as TenantId;
      expect(await world.engine.pullEvents(stranger, name, pullOf('one'))).toBeNull();
      expect(await world.engine.deleteConsumer(stranger, name)).toBe(false);
      await world.engine.publish(stranger, publication('news', 'theirs'));
      await publish('news', 'ours');
      const pulled = await pullAll(1);
      expect(pulled.events.map(payloadOf)).toEqual(['ours']);
      await world.engine.saveConsumer(stranger, { name, ...ofEverything }, 'NOW');
      expect(await world.engine.ackEvents(stranger, name, pulled.token, [])).toBe('late');
    });

    it('keep events for a week', async () => {
      await save();
      await publish('news', 1);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      world.clock.advance(TIMES.eventsMs - 60_000);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      world.clock.advance(60_000);
      await publish('news', 2);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([2]);
    });

    it('G23: keep the order of events when the clock goes back, as after a failover', async () => {
      const apart = await open();
      try {
        const calls = consumerCalls(
          () => apart,
          () => tenant,
        );
        await calls.save();
        const seen: unknown[] = [];
        const take = async (count: number): Promise<void> => {
          const pulled = await calls.pullAll(count);
          seen.push(...pulled.events.map(payloadOf));
          expect(await calls.ack(pulled)).toBe('acknowledged');
        };
        for (const n of [1, 2, 3]) await calls.publish('news', n);
        await take(3);
        await calls.publish('news', 4);
        await eventually(async () => expect((await calls.progress()).lag).toBe(1));
        apart.clock.jump(-BEHIND_MS);
        const offset = apart.clock.offset() - BEHIND_MS;
        apart.clock.offset = () => offset;
        for (const n of [5, 6]) await calls.publish('news', n);
        await take(3);
        expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
      } finally {
        await apart.close();
      }
    });
  });
}
