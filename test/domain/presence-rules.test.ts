/** Presence, typing and bookmarks, over an engine in memory that may be away. */
import { presenceUserIds } from '../../src/domain/presence.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, Meter, Position, PresenceStatus, Viewer } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, connectionId, deviceId, tenant, viewerOf } from '../support/world.ts';
import { admin, code } from './viewers.ts';

const [user, other, stranger] = [viewerOf(alice), viewerOf(bob), viewerOf(carol)];

/** As over the rate: what waits is answered as if it had been applied. */
const late: Meter = { ...UNMETERED, signal: async ({ asIfApplied }) => asIfApplied() };

let domain: TestDomain;
beforeEach(() => {
  domain = openTestDomain();
});
afterEach(() => domain.close());

/** Makes the next calls of a method fail; returns how often it was called since. */
function away(method: 'disconnect' | 'connect' | 'writeBookmark', ...faults: Error[]): () => number {
  const { engine } = domain;
  const usual = engine[method] as (...given: never[]) => Promise<void>;
  let calls = 0;
  Object.assign(engine, {
    [method]: (...given: never[]): Promise<void> => {
      calls += 1;
      const fault = faults.shift();
      return fault ? Promise.reject(fault) : usual(...given);
    },
  });
  return () => calls;
}

describe('presence', () => {
  const connection = { connectionId: connectionId('one'), deviceId: deviceId('phone'), connectionType: 'SSE' } as const;
  const read = async (viewer = other.userId) => (await domain.presence.read(tenant, [alice], () => viewer))[0];
  const isOnline = async () => (await read())?.status === 'ONLINE';

  it('is of so many users at once', () => {
    const users = Array.from({ length: LIMITS.usersPerPresence + 1 }, (_, n) => `u${n}`);
    expect(presenceUserIds(users.slice(1))).toEqual(users.slice(1));
    for (const bad of [[], users, ['a b']]) expect(() => presenceUserIds(bad)).toThrow(code('BAD_USER_INPUT'));
  });

  it('is read in the order asked, and hidden from those whom a user blocks', async () => {
    await domain.presence.arrive(user, connection);
    const all = await domain.presence.read(tenant, [bob, alice, bob], () => carol);
    expect(all.map((each) => [each.userId, each.status])).toEqual([
      [bob, 'OFFLINE'],
      [alice, 'ONLINE'],
      [bob, 'OFFLINE'],
    ]);
    await domain.blocks.set(user, bob, true);
    expect([(await read(bob))?.status, (await read(carol))?.status, (await read(alice))?.status]).toEqual([
      'OFFLINE',
      'ONLINE',
      'ONLINE',
    ]);
    expect((await read(bob))?.lastSeenAt).toBeNull();
  });

  it('lasts as long as a connection, and a moment after it', async () => {
    await domain.presence.arrive(user, connection);
    domain.presence.depart(user, connection.connectionId);
    domain.clock.advance(999);
    expect(await isOnline()).toBe(true);
    domain.clock.advance(1);
    await eventually(async () => expect(await isOnline()).toBe(false));
  });

  it('a departure is recorded as soon as the engine is back', async () => {
    await domain.presence.arrive(user, connection);
    const calls = away('disconnect', unavailable(), unavailable());
    domain.presence.depart(user, connection.connectionId);
    domain.clock.advance(1_000);
    for (const called of [1, 2]) {
      await eventually(() => expect([calls(), domain.clock.isDueIn(TIMES.nodeRenewMs)]).toEqual([called, true]));
      expect(await isOnline()).toBe(true);
      domain.clock.advance(TIMES.nodeRenewMs);
    }
    await eventually(async () => expect(await isOnline()).toBe(false));
    expect(calls()).toBe(3);
  });

  it('a connection whose record may have failed is taken back; one that was refused was never recorded', async () => {
    const undone = away('disconnect');
    away('connect', unavailable(new Error('reset')), unavailable());
    await expect(domain.presence.arrive(user, connection)).rejects.toEqual(code('SERVICE_UNAVAILABLE'));
    expect(undone()).toBe(1);
    await expect(domain.presence.arrive(user, connection)).rejects.toEqual(code('SERVICE_UNAVAILABLE'));
    expect(undone()).toBe(1);
  });

  it('a status without a connection is a visit, which ends by itself or with a connection', async () => {
    const set = (status: 'AWAY' | 'OFFLINE') => domain.presence.set(user, UNMETERED, status, 'words');
    expect(await set('AWAY')).toMatchObject({
      status: 'AWAY',
      statusText: 'words',
      devices: [{ deviceId: 'http', connectionType: 'HTTP' }],
    });
    domain.clock.advance(TIMES.visitMs - 1);
    expect((await read())?.status).toBe('AWAY');
    // Another call renews it.
    await set('AWAY');
    domain.clock.advance(TIMES.visitMs - 1);
    expect((await read())?.status).toBe('AWAY');
    domain.clock.advance(1);
    await eventually(async () => expect((await read())?.status).toBe('OFFLINE'));
    await set('AWAY');
    await domain.presence.arrive(user, connection);
    await eventually(async () => expect((await read())?.devices).toMatchObject([{ deviceId: 'phone' }]));
    expect(await set('OFFLINE')).toMatchObject({ status: 'OFFLINE', devices: [] });
    await expect(domain.presence.set(user, UNMETERED, 'AWAY', ' ')).rejects.toEqual(code('BAD_USER_INPUT'));
    expect((await domain.presence.set(user, UNMETERED, 'AWAY', '')).statusText).toBeNull();
  });

  it('a status that waits is answered as it will be', async () => {
    const statuses = ['ONLINE', 'AWAY', 'OFFLINE', 'OFFLINE', 'AWAY'] as const;
    const set = async (viewer: Viewer, meter: Meter, status: PresenceStatus) => {
      const { lastSeenAt, devices, ...found } = await domain.presence.set(viewer, meter, status, 'words');
      return {
        status: found.status,
        statusText: found.statusText,
        hides: found.hides,
        isSeenNow: lastSeenAt !== null && domain.clock.now() - lastSeenAt < 60_000,
        devices: devices.map(({ deviceId: id, connectionType, connectedAt }) => {
          const minutes = Math.round((domain.clock.now() - connectedAt) / 60_000);
          return `${id} ${connectionType} since ${minutes} min`;
        }),
      };
    };
    const turns = async (): Promise<void> => {
      for (const status of statuses) {
        const expected = await set(user, late, status);
        expect(expected).toEqual(await set(user, UNMETERED, status));
        domain.clock.jump(60_000);
      }
    };
    await turns();
    // The visit of another device takes the place of the one before.
    const tablet = viewerOf(alice, { deviceId: deviceId('tablet') });
    const expected = await set(tablet, late, 'AWAY');
    expect(expected).toEqual(await set(tablet, UNMETERED, 'AWAY'));
    expect(expected.devices).toEqual(['tablet HTTP since 0 min']);
    await domain.presence.arrive(user, connection);
    await turns();
  });
});

describe('typing', () => {
  const id = 'c' as ConversationId;
  const typing = async (conversation: string) => {
    const [found] = await domain.conversations.findMany(admin, [conversation]);
    if (!found) throw new Error('It was created.');
    return domain.typing.users(tenant, found);
  };

  it('is of members only, in time and late', async () => {
    await domain.conversations.create(user, { id, memberIds: [bob] });
    expect(await domain.typing.set(user, UNMETERED, id, true)).toBe(true);
    expect(await typing(id)).toEqual([alice]);
    expect(await domain.typing.set(user, UNMETERED, id, false)).toBe(false);
    expect(await typing(id)).toEqual([]);
    for (const meter of [UNMETERED, late]) {
      for (const isTyping of [true, false]) {
        expect(await domain.typing.set(other, meter, id, isTyping)).toBe(isTyping);
        await expect(domain.typing.set(stranger, meter, id, isTyping)).rejects.toEqual(code('NOT_FOUND'));
        await expect(domain.typing.set(admin, meter, id, isTyping)).rejects.toEqual(code('FORBIDDEN'));
      }
      await expect(domain.typing.set(user, meter, 'a b', true)).rejects.toEqual(code('BAD_USER_INPUT'));
    }
  });

  it('tells nothing of who hides, and nothing between two of whom one blocks the other', async () => {
    const { id: direct } = await domain.conversations.openDirect(user, bob);
    await domain.conversations.create(user, { id, memberIds: [bob] });
    const set = async (viewer: typeof user, conversation: ConversationId) => {
      expect(await domain.typing.set(viewer, UNMETERED, conversation, true)).toBe(true);
      return typing(conversation);
    };
    expect([await set(user, direct), await set(other, direct)]).toEqual([[alice], [alice, bob]]);
    await domain.blocks.set(user, bob, true);
    expect(await typing(direct)).toEqual([]);
    expect([await set(user, direct), await set(other, direct), await set(other, id)]).toEqual([[], [], [bob]]);
    await domain.blocks.set(user, bob, false);
    await domain.presence.set(user, UNMETERED, 'OFFLINE', null);
    expect([await set(user, direct), await set(user, id), await set(other, direct)]).toEqual([[], [bob], [bob]]);
  });
});

describe('bookmarks', () => {
  const id = 'c' as ConversationId;
  const at = (place: number, epoch = 'e'): Position => ({ epoch, place });
  const open = (session = 's') => domain.bookmarks.open(user, session);

  it('a first session begins live, but for unread direct messages', async () => {
    await domain.conversations.create(other, { id, memberIds: [alice] });
    await domain.messages.send(other, { conversationId: id, content: 'in a group' });
    const unread = await domain.messages.sendDirect(other, alice, { content: 'unread' });
    const read = await domain.messages.sendDirect(stranger, alice, { content: 'read' });
    await domain.conversations.markRead(user, UNMETERED, read.conversationId, 1);
    const start = await open();
    expect(start.isResumed).toBe(false);
    expect([...start.after.keys()]).toEqual([unread.conversationId]);
    expect([...start.read]).toEqual([[unread.conversationId, 0]]);
    const { position } = (await domain.conversations.readMany(tenant, [unread.conversationId]))[0] ?? {};
    expect(start.after.get(unread.conversationId)).toEqual({ epoch: position?.epoch, place: 0 });
    await domain.messages.sendDirect(other, alice, { content: 'second' });
    await domain.conversations.markRead(user, UNMETERED, unread.conversationId, 1);
    const later = await open();
    expect(later.after.get(unread.conversationId)?.place).toBe(1);
    expect([...later.read]).toEqual([[unread.conversationId, 1]]);
  });

  it('a known session resumes where it was, and new conversations from when they were joined', async () => {
    await domain.conversations.create(user, { id });
    const { position } = (await domain.conversations.readMany(tenant, [id]))[0] ?? {};
    await domain.bookmarks.begin(user, 's', new Map([[id, at(3, position?.epoch)]]));
    await domain.conversations.create(other, { id: 'd', memberIds: [alice] });
    const start = await open();
    expect(start.isResumed).toBe(true);
    expect(start.after.get(id)).toEqual(at(3, position?.epoch));
    expect(start.after.get('d' as ConversationId)).toMatchObject({ place: expect.any(Number) });
    expect(start.read.size).toBe(0);
    expect((await open('another')).isResumed).toBe(false);
    // Left between two reads.
    const { readMemberships } = domain.engine;
    Object.assign(domain.engine, { readMemberships: async (_of: unknown, keys: unknown[]) => keys.map(() => null) });
    expect((await open('third')).after.size).toBe(0);
    Object.assign(domain.engine, { readMemberships });
    const still = await domain.bookmarks.still(
      user,
      new Map([
        [id, at(1)],
        ['none' as ConversationId, at(2)],
      ]),
    );
    expect([...still]).toEqual([[id, at(1)]]);
  });

  it('positions are stored as soon as the engine is back, with those that came meanwhile', async () => {
    await domain.conversations.create(user, { id });
    await domain.conversations.create(user, { id: 'd' });
    const epoch = (await domain.conversations.readMany(tenant, [id]))[0]?.position.epoch;
    await domain.bookmarks.begin(user, 's', new Map());
    const calls = away('writeBookmark', unavailable(), unavailable());
    const stored = async () => (await domain.engine.readBookmark(tenant, alice, 's'))?.positions.get(id)?.place;
    domain.bookmarks.save(user, 's', new Map([[id, at(1, epoch)]]));
    await eventually(() => expect([calls(), domain.clock.isDueIn(TIMES.bookmarkRetryMs)]).toEqual([1, true]));
    domain.bookmarks.save(user, 's', new Map([[id, at(2, epoch)]]));
    expect([calls(), await stored(), (await open()).after.get(id)?.place]).toEqual([1, undefined, 2]);
    domain.clock.advance(TIMES.bookmarkRetryMs);
    await eventually(() => expect([calls(), domain.clock.isDueIn(TIMES.bookmarkRetryMs)]).toEqual([2, true]));
    domain.clock.advance(TIMES.bookmarkRetryMs);
    await eventually(async () => expect([calls(), await stored()]).toEqual([3, 2]));
    // What was stored is not written again, and a later one at once.
    domain.clock.advance(10 * TIMES.bookmarkRetryMs);
    expect(calls()).toBe(3);
    domain.bookmarks.save(user, 's', new Map([[id, at(3, epoch)]]));
    domain.bookmarks.save(user, 's', new Map([[id, at(4, epoch)]]));
    await eventually(async () => expect([calls(), await stored()]).toEqual([5, 4]));
  });

  it('only so many wait to be stored: the oldest is dropped', async () => {
    await domain.conversations.create(user, { id });
    // The engine never answers.
    Object.assign(domain.engine, { writeBookmark: () => new Promise(() => undefined) });
    const positions = new Map([[id, at(1)]]);
    for (let n = 0; n < LIMITS.unsavedBookmarks; n += 1) domain.bookmarks.save(user, `s${n}`, positions);
    expect(domain.log.text()).not.toContain('too many unsaved bookmarks');
    domain.bookmarks.save(user, 'more', positions);
    expect(domain.log.text()).toContain('too many unsaved bookmarks');
    const waits = async (session: string) => (await open(session)).after.has(id);
    expect([await waits('s0'), await waits('s1'), await waits('more')]).toEqual([false, true, true]);
  });
});
