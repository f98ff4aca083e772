/** A viewer's list of conversations as a stream reads it, its log, and the changes that a reader is owed. */
import { fixedBearer } from '../../src/access/bearer.ts';
import { Gate, resumeNow } from '../../src/delivery/back-pressure.ts';
import type { FollowedConversation } from '../../src/delivery/conversations/followed-conversation.ts';
import { readListChanges } from '../../src/delivery/inbox/list-changes.ts';
import type { ReportingStream } from '../../src/delivery/inbox/list-reporter.ts';
import { OwnList } from '../../src/delivery/inbox/own-list.ts';
import { PendingChanges } from '../../src/delivery/inbox/pending-changes.ts';
import { returnedTo } from '../../src/delivery/inbox/returns.ts';
import type { Engine, UserLogEntry } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, Position } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, createGroup, sendText, tenant, viewerOf } from '../support/world.ts';
import { AWAY } from './listening.ts';
import { TappedEngine } from './tapped-engine.ts';

const viewer = viewerOf(bob);

describe('a viewer’s list as a stream reads it', () => {
  async function open() {
    const tap = new TappedEngine();
    const { head } = await readListChanges(tap.steady, viewer, null);
    const list = new OwnList(tap.engine, fixedBearer(viewer), head);
    const join = (): Promise<ConversationId> => createGroup(tap.steady, alice, bob);
    const leave = (id: ConversationId) => tap.steady.removeMember(tenant, id, bob, null);
    return { tap, list, join, leave, head };
  }

  it('is read whole at first, then only where it changed or may have', async () => {
    const { tap, list, join, leave } = await open();
    const [one, two] = [await join(), await join()];
    const other = await createGroup(tap.steady, alice, carol);
    const first = await list.read();
    expect([[...first.ids].sort(), first.asked, [...first.changes.of.keys()]]).toEqual([
      [one, two].sort(),
      null,
      [one, two],
    ]);
    list.confirm(first);
    const three = await join();
    await leave(one);
    const second = await list.read();
    expect([second.ids, second.asked, second.changes.of.get(one)]).toEqual([
      [three],
      new Set([three, one]),
      { left: 'REMOVED', isListed: false },
    ]);
    list.confirm(second);
    for (const id of [two, other]) list.doubt(id);
    const third = await list.read();
    expect([third.ids, third.asked, third.changes.of.size]).toEqual([[two], new Set([two, other]), 0]);
    list.confirm(third);
    expect((await list.read()).asked).toEqual(new Set());
    expect(tap.countOf('listConversationIds')).toBe(1);
  });

  it('is read again until it is settled, with what is doubted meanwhile', async () => {
    const { tap, list, join } = await open();
    const [one, two] = [await join(), await join()];
    await list.read();
    expect((await list.read()).asked).toBeNull();
    list.confirm(await list.read());
    list.doubt(one);
    tap.failNext('readUserLog', AWAY);
    await expect(list.read()).rejects.toBe(AWAY);
    const reading = await list.read();
    list.doubt(two);
    expect(reading.asked).toEqual(new Set([one]));
    list.confirm(reading);
    expect((await list.read()).asked).toEqual(new Set([two]));
    list.doubtAll();
    const whole = await list.read();
    expect([whole.asked, whole.ids.length]).toEqual([null, 2]);
    list.confirm(whole);
    expect((await list.read()).asked).toEqual(new Set());
  });

  it('is corrected to the moment at which its log is read', async () => {
    const { tap, list, join, leave } = await open();
    const one = await join();
    const release = tap.holdNext('listConversationIds');
    const reading = list.read();
    await tap.settle();
    await leave(one);
    const two = await join();
    await release();
    expect((await reading).ids).toEqual([two]);
  });

  it('is read whole when its log does not reach back', async () => {
    const { tap, join, head } = await open();
    const one = await join();
    const list = new OwnList(tap.engine, fixedBearer(viewer), { ...head, epoch: 'other' });
    const reading = await list.read();
    expect([reading.ids, reading.asked, reading.changes.expiry, reading.changes.of.size]).toEqual([
      [one],
      null,
      'EPOCH',
      0,
    ]);
    list.confirm(reading);
    expect(await list.read()).toMatchObject({ ids: [], changes: { expiry: null, head: reading.changes.head } });
  });
});

describe('the changes of a list', () => {
  const entry = (place: number, id: string, event: UserLogEntry['event']): UserLogEntry => ({
    epoch: 'e',
    place,
    conversationId: id as ConversationId,
    event,
  });
  let reads = 0;
  /** A log that is read in pages as long as are asked for. */
  const logOf = (entries: readonly UserLogEntry[]): Engine =>
    ({
      async readUserLog(_tenant: unknown, _user: unknown, after: Position | null, limit: number) {
        reads += 1;
        const later = after ? entries.filter(({ place }) => place > after.place).slice(0, limit) : [];
        return { outcome: 'read', entries: later, head: { epoch: 'e', place: entries.length } };
      },
    }) as unknown as Engine;
  const after = { epoch: 'e', place: 0 };

  it('are the last reason of leaving, and whether it is listed now', async () => {
    const events = [
      entry(1, 'a', 'JOINED'),
      entry(2, 'b', 'LEFT'),
      entry(3, 'c', 'REMOVED'),
      entry(4, 'c', 'JOINED'),
      entry(5, 'b', 'JOINED'),
      entry(6, 'b', 'DELETED'),
    ];
    const { of, head, expiry } = await readListChanges(logOf(events), viewer, after);
    expect([Object.fromEntries(of), head, expiry]).toEqual([
      {
        a: { left: null, isListed: true },
        b: { left: 'DELETED', isListed: false },
        c: { left: 'REMOVED', isListed: true },
      },
      events[5],
      null,
    ]);
    expect(await readListChanges(logOf(events), viewer, null)).toMatchObject({ head: { epoch: 'e', place: 6 } });
    const [, , , , , last] = events;
    expect((await readListChanges(logOf(events), viewer, last ?? null)).head).toBe(last);
  });

  it.each([LIMITS.logPage - 1, LIMITS.logPage, LIMITS.logPage + 1, 2 * LIMITS.logPage])(
    'are all of %i',
    async (count) => {
      const entries = Array.from({ length: count }, (_, nth) => entry(nth + 1, `${nth}`, 'JOINED'));
      reads = 0;
      const { of, head } = await readListChanges(logOf(entries), viewer, after);
      // A page that is not full is the last.
      expect([of.size, head.place, reads]).toEqual([count, count, Math.floor(count / LIMITS.logPage) + 1]);
    },
  );

  it('name a return that the reader knows, since it has events of the new membership', async () => {
    const { steady } = new TappedEngine();
    const ids = await Promise.all(Array.from({ length: 4 }, () => createGroup(steady, alice, bob)));
    const [known, unknown, kept, gone] = ids as [ConversationId, ConversationId, ConversationId, ConversationId];
    for (const id of ids) await sendText(steady, id, alice, 'before');
    for (const id of ids) await steady.removeMember(tenant, id, bob, null);
    for (const id of ids) if (id !== gone) await steady.addMembers(tenant, id, [bob], 'MEMBER');
    const positions = new Map<ConversationId, Position>();
    for (const id of [known, gone]) positions.set(id, (await sendText(steady, id, alice, 'after')).position);
    const [joined] = await steady.readMemberships(tenant, [{ conversationId: unknown, userId: bob }]);
    if (joined) positions.set(unknown, joined.joinedPosition);
    positions.set(kept, positions.get(known) as Position);
    const back = { left: 'REMOVED', isListed: true } as const;
    const changes = {
      of: new Map([
        [known, back],
        [unknown, back],
        [kept, { left: null, isListed: true }],
        [gone, { left: 'REMOVED' as const, isListed: false }],
      ]),
      head: after,
      expiry: null,
    };
    expect(await returnedTo(steady, viewer, positions, changes)).toEqual(new Set([known]));
    positions.delete(known);
    expect(await returnedTo(steady, viewer, positions, changes)).toEqual(new Set());
  });
});

describe('changes that a reader is owed', () => {
  async function open(kind: 'GROUP' | 'DIRECT' = 'GROUP') {
    const tap = new TappedEngine();
    const id = await createGroup(tap.steady, alice, bob, carol);
    for (const content of ['1', '2', '3']) await sendText(tap.steady, id, alice, content);
    const told: string[] = [];
    const room = { isFull: false, gate: new Gate() };
    const following = {
      joinedAt: null as number | null,
      channel: { tenant, id, conversation: { id, kind } },
      onConversation: (_: unknown, cause: string) => void told.push(cause),
      onRead: ({ userId, sequence }: { userId: string; sequence: number }) => void told.push(`${userId} ${sequence}`),
    };
    const state = { isOpen: true, isFollowed: true };
    const stream = {
      get isOpen() {
        return state.isOpen;
      },
      room: {
        isCongested: () => room.isFull,
        onRoom: (resume: () => void) => (room.isFull ? room.gate.add(resume) : resumeNow(resume)),
      },
      find: () => (state.isFollowed ? (following as unknown as FollowedConversation<object>) : undefined),
    } as unknown as ReportingStream;
    const owing = (since = 0) => {
      const failures: (() => void)[] = [];
      const owed = new PendingChanges({
        engine: tap.engine,
        since,
        stream: () => stream,
        onSent: () => void told.push('paid'),
        onFailed: (_error, again) => void failures.push(again),
      });
      return { owed, failures };
    };
    const now = await tap.steady.time();
    return { tap, id, told, room, following, state, owing, now };
  }

  it('are the state with the read positions since the checkpoint, or only those since the reader joined', async () => {
    const { tap, id, told, following, owing, now } = await open();
    await tap.pass(10 * TIMES.clocksApartMs);
    await tap.steady.markRead(tenant, id, carol, 2);
    const receipts = await tap.steady.listReadReceipts(tenant, id, 0, 10);
    const readAt = receipts.find(({ userId }) => userId === carol)?.readAt ?? 0;
    const { owed } = owing(readAt + TIMES.clocksApartMs);
    owed.add(id, 'state');
    expect(owed.size).toBe(1);
    await owed.send();
    expect([told.splice(0), owed.size]).toEqual([['CHANGED', 'carol 2', 'paid'], 0]);
    const later = owing(readAt + TIMES.clocksApartMs + 1).owed;
    later.add(id, 'state');
    await later.send();
    expect(told.splice(0)).toEqual(['CHANGED', 'paid']);
    following.joinedAt = now + 2 * TIMES.clocksApartMs;
    owed.add(id, 'reads');
    await owed.send();
    expect(told.splice(0)).toEqual(['carol 2', 'paid']);
    following.joinedAt = null;
    owed.add(id, 'reads');
    await owed.send();
    expect(told.splice(0)).toEqual(['alice 3', 'carol 2', 'paid']);
    await owed.send();
    expect(told).toEqual(['paid']);
  });

  it('of a conversation of two are all read positions', async () => {
    const { id, told, owing, now } = await open('DIRECT');
    const { owed } = owing(now + 10 * TIMES.clocksApartMs);
    owed.add(id, 'state');
    await owed.send();
    expect(told).toEqual(['CHANGED', 'alice 3', 'paid']);
  });

  it('wait for room, and are not sent to a stream that ended or no longer follows', async () => {
    const { tap, id, told, room, state, owing } = await open();
    const { owed } = owing();
    room.isFull = true;
    owed.add(id, 'reads');
    const paying = owed.send();
    await eventually(() => expect(room.gate.isWaitedFor).toBe(true));
    // One payment at a time.
    await owed.send();
    expect(told).toEqual([]);
    room.isFull = false;
    room.gate.open();
    await paying;
    expect(told.splice(0)).toEqual(['alice 3', 'paid']);
    room.isFull = true;
    owed.add(id, 'reads');
    const again = owed.send();
    await eventually(() => expect(room.gate.isWaitedFor).toBe(true));
    state.isOpen = false;
    room.isFull = false;
    room.gate.open();
    await again;
    expect(told.splice(0)).toEqual(['paid']);
    state.isOpen = true;
    const release = tap.holdNext('listReadReceipts');
    owed.add(id, 'reads');
    const last = owed.send();
    await tap.settle();
    state.isFollowed = false;
    await release();
    await last;
    owed.add(id, 'state');
    await owed.send();
    expect([told.splice(0), owed.size]).toEqual([['paid', 'paid'], 0]);
  });

  it('are sent again after a failure, and once more when more is owed meanwhile', async () => {
    const { tap, id, told, owing } = await open();
    const { owed, failures } = owing();
    tap.failNext('listReadReceipts', AWAY);
    owed.add(id, 'reads');
    await owed.send();
    await owed.send();
    expect([told, failures.length, owed.size]).toEqual([[], 1, 1]);
    failures[0]?.();
    await eventually(() => expect(told.splice(0)).toEqual(['alice 3', 'paid']));
    const release = tap.holdNext('listReadReceipts');
    owed.add(id, 'reads');
    const paying = owed.send();
    await tap.settle();
    owed.add(id, 'state');
    await release();
    await paying;
    expect(told).toEqual(['alice 3', 'CHANGED', 'alice 3', 'paid']);
  });
});
