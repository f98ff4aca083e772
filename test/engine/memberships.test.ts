/** The members of a conversation, the lists of users and their notifications agree in the end after every change. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Announcement, Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { createRooms } from '../../src/engine/redis/rooms.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { alice, createGroup, newConversationId, record, tenant, text, userId } from '../support/world.ts';

const prefix = `test-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const USERS = ['u1', 'u2', 'u3'].map(userId);
/** Whom no node follows: new memberships wait in the list. */
const UNHEARD = userId('u4');
/** What a node needs to change an index or to let a change wait, and nothing else does. */
const INDEXING = ['sadd', 'srem', 'rpush'] as const;

describe('memberships', () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let admin: Redis;
  let one: Engine;
  let two: Engine;
  let remote: Engine;
  const open = (url: string): Promise<Engine> => openEngineOn(url, { prefix });
  beforeAll(async () => {
    redis = await startRedisServer();
    proxy = await startTcpProxy(redis.port);
    admin = new Redis(redis.url);
    for (const user of ['one', 'two']) await admin.call('ACL', 'SETUSER', user, 'on', '>pass', '~*', '&*', '+@all');
    one = await open(redis.url.replace('//', '//one:pass@'));
    two = await open(redis.url.replace('//', '//two:pass@'));
    remote = await open(`redis://127.0.0.1:${proxy.port}`);
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close(), remote.close()]);
    admin.disconnect();
    await proxy.close();
    await redis.stop();
  });

  const allow = (node: 'one' | 'two', isAllowed: boolean) =>
    admin.call('ACL', 'SETUSER', node, ...INDEXING.map((command) => `${isAllowed ? '+' : '-'}${command}`));
  /** The index as it is stored, without the question to each conversation that reading it asks. */
  const indexed = async (user: UserId, id: ConversationId): Promise<boolean> =>
    (await admin.sismember(keys.user(tenant, user).conversations, id)) === 1;
  const isMember = async (user: UserId, id: ConversationId): Promise<boolean> =>
    (await two.readMemberships(tenant, [{ conversationId: id, userId: user }]))[0] !== null;
  /** What the log of the user's list says last of the conversation. */
  const logged = async (user: UserId, id: ConversationId): Promise<boolean> => {
    const now = await two.readUserLog(tenant, user, null, 0);
    if (now.outcome !== 'read') throw new Error(now.reason);
    const after = { ...now.head, place: Math.max(now.head.place - LIMITS.userLogEntries, 0) };
    const page = await two.readUserLog(tenant, user, after, LIMITS.userLogEntries);
    if (page.outcome !== 'read') throw new Error(page.reason);
    return page.entries.findLast(({ conversationId }) => conversationId === id)?.event === 'JOINED';
  };
  const lastTold = (heard: readonly Announcement[]): boolean | undefined => {
    const last = heard.at(-1);
    return last?.type === 'membership' ? last.isMember : undefined;
  };
  /** Loses the answer to what is asked, as the asker sees it; the next connection is whole. */
  async function loseAnswer(work: () => Promise<unknown>): Promise<void> {
    proxy.swallowAnswers();
    await expect(work()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    proxy.redirect(redis.port);
    await eventually(() =>
      remote
        .readConversations(tenant, [])
        .then(() => remote.checkHealth())
        .then(({ status }) => expect(status).toBe('up')),
    );
  }

  it('G22: positions before a change of a list that an older version did not log are refused', async () => {
    const dave = userId(randomUUID());
    await createGroup(one, dave);
    const { conversations } = keys.user(tenant, dave);
    const headOf = async () => {
      const page = await two.readUserLog(tenant, dave, null, 0);
      return page.outcome === 'read' ? page.head : null;
    };
    const before = await headOf();
    await admin.sadd(conversations, 'unnoted');
    expect(await one.readUserLog(tenant, dave, before, 10)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
    const after = await headOf();
    expect(await one.readUserLog(tenant, dave, after, 10)).toMatchObject({ outcome: 'read', entries: [] });
    await admin.srem(conversations, 'unnoted');
    await createGroup(one, dave);
    expect(await one.readUserLog(tenant, dave, after, 10)).toEqual({ outcome: 'expired', reason: 'RETENTION' });
  });

  it('G22: a log entry without a time, by an older version, counts as the latest', async () => {
    const id = await createGroup(one, alice);
    const sent = await one.appendMessage(tenant, text(id, alice, '1'));
    const { meta, log } = keys.conversation(tenant, id);
    const headAt = async (instant: number) => (await two.readHeads(tenant, [id], instant))[0];
    const later = (await one.time()) + TIMES.clocksApartMs;
    expect(await headAt(later)).toMatchObject({ position: { place: 1 }, isKept: true });
    const epoch = 'message' in sent ? sent.message.position.epoch : '';
    await admin.xadd(log, '2-0', 'c', 'REACTED', 's', '1', 'e', epoch);
    await admin.hset(meta, 'place', 2);
    expect(await headAt(later)).toMatchObject({ position: { epoch, place: 1 }, isKept: true, loggedAt: null });
    await one.appendMessage(tenant, text(id, alice, '2'));
    expect(await headAt(later)).toMatchObject({ position: { place: 3 }, isKept: true });
  });

  it('a room deleted while another node adds it to the list of rooms is not listed', async () => {
    const id = newConversationId();
    const members = [{ userId: alice, role: 'OWNER' }] as const;
    await one.createConversation(tenant, { id, name: 'Ghost', kind: 'ROOM', createdBy: alice, members });
    const listed = async () => (await two.listRooms(tenant, { search: 'Ghost', after: null, limit: 10 })).length;
    expect(await listed()).toBe(1);
    await two.deleteConversation(tenant, id, null);
    expect(await listed()).toBe(0);
    // As it was read before.
    await createRooms(admin, defineScripts(admin), keys, true).list(tenant, id, { name: 'Ghost', version: '1' });
    expect(await listed()).toBe(0);
  });

  it('a failed note for the lists of members is made with the next change of the conversation', async () => {
    const id = await createGroup(two, alice);
    const notes = async (): Promise<number> =>
      (await admin.zrange(keys.unlisted(tenant), 0, '-1')).filter((note) => note.startsWith(id)).length;
    await eventually(async () => expect(await notes()).toBe(0));
    await admin.call('ACL', 'SETUSER', 'one', '-zadd');
    await one.appendMessage(tenant, text(id, alice, 'not noted'));
    await admin.call('ACL', 'SETUSER', 'one', '+zadd');
    expect(await notes()).toBe(0);
    await one.appendMessage(tenant, text(id, alice, 'noted'));
    await eventually(async () => expect(await notes()).toBe(1));
  });

  it('lists get a message that is stored although its answer is an error', async () => {
    const reader = userId(randomUUID());
    const id = await createGroup(two, alice, reader);
    expect(await two.countUnread(tenant, reader)).toBe(0);
    await admin.call('ACL', 'SETUSER', 'one', 'resetchannels');
    await expect(one.appendMessage(tenant, text(id, alice, 'unannounced'))).rejects.toThrow();
    await admin.call('ACL', 'SETUSER', 'one', 'allchannels');
    await eventually(async () => expect(await admin.get(keys.user(tenant, reader).unread)).toBe('1'));
  });

  it('notes that were applied and could not be dropped are dropped with the next change', async () => {
    const id = await createGroup(one, alice);
    const { notes: outbox } = keys.conversation(tenant, id);
    await eventually(async () => expect(await admin.hlen(outbox)).toBe(0));
    await admin.call('ACL', 'SETUSER', 'one', '-hdel');
    const [dave, erin] = [userId(randomUUID()), userId(randomUUID())];
    await one.addMembers(tenant, id, [dave], 'MEMBER');
    expect(await one.listConversationIds(tenant, dave)).toEqual([id]);
    expect(await admin.hkeys(outbox)).toEqual([dave]);
    await admin.call('ACL', 'SETUSER', 'one', '+hdel');
    await one.addMembers(tenant, id, [erin], 'MEMBER');
    await eventually(async () => expect(await admin.hlen(outbox)).toBe(0));
    expect(await one.listConversationIds(tenant, dave)).toEqual([id]);
  });

  it('a lost answer, and the client retries: the user is notified', async () => {
    const [dave, id] = [userId(randomUUID()), await createGroup(one, alice)];
    const { heard, listening } = await record(two, { kind: 'memberships', tenant, id: dave });
    await loseAnswer(() => remote.addMembers(tenant, id, [dave], 'MEMBER'));
    await eventually(async () =>
      expect(await remote.addMembers(tenant, id, [dave], 'MEMBER')).toMatchObject({ outcome: 'unchanged' }),
    );
    await eventually(() => expect(lastTold(heard)).toBe(true));
    expect(await two.listConversationIds(tenant, dave)).toEqual([id]);
    await loseAnswer(() => remote.removeMember(tenant, id, dave, null));
    await eventually(async () =>
      expect(await remote.removeMember(tenant, id, dave, null)).toMatchObject({ outcome: 'unchanged' }),
    );
    await eventually(() => expect(lastTold(heard)).toBe(false));
    expect(await indexed(dave, id)).toBe(false);
    await listening.close();
  });

  it.each([
    ['is written in', (id: ConversationId) => two.appendMessage(tenant, text(id, alice, 'x'))],
    ['is read', (id: ConversationId) => two.readConversations(tenant, [id])],
    ['is compared with its head', (id: ConversationId) => two.readLog(tenant, id, { epoch: '', place: 0 }, 1)],
  ])('a lost answer, and nobody retries: the user is notified when the conversation %s', async (_touched, touch) => {
    const [dave, id] = [userId(randomUUID()), await createGroup(one, alice)];
    const { heard, listening } = await record(two, { kind: 'memberships', tenant, id: dave });
    await loseAnswer(() => remote.addMembers(tenant, id, [dave], 'MEMBER'));
    await eventually(async () => {
      await touch(id);
      expect(lastTold(heard)).toBe(true);
    });
    expect(await two.listConversationIds(tenant, dave)).toEqual([id]);
    await listening.close();
  });

  it('a direct conversation whose creation failed half way is listed for both after a retry', async () => {
    const [dave, erin, id] = [userId(randomUUID()), userId(randomUUID()), newConversationId()];
    const both = [dave, erin];
    const members = both.map((each) => ({ userId: each, role: 'MEMBER' as const }));
    const create = () => one.createConversation(tenant, { id, name: null, kind: 'DIRECT', createdBy: dave, members });
    const told = await Promise.all(both.map((each) => record(two, { kind: 'memberships', tenant, id: each })));
    await allow('one', false);
    await Promise.allSettled([create()]);
    expect([await isMember(erin, id), await indexed(erin, id)]).toEqual([true, false]);
    await allow('one', true);
    expect(await create()).toMatchObject({ outcome: 'exists' });
    await eventually(() => expect(told.map(({ heard }) => lastTold(heard))).toEqual([true, true]));
    expect(await Promise.all(both.map((each) => indexed(each, id)))).toEqual([true, true]);
    await Promise.all(told.map(({ listening }) => listening.close()));
  });

  it('creating an existing conversation again adds nothing to the lists of new names', async () => {
    const [id, stranger] = [await createGroup(one, alice), userId(randomUUID())];
    const again = await one.createConversation(tenant, {
      id,
      name: null,
      kind: 'GROUP',
      createdBy: alice,
      members: [
        { userId: alice, role: 'OWNER' },
        { userId: stranger, role: 'MEMBER' },
      ],
    });
    expect(again.outcome).toBe('exists');
    expect(await admin.exists(keys.user(tenant, stranger).conversations)).toBe(0);
  });

  it('after random histories of two nodes that lose steps, members, lists and notifications agree', async () => {
    const user = fc.constantFrom(...USERS, UNHEARD);
    const node = fc.constantFrom('one' as const, 'two' as const);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant('add' as const), node, user }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('remove' as const), node, user }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('append' as const), node, user }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('break' as const), node, user }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('mend' as const), node, user }) },
    );
    const engines = { one, two };
    // Steps of one group run at once.
    const histories = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const id = await createGroup(one, alice);
        const told = await Promise.all(USERS.map((each) => record(two, { kind: 'memberships', tenant, id: each })));
        const run = ({ type, node: at, user: who }: (typeof history)[number][number]): Promise<unknown> => {
          if (type === 'add') return engines[at].addMembers(tenant, id, [who], 'MEMBER');
          if (type === 'remove') return engines[at].removeMember(tenant, id, who, null);
          if (type === 'append') return engines[at].appendMessage(tenant, text(id, alice, 'x'));
          return allow(at, type === 'mend');
        };
        for (const group of history) await Promise.allSettled(group.map(run));
        await Promise.all([allow('one', true), allow('two', true)]);
        await eventually(async () => {
          await two.readConversations(tenant, [id]);
          for (const [index, who] of USERS.entries()) {
            const isIn = await isMember(who, id);
            expect(await indexed(who, id)).toBe(isIn);
            const heard = told[index]?.heard.filter((each) => each.type === 'membership' && each.conversationId === id);
            expect(lastTold(heard ?? []) ?? false).toBe(isIn);
            expect(await logged(who, id)).toBe(isIn);
          }
          const isIn = await isMember(UNHEARD, id);
          expect([await logged(UNHEARD, id), await indexed(UNHEARD, id)]).toEqual([isIn, isIn]);
        });
        await Promise.all(told.map(({ listening }) => listening.close()));
      }),
      { numRuns: 60 },
    );
  });
});
