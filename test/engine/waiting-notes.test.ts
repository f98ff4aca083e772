/** New memberships of a user whom no node follows wait in the list, and nobody sees the list without them. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, createGroup, record, tenant, text, userId } from '../support/world.ts';

const prefix = `waiting-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const PAGE = { kind: null, isArchived: false, isUnread: null, order: 'activity', after: null, limit: 20 } as const;

describe('G19: memberships that wait', () => {
  const clock = new StillClock();
  let admin: Redis;
  let one: Engine;
  let two: Engine;
  beforeAll(async () => {
    admin = new Redis(sharedRedisUrl());
    [one, two] = (await Promise.all([1, 2].map(() => openEngineOn(sharedRedisUrl(), { prefix, clock })))) as [
      Engine,
      Engine,
    ];
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    admin.disconnect();
  });

  const someone = (): UserId => userId(randomUUID());
  const waiting = (user: UserId): Promise<number> => admin.llen(keys.user(tenant, user).waiting);
  /** All that the log of the list says. */
  async function logOf(user: UserId) {
    const head = await two.readUserLog(tenant, user, null, 0);
    if (head.outcome !== 'read') throw new Error(head.reason);
    const start = { ...head.head, place: 0 };
    const page = await two.readUserLog(tenant, user, start, LIMITS.userLogEntries);
    if (page.outcome !== 'read') throw new Error(page.reason);
    return page.entries.map(({ conversationId, event }) => [conversationId, event]);
  }
  const listed = async (user: UserId) => (await two.listConversations(tenant, user, PAGE)).entries;

  const ways: readonly (readonly [how: string, look: (user: UserId, id: ConversationId) => Promise<unknown>])[] = [
    ['its page', async (user) => (await listed(user)).length],
    ['its ids', async (user) => (await two.listConversationIds(tenant, user)).length],
    ['one entry', async (user, id) => (await two.readListed(tenant, user, [id])).filter(Boolean).length],
    [
      'a change by the user',
      async (user, id) => ((await two.changeListed(tenant, user, id, { isPinned: true })) ? 1 : 0),
    ],
    ['its log', async (user) => (await logOf(user)).length],
    ['its hidden entries', async (user) => 1 + (await two.listHidden(tenant, user)).size],
    ['its unread messages', async (user) => 1 + (await two.countUnread(tenant, user))],
  ];
  it.each(ways)('another node that reads or changes %s has the membership in it', async (_how, look) => {
    const user = someone();
    const id = await createGroup(one, alice, user);
    expect(await waiting(user)).toBe(1);
    expect(await look(user, id)).toBe(1);
    expect(await waiting(user)).toBe(0);
    expect(await logOf(user)).toEqual([[id, 'JOINED']]);
  });

  it('messages, a departure and a return meanwhile are as if nothing had waited', async () => {
    const user = someone();
    const [kept, left] = [await createGroup(one, alice, user), await createGroup(one, alice, user)];
    expect(await waiting(user)).toBe(2);
    await two.appendMessage(tenant, text(kept, alice, 'hello'));
    clock.advance(TIMES.listMs);
    await eventually(async () => expect(await admin.get(keys.user(tenant, user).unread)).toBe('1'));
    await one.removeMember(tenant, left, user, null);
    await two.addMembers(tenant, left, [user], 'MEMBER');
    await two.appendMessage(tenant, text(left, alice, 'welcome'));
    expect(await waiting(user)).toBe(1);
    expect(await two.countUnread(tenant, user)).toBe(2);
    expect((await listed(user)).map(({ conversationId, lastSequence }) => [conversationId, lastSequence])).toEqual([
      [left, 1],
      [kept, 1],
    ]);
    expect(await logOf(user)).toEqual([
      [kept, 'JOINED'],
      [left, 'JOINED'],
      [left, 'REMOVED'],
      [left, 'JOINED'],
    ]);
  });

  it('not many wait: past them, each applies the two oldest', async () => {
    const user = someone();
    const ids = [];
    const counts = [];
    for (let nth = 1; nth <= LIMITS.waitingMemberships + 3; nth += 1) {
      ids.push(await createGroup(one, alice, user));
      counts.push(await waiting(user));
    }
    const most = LIMITS.waitingMemberships;
    expect(counts.slice(-4)).toEqual([most, most - 1, most, most - 1]);
    expect(await admin.scard(keys.user(tenant, user).conversations)).toBe(4);
    expect(await logOf(user)).toEqual(ids.map((id) => [id, 'JOINED']));
  });

  it('a user whom a node follows is told at once, with the list in step', async () => {
    const user = someone();
    const before = await createGroup(one, alice, user);
    const { heard, listening } = await record(two, { kind: 'memberships', tenant, id: user });
    const id = await createGroup(one, alice, user);
    expect(await waiting(user)).toBe(0);
    await eventually(() => expect(heard).toMatchObject([{ type: 'membership', conversationId: id, isMember: true }]));
    await listening.close();
    expect(await logOf(user)).toEqual([
      [before, 'JOINED'],
      [id, 'JOINED'],
    ]);
  });

  it('the mark moves, so a listener whose subscription was lost reads the list', async () => {
    const user = someone();
    const { membershipsMark } = keys.user(tenant, user);
    await createGroup(one, alice, user);
    const mark = Number(await admin.get(membershipsMark));
    await createGroup(one, alice, user);
    expect(Number(await admin.get(membershipsMark))).toBeGreaterThan(mark);
  });

  it('a note that is left twice counts once', async () => {
    const user = someone();
    const id = await createGroup(one, alice, user);
    const { waiting: at } = keys.user(tenant, user);
    const [note = ''] = await admin.lrange(at, 0, -1);
    await admin.rpush(at, note);
    expect(await logOf(user)).toEqual([[id, 'JOINED']]);
    await admin.rpush(at, note);
    expect(await logOf(user)).toEqual([[id, 'JOINED']]);
  });

  it('data of an earlier release have nothing that waits', async () => {
    const earlier = `earlier-${prefix}`;
    await admin.set(`${earlier}:schema`, 1);
    const engine = await openEngineOn(sharedRedisUrl(), { prefix: earlier, clock });
    const user = someone();
    await createGroup(engine, alice, user);
    const { waiting: at, conversations } = createKeys(earlier, 0).user(tenant, user);
    expect([await admin.exists(at), await admin.scard(conversations)]).toEqual([0, 1]);
    await engine.close();
  });
});
