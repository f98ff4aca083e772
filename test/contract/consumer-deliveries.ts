import { randomUUID } from 'node:crypto';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { MessageId, TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { inGroups } from '../support/in-groups.ts';
import { alice, bob, type OpenWorld, type World } from '../support/world.ts';
import { consumerCalls, name, payloadOf, publication } from './consumer-calls.ts';

export function describeConsumerDeliveries(open: OpenWorld): void {
  describe('deliveries to consumers', () => {
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

    it('G23: events delivered to one member are delivered to no other for a minute', async () => {
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

    it('are acknowledged once; repeating it changes nothing, and a late acknowledgement is refused', async () => {
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

    it('a failed event is redelivered after growing delays, before later events of its subject', async () => {
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

    it(`give an event up after ${LIMITS.eventAttempts} attempts, and continue with its subject`, async () => {
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
      expect(await world.engine.listDeadLetters(tenant, name, first?.key ?? '', 10)).toEqual([second]);
      expect(await world.engine.listDeadLetters(tenant, name, null, 1)).toEqual([first]);
      await publish('news', 4);
      expect((await pullAll(1)).events.map(payloadOf)).toEqual([4]);
    });

    it('returned events are redelivered at once and do not count as attempts', async () => {
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

    it('redelivery on request sends dead letters and delayed events again at once', async () => {
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
      expect(await world.engine.redeliverEvents(tenant, name, letter?.key ?? '', 10)).toBe(0);
      expect(await world.engine.redeliverEvents(tenant, name, null, 10)).toBe(1);
      expect(await world.engine.redeliverEvents(tenant, name, null, 10)).toBe(0);
      expect(await world.other.listDeadLetters(tenant, name, null, 10)).toEqual([]);
      world.clock.advance(TIMES.eventAckMs);
      const again = (await pull()).events.filter(({ subject }) => subject === 'news');
      expect(again.map((event) => [event.id, payloadOf(event), event.attempt])).toEqual([[first, 1, 1]]);
      expect(await world.engine.redeliverEvents(tenant, 'another', null, 10)).toBeNull();
    });

    it('a pull reads a bounded number of unwanted events of a partition, and says whether more may follow', async () => {
      await save();
      const unwanted = LIMITS.scannedEvents + 1;
      await inGroups(unwanted, (n) => world.engine.publish(tenant, publication('news', n)));
      await eventually(async () => expect((await progress()).lag).toBe(unwanted));
      await save({ topics: ['orders'] });
      expect(await pull()).toMatchObject({ events: [], isPart: true });
      expect(await pull()).toMatchObject({ events: [], isPart: false });
      await publish('orders', 'wanted');
      await eventually(async () => expect((await pull()).events.map(payloadOf)).toEqual(['wanted']));
    });

    it('USER_UNREACHED events have the users in their order, in the partition of their conversation', async () => {
      await save();
      const id = await createGroup();
      // The service has the message from the events themselves, so those before it are there.
      await eventually(async () => expect((await progress()).lag).toBe(1));
      const messageId = 'a message' as MessageId;
      const message = { conversationId: id, messageId, sequence: 1, senderId: alice, content: 'hello' };
      const users = [alice, bob].map((userId) => ({ ...message, userId }));
      await world.engine.noteUnreached(tenant, world.clock.now(), []);
      await world.engine.noteUnreached(tenant, world.clock.now(), users);
      await eventually(async () => expect((await progress()).lag).toBe(3));
      const { events } = await pull();
      expect(events.map(({ type, subject }) => [type, subject])).toEqual(
        ['CONVERSATION_CREATED', 'USER_UNREACHED', 'USER_UNREACHED'].map((type) => [type, id]),
      );
      expect(events.slice(1).map(({ data }) => data)).toEqual(users);
    });
  });
}
