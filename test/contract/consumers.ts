import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import type { EventRecord, PulledEvents } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import {
  type ConnectionId,
  type ConsumerRecord,
  type ConversationId,
  type DeviceId,
  EVENT_TYPES,
  type PublicationId,
  type SessionId,
  type SessionRecord,
  type TenantId,
  type Topic,
  type UserId,
} from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, newConversationId, type OpenWorld, text, type World } from '../support/world.ts';

const ofEverything: Omit<ConsumerRecord, 'name'> = { events: EVENT_TYPES, conversations: null, topics: null };
const name = 'bot';
const pullOf = (member: string, max = 100) => ({ member, max });
const publication = (topic: string, payload: unknown) => ({
  id: randomUUID() as string as PublicationId,
  topic: topic as Topic,
  payload,
  senderId: alice,
});
const payloadOf = ({ data }: EventRecord): unknown => ('payload' in data ? data.payload : null);

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

    const save = (more: Partial<ConsumerRecord> = {}, from: 'START' | 'NOW' = 'NOW') =>
      world.engine.saveConsumer(tenant, { name, ...ofEverything, ...more }, from);
    const publish = (topic: string, ...payloads: readonly unknown[]) =>
      payloads.reduce<Promise<unknown>>(
        (before, payload) => before.then(() => world.engine.publish(tenant, publication(topic, payload))),
        Promise.resolve(),
      );
    const pull = async (member = 'one', max = 100, engine: Engine = world.other): Promise<PulledEvents> => {
      const pulled = await engine.pullEvents(tenant, name, pullOf(member, max));
      if (!pulled) throw new Error('There is no such consumer.');
      return pulled;
    };
    const ack = ({ token }: PulledEvents, ...failed: EventRecord[]) =>
      world.engine.ackEvents(
        tenant,
        name,
        token,
        failed.map(({ id }) => id),
      );
    const progress = async () => {
      const read = await world.other.readProgress(tenant, name);
      if (!read) throw new Error('There is no such consumer.');
      return read;
    };
    /** Waits until so many events are there to be handed out, and pulls them. */
    const pullAll = async (count: number, member = 'one'): Promise<PulledEvents> => {
      await eventually(async () => expect((await progress()).lag).toBe(count));
      return pull(member);
    };
    const createGroup = async (): Promise<ConversationId> => {
      const id = newConversationId();
      const members = [
        { userId: alice, role: 'OWNER' },
        { userId: bob, role: 'MEMBER' },
      ] as const;
      await world.engine.createConversation(tenant, { id, name: 'Group', kind: 'GROUP', createdBy: alice, members });
      return id;
    };

    it('G23: are told of all that happens to a conversation, in its order', async () => {
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

    it('are told of publications; of what came before they were saved, or of what they do not want, nothing', async () => {
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

    it('that want one conversation hear of it alone, and of topics besides', async () => {
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

    it('are told of presence and sessions, and of nothing by which a session could be used', async () => {
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

    it('G23: hold what a member has in hand from all others, for a minute', async () => {
      await save();
      await publish('news', 1, 2, 3);
      const { events } = await pullAll(3);
      await publish('news', 4);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      expect((await pull('two')).events).toEqual([]);
      expect(await progress()).toMatchObject({ lag: 1, pending: 3, oldestPendingAt: events[0]?.at, deadLetters: 0 });
      world.clock.advance(TIMES.eventAckMs);
      const again = await pull('two');
      expect(again.events.map(payloadOf)).toEqual([1, 2, 3, 4]);
      expect(again.events.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 1]);
      expect(again.events.slice(0, 3).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
      expect((await pull('one')).events).toEqual([]);
    });

    it('are acknowledged once: twice is the same, and late is late', async () => {
      await save();
      await publish('news', 1);
      const first = await pullAll(1);
      world.clock.advance(TIMES.eventAckMs);
      // Nobody has it in hand yet: it is not too late.
      expect(await ack(first)).toBe('acknowledged');
      expect(await ack(first)).toBe('acknowledged');
      expect((await pull()).events).toEqual([]);
      expect(await progress()).toEqual({ lag: 0, pending: 0, oldestPendingAt: null, deadLetters: 0 });
      await publish('news', 2);
      const second = await pullAll(1);
      world.clock.advance(TIMES.eventAckMs);
      const third = await pull('two');
      expect(third.events).toHaveLength(1);
      expect(await ack(second)).toBe('late');
      expect(await progress()).toMatchObject({ pending: 1 });
      expect(await ack(third)).toBe('acknowledged');
      expect(await ack(second)).toBe('late');
      expect(await world.engine.ackEvents(tenant, 'another', third.token, [])).toBe('not-found');
    });

    it('are given what failed again, later each time, before anything else of its subject', async () => {
      await save();
      await publish('news', 1, 2);
      const first = await pullAll(2);
      expect(await ack(first, ...first.events.slice(0, 1))).toBe('acknowledged');
      await publish('news', 3);
      await eventually(async () => expect(await progress()).toMatchObject({ lag: 1, pending: 1 }));
      world.clock.advance(1_000);
      let pulled = await pull();
      expect(pulled.events.map(payloadOf)).toEqual([1, 3]);
      for (let attempt = 2; attempt < 6; attempt += 1) {
        expect(await ack(pulled, ...pulled.events.slice(0, 1))).toBe('acknowledged');
        world.clock.advance(TIMES.eventAckMs);
        pulled = await pull();
        expect(pulled.events.map((event) => [payloadOf(event), event.attempt])).toEqual([[1, attempt + 1]]);
      }
      // The sixth attempt is followed by half a minute.
      expect(await ack(pulled, ...pulled.events)).toBe('acknowledged');
      world.clock.advance(1_000);
      expect((await pull()).events).toEqual([]);
      world.clock.advance(31_000);
      expect((await pull()).events.map(({ attempt }) => attempt)).toEqual([7]);
    });

    it(`give an event up after ${LIMITS.eventAttempts} attempts, and then its subject goes on`, async () => {
      await save();
      await publish('news', 1, 2);
      let pulled = await pullAll(2);
      for (let attempt = 1; attempt < LIMITS.eventAttempts; attempt += 1) {
        const [failed] = pulled.events;
        if (attempt % 2 === 1 && failed) await ack(pulled, failed);
        world.clock.advance(TIMES.eventAckMs);
        pulled = await pull();
        expect(pulled.events[0]).toMatchObject({ attempt: attempt + 1 });
      }
      const [failed] = pulled.events;
      if (failed) await ack(pulled, failed);
      expect(await progress()).toEqual({ lag: 0, pending: 0, oldestPendingAt: null, deadLetters: 1 });
      // One that is not acknowledged at last is given up without anybody's doing.
      await publish('news', 3);
      pulled = await pullAll(1);
      for (let attempt = 1; attempt < LIMITS.eventAttempts; attempt += 1) {
        world.clock.advance(TIMES.eventAckMs);
        pulled = await pull();
      }
      world.clock.advance(TIMES.eventAckMs);
      expect(await progress()).toMatchObject({ pending: 0, deadLetters: 2 });
      const [first, second] = await world.other.listDeadLetters(tenant, name, null, 10);
      expect([first, second].map((each) => each && [payloadOf(each), each.attempt])).toEqual([
        [1, 10],
        [3, 10],
      ]);
      expect(await world.engine.listDeadLetters(tenant, name, first?.place ?? '', 10)).toEqual([second]);
      expect(await world.engine.listDeadLetters(tenant, name, null, 1)).toEqual([first]);
      await publish('news', 4);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([4]);
    });

    it('are given again at once what nobody looked at, which was no attempt', async () => {
      await save();
      await publish('news', 1, 2, 3);
      let pulled = await pullAll(3);
      const [, second = '', third = ''] = pulled.events.map(({ id }) => id);
      const backOff = { growth: 4, mostMs: 60 * 60_000 };
      for (let turn = 0; turn < LIMITS.eventAttempts + 1; turn += 1) {
        const both = { backOff, returned: [second, third] };
        expect(await world.engine.ackEvents(tenant, name, pulled.token, [], both)).toBe('acknowledged');
        pulled = await pull();
        expect(pulled.events.map((event) => [payloadOf(event), event.attempt])).toEqual([
          [2, 1],
          [3, 1],
        ]);
      }
      const more = { backOff, returned: [third] };
      await world.engine.ackEvents(tenant, name, pulled.token, [second], more);
      expect((await pull()).events).toEqual([]);
      world.clock.advance(1_000);
      pulled = await pull();
      expect(pulled.events.map(({ attempt }) => attempt)).toEqual([2, 1]);
      await world.engine.ackEvents(tenant, name, pulled.token, [second], more);
      world.clock.advance(2_000);
      expect((await pull()).events).toEqual([]);
      world.clock.advance(2_000);
      expect((await pull()).events.map(({ attempt }) => attempt)).toEqual([3, 1]);
    });

    it('are given dead letters once more, and at once what rests, when it is asked for', async () => {
      await save();
      await publish('news', 1, 2);
      const long = { backOff: { growth: 4, mostMs: 60 * 60_000 }, returned: [] };
      let pulled = await pullAll(2);
      const [first = '', second = ''] = pulled.events.map(({ id }) => id);
      for (let attempt = 1; attempt <= LIMITS.eventAttempts; attempt += 1) {
        await world.engine.ackEvents(tenant, name, pulled.token, [first, second].slice(0, attempt === 1 ? 2 : 1), long);
        expect(await world.other.redeliverEvents(tenant, name, null, 0)).toBe(0);
        pulled = await pull();
      }
      expect(await progress()).toMatchObject({ deadLetters: 1 });
      await publish('other', 3);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      const [letter] = await world.other.listDeadLetters(tenant, name, null, 10);
      expect(await world.engine.redeliverEvents(tenant, name, letter?.place ?? '', 10)).toBe(0);
      expect(await world.engine.redeliverEvents(tenant, name, null, 10)).toBe(1);
      expect(await world.engine.redeliverEvents(tenant, name, null, 10)).toBe(0);
      expect(await world.other.listDeadLetters(tenant, name, null, 10)).toEqual([]);
      world.clock.advance(TIMES.eventAckMs);
      const again = (await pull()).events.filter(({ subject }) => subject === 'news');
      expect(again.map((event) => [event.id, payloadOf(event), event.attempt])).toEqual([[first, 1, 1]]);
      expect(await world.engine.redeliverEvents(tenant, 'another', null, 10)).toBeNull();
    });

    it('each have a place of their own, from the start or from now on, and keep it when they are changed', async () => {
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

    it('that are deleted are gone with all they had, and what happens when there is none is not kept', async () => {
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

    it('are given no more than they ask for, and no more than fits', async () => {
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
      expect((await pull()).events).toHaveLength(8);
    });

    it(`tell of new arrivals, and are ${LIMITS.consumersPerTenant} at most`, async () => {
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

    it('G09: are their tenant’s own', async () => {
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

    it('keep what happened for a week', async () => {
      await save();
      await publish('news', 1);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      world.clock.advance(TIMES.eventsMs - 60_000);
      await eventually(async () => expect((await progress()).lag).toBe(1));
      world.clock.advance(60_000);
      await publish('news', 2);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([2]);
    });
  });
}
