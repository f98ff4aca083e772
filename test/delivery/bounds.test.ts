/** A stream makes its node hold and read little at a time, however much is written or named. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Bearer, fixedBearer, RenewableBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { kindOf } from '../../src/delivery/inbox/inbox-events.ts';
import { createBookmarks } from '../../src/domain/bookmarks.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, Position } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

const carol = 'carol' as typeof bob;

describe('the work of a stream has bounds', () => {
  const clock = new TestClock();
  const stored = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const joined: ConversationId[] = [];
  /** What was asked of the engine, or looked at, in one turn of the event loop, at the most. */
  let busiest = 0;
  /** What was asked in all. */
  let all = 0;
  let asked = 0;
  /** Why the logs of lists cannot be read on; null: they can. */
  let expiry: 'EPOCH' | null = null;
  /** Called before each answer of `readMemberships`. */
  let confirmed = async (_ids: readonly ConversationId[]): Promise<void> => undefined;
  const work = (count: number): void => {
    if (asked === 0) {
      setImmediate(() => {
        asked = 0;
      });
    }
    asked += count;
    busiest = Math.max(busiest, asked);
  };
  const ask = (count: number): void => {
    work(count);
    all += count;
  };
  const engine: Engine = {
    ...stored,
    async listen(channel, listener) {
      ask(1);
      if (channel.kind === 'conversation') joined.push(channel.id);
      const listening = await stored.listen(channel, listener);
      return {
        get heardAt() {
          work(1);
          return listening.heardAt;
        },
        async close() {
          ask(1);
          await listening.close();
        },
      };
    },
    async listConversationIds(...args) {
      const ids = await stored.listConversationIds(...args);
      // The engine reads them bit by bit.
      all += ids.length;
      return ids;
    },
    async readMemberships(tenant, keys) {
      ask(keys.length);
      await confirmed(keys.map(({ conversationId }) => conversationId));
      return stored.readMemberships(tenant, keys);
    },
    async readUserLog(tenant, user, after, limit) {
      const page = await stored.readUserLog(tenant, user, after, limit);
      return after && expiry && page.outcome === 'read'
        ? { outcome: 'expired', reason: expiry, head: page.head }
        : page;
    },
    readLog(...args) {
      ask(1);
      return stored.readLog(...args);
    },
    readConversations(tenant, ids) {
      ask(ids.length);
      return stored.readConversations(tenant, ids);
    },
    listReadReceipts(...args) {
      work(1);
      return stored.listReadReceipts(...args);
    },
    readHeads(tenant, ids, instant) {
      ask(ids.length);
      return stored.readHeads(tenant, ids, instant);
    },
  };
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 0 });
  const reader = fixedBearer(viewerOf(bob));
  afterAll(() => {
    delivery.close();
    return stored.close();
  });

  it('opens no channel of conversations of which the viewer is no member, named or resumed', async () => {
    const own = await createGroup(stored, alice, bob);
    const others = await Promise.all(Array.from({ length: 20 }, () => createGroup(stored, alice, carol)));
    const positions = new Map<ConversationId, Position>();
    for (const conversation of await stored.readConversations(tenant, [own, ...others])) {
      if (conversation) positions.set(conversation.id, conversation.position);
    }
    joined.length = 0;
    const stream = await delivery.messageReceived(reader, null, positions);
    expect(joined).toEqual([own]);
    await stream.return();
    joined.length = 0;
    await expect(delivery.messageStreamed(reader, [own, ...others])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(joined.filter((id) => id !== own)).toEqual([]);
  });

  it('opens many conversations in several turns of the event loop', async () => {
    const dora = 'dora' as typeof bob;
    const count = 350;
    const ids = await Promise.all(Array.from({ length: count }, () => createGroup(stored, alice, dora)));
    const found = await stored.readConversations(tenant, ids);
    const positions = new Map(found.flatMap((each) => (each ? [[each.id, each.position] as const] : [])));
    const list = await stored.readUserLog(tenant, dora, null, 1);
    if (list.outcome !== 'read') throw new Error(list.outcome);
    const viewer = fixedBearer(viewerOf(dora));
    const checkpoint = { time: 0, list: list.head, pointOf: () => undefined };
    const openings = [
      () => delivery.messageReceived(viewer, null, new Map()),
      () => delivery.messageReceived(viewer, null, positions),
      () => delivery.inboxStream(viewer, { checkpoint: null, positions }),
      () => delivery.inboxStream(viewer, { checkpoint, positions: new Map() }),
    ];
    for (const open of openings) {
      busiest = 0;
      const stream = await open();
      expect(busiest).toBeGreaterThan(0);
      expect(busiest).toBeLessThanOrEqual(count);
      await stream.return();
    }
  });

  it('delivers changes of many conversations, and checks for due checkpoints, in several turns', async () => {
    const hal = 'hal' as typeof bob;
    const count = 350;
    const ids = await Promise.all(Array.from({ length: count }, () => createGroup(stored, alice, hal)));
    const list = await stored.readUserLog(tenant, hal, null, 1);
    if (list.outcome !== 'read') throw new Error(list.outcome);
    const checkpoint = { time: 0, list: list.head, pointOf: () => undefined };
    const stream = await delivery.inboxStream(fixedBearer(viewerOf(hal)), { checkpoint, positions: new Map() });
    const told: string[] = [];
    busiest = 0;
    stream.pipe({
      push: (event) => void told.push(kindOf(event)),
      end: () => undefined,
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: resumeNow,
    });
    const checkpoints = (): number => told.filter((kind) => kind === 'Checkpoint').length;
    await eventually(() => expect(checkpoints()).toBe(1));
    expect(told.filter((kind) => kind === 'ConversationChanged')).toHaveLength(count);
    const telling = busiest;
    clock.advance(3 * TIMES.clocksApartMs);
    busiest = 0;
    await stored.appendMessage(tenant, text(ids[0] as ConversationId, alice, 'since'));
    await eventually(() => {
      clock.advance(TIMES.checkpointMs);
      expect(checkpoints()).toBe(2);
    });
    expect([telling, busiest].map((most) => most > 0 && most <= 250)).toEqual([true, true]);
    await stream.return();
  });

  it('finds where a raw session resumes in several turns, without reading the list again', async () => {
    const gina = 'gina' as typeof bob;
    const count = 350;
    const ids = await Promise.all(Array.from({ length: count }, () => createGroup(stored, alice, gina)));
    const bookmarks = createBookmarks(engine, clock, silentLog);
    busiest = 0;
    const start = await bookmarks.open(viewerOf(gina), 'session');
    expect([start.isResumed, start.after.size, busiest > 0]).toEqual([false, 0, true]);
    expect(busiest).toBeLessThan(count);
    const positions = new Map(ids.map((id) => [id, { epoch: '', place: 0 }]));
    all = 0;
    busiest = 0;
    expect((await bookmarks.still(viewerOf(gina), positions)).size).toBe(count);
    expect([all, busiest < count]).toEqual([count, true]);
  });

  it('makes few engine calls in a turn when a token is replaced, a stream ends or a user joins', async () => {
    const erin = 'erin' as typeof bob;
    const count = 350;
    for (let nth = 0; nth < count; nth += 1) await createGroup(stored, alice, erin);
    const list = await stored.readUserLog(tenant, erin, null, 1);
    if (list.outcome !== 'read') throw new Error(list.outcome);
    const checkpoint = { time: 0, list: list.head, pointOf: () => undefined };
    const openings = [
      (bearer: Bearer) => delivery.conversationUpdated(bearer, null),
      (bearer: Bearer) => delivery.inboxStream(bearer, { checkpoint, positions: new Map() }),
    ];
    for (const open of openings) {
      const bearer = new RenewableBearer(viewerOf(erin));
      const stream = await open(bearer);
      busiest = 0;
      all = 0;
      bearer.renew(viewerOf(erin));
      await eventually(() => expect(all).toBeGreaterThanOrEqual(count));
      const renewing = busiest;
      all = 0;
      joined.length = 0;
      const id = await createGroup(stored, alice, erin);
      await eventually(() => expect(joined).toEqual([id]));
      for (let nth = 0; nth < 10; nth += 1) await turn();
      const joining = all;
      all = 0;
      busiest = 0;
      await stream.return();
      await eventually(() => expect(all).toBeGreaterThanOrEqual(count));
      expect([renewing, joining, busiest].map((each) => each < count)).toEqual([true, true, true]);
      expect(joining).toBeLessThan(20);
    }
  });

  it('G19: confirms memberships in several turns after a list’s log is lost, and then sends checkpoints', async () => {
    const fay = 'fay' as typeof bob;
    const count = 350;
    const ids = await Promise.all(Array.from({ length: count }, () => createGroup(stored, alice, fay)));
    const stream = await delivery.inboxStream(fixedBearer(viewerOf(fay)), { checkpoint: null, positions: new Map() });
    const told: string[] = [];
    stream.pipe({
      push: (event) => void told.push(kindOf(event)),
      end: () => undefined,
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: resumeNow,
    });
    await eventually(() => expect(told).toEqual(['Checkpoint']));
    const { promise: known, resolve } = Promise.withResolvers<void>();
    const confirming = new Set<ConversationId>();
    confirmed = async ([id, ...others]) => {
      if (!id || others.length > 0 || !ids.includes(id)) return;
      confirming.add(id);
      await known;
    };
    expiry = 'EPOCH';
    busiest = 0;
    await createGroup(stored, alice, fay);
    await eventually(() => expect(confirming.size).toBe(count));
    expect(busiest).toBeLessThan(count);
    expiry = null;
    told.length = 0;
    // All else is long ago: a checkpoint is due.
    clock.advance(3 * TIMES.clocksApartMs);
    await stored.appendMessage(tenant, text(ids[0] as ConversationId, alice, 'since'));
    const due = async (): Promise<void> => {
      clock.advance(TIMES.checkpointMs);
      for (let nth = 0; nth < 10; nth += 1) await turn();
    };
    await due();
    expect(told).toEqual(['MessageSent']);
    confirmed = async () => undefined;
    resolve();
    await eventually(async () => {
      await due();
      expect(told).toContain('Checkpoint');
    });
    await stream.return();
  });

  it('joins new conversations by announcement, or after an interruption, also without a log entry', async () => {
    const fred = 'fred' as typeof bob;
    const flaky = unsteady({
      ...engine,
      // As for one who was away from a conversation for so short that their list was never told.
      async readUserLog(...args) {
        const page = await stored.readUserLog(...args);
        return page.outcome === 'read' ? { ...page, entries: [] } : page;
      },
    });
    const options = { clock, log: silentLog, countGap: () => undefined, streamMergeMs: 0 };
    const fragile = createDelivery({ engine: flaky.engine, ...options });
    const stream = await fragile.messageReceived(fixedBearer(viewerOf(fred)), null, new Map());
    joined.length = 0;
    const announced = await createGroup(stored, alice, fred);
    await eventually(() => expect(joined).toEqual([announced]));
    flaky.cut();
    const unheard = await createGroup(stored, alice, fred);
    flaky.heal();
    await eventually(() => expect(joined).toEqual([announced, unheard]));
    await stream.return();
    fragile.close();
  });
});
