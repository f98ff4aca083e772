/** What is abandoned, and what stays: the decisions of the walk over the keys of Redis, and the walk itself. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { keyOwnerOf, keyOwnerPattern } from '../../src/engine/redis/key-owners.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import type { UserKeys } from '../../src/engine/redis/subject-keys.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import {
  alice,
  bob,
  connectionId,
  createGroup,
  deviceId,
  newConversationId,
  tenant,
  text,
  userId,
} from '../support/world.ts';
import { RedisWorld } from './redis-world.ts';

const logStateOf = ({ list }: UserKeys): string => list.find((key) => key.endsWith(':log-state')) ?? '';
const HOUR_MS = 3_600_000;
const KEPT_MS = 24 * HOUR_MS;
const redis = new RedisWorld();

describe('what is abandoned', () => {
  const prefix = `tidied-${randomUUID().slice(0, 8)}`;
  const keys = createKeys(prefix, 0);
  let admin: Redis;
  let run: RunScript;
  let engine: Engine;
  beforeAll(async () => {
    admin = new Redis(redis.server.url);
    run = defineScripts(admin);
    engine = await openEngineOn(redis.server.url, { prefix, clock: new StillClock() });
  });
  afterAll(async () => {
    await engine.close();
    admin.disconnect();
  });

  /** Whether it is, so many hours from now. */
  async function isAbandoned(id: ConversationId, hours: number, keptMs: number | '' = KEPT_MS): Promise<boolean> {
    const { meta, members, messages, log } = keys.conversation(tenant, id);
    return (await run('tidy-conversation', [meta, members, messages, log], [hours * HOUR_MS, '0', keptMs])) !== null;
  }
  async function tidy(user: UserId, hours: number): Promise<string[]> {
    const { presence, quota, list } = keys.user(tenant, user);
    return (await run('tidy-user', [presence, quota, ...list], [hours * HOUR_MS, KEPT_MS])) as string[];
  }
  const someone = (): UserId => userId(randomUUID());
  const phone = (user: UserId) =>
    ({
      connectionId: connectionId(user),
      deviceId: deviceId('phone'),
      connectionType: 'SSE',
      sessionId: null,
    }) as const;
  const hasPresence = async (user: UserId): Promise<boolean> =>
    (await admin.exists(keys.user(tenant, user).presence)) === 1;
  const hasList = async (user: UserId): Promise<boolean> =>
    (await admin.exists(logStateOf(keys.user(tenant, user)))) === 1;

  it('is a conversation that was seen without members for the whole time', async () => {
    const id = await createGroup(engine, alice);
    expect([await isAbandoned(id, 0), await isAbandoned(id, 100)]).toEqual([false, false]);
    await engine.removeMember(tenant, id, alice, null);
    // First seen so at 100 hours.
    expect(await isAbandoned(id, 100)).toBe(false);
    expect([await isAbandoned(id, 123), await isAbandoned(id, 125)]).toEqual([false, true]);
    expect([await isAbandoned(id, 125, ''), await isAbandoned(newConversationId(), 125)]).toEqual([false, false]);
  });

  it('is no conversation that changed meanwhile: its time begins again', async () => {
    const id = await createGroup(engine, alice);
    await engine.removeMember(tenant, id, alice, null);
    expect(await isAbandoned(id, 0)).toBe(false);
    await engine.renameConversation(tenant, id, 'changed');
    expect(await isAbandoned(id, 20)).toBe(false);
    expect([await isAbandoned(id, 30), await isAbandoned(id, 45)]).toEqual([false, true]);
  });

  it('is the presence of a user who was last seen that long ago', async () => {
    const [gone, here] = [someone(), someone()];
    for (const user of [gone, here]) await engine.connect(tenant, user, phone(user));
    await engine.disconnect(tenant, gone, connectionId(gone));
    expect(await tidy(gone, 23)).toEqual([]);
    expect(await hasPresence(gone)).toBe(true);
    expect(await tidy(gone, 25)).toEqual([]);
    expect(await hasPresence(gone)).toBe(false);
    expect(await tidy(here, 1_000)).toEqual([here, expect.any(String)]);
    expect(await hasPresence(here)).toBe(true);
  });

  it('is not what only a user can change: whom they block, and that they hide', async () => {
    const [blocking, hiding, leaving] = [someone(), someone(), someone()];
    for (const user of [blocking, hiding, leaving]) {
      await engine.connect(tenant, user, phone(user));
      await engine.disconnect(tenant, user, connectionId(user));
    }
    await engine.setBlocked(tenant, blocking, bob, true);
    await engine.setStatus(tenant, hiding, 'OFFLINE', null);
    for (const user of [blocking, hiding, leaving]) expect(await tidy(user, 1_000)).toEqual([]);
    expect(await Promise.all([blocking, hiding, leaving].map(hasPresence))).toEqual([true, true, false]);
  });

  it('is not a status that a user chose before they were ever seen', async () => {
    const user = someone();
    await engine.setStatus(tenant, user, 'BUSY', 'soon');
    expect(await hasPresence(user)).toBe(true);
    await tidy(user, 1_000);
    expect(await hasPresence(user)).toBe(true);
  });

  it('is what is left of a user who was never seen and chose nothing', async () => {
    const user = someone();
    for (const isBlocked of [true, false]) await engine.setBlocked(tenant, user, bob, isBlocked);
    expect(await hasPresence(user)).toBe(true);
    await tidy(user, 0);
    expect(await hasPresence(user)).toBe(false);
  });

  it('is a list that was seen empty for the whole time, without a conversation to be joined', async () => {
    const user = someone();
    const id = await createGroup(engine, alice, user);
    await engine.listConversationIds(tenant, user);
    for (const hours of [100, 200]) await tidy(user, hours);
    expect(await hasList(user)).toBe(true);
    await engine.removeMember(tenant, id, user, null);
    for (const hours of [100, 123]) await tidy(user, hours);
    expect(await hasList(user)).toBe(true);
    // It is not empty in between.
    await engine.addMembers(tenant, id, [user], 'MEMBER');
    await engine.removeMember(tenant, id, user, null);
    for (const hours of [125, 148]) await tidy(user, hours);
    expect(await hasList(user)).toBe(true);
    const { quota } = keys.user(tenant, user);
    await admin.zadd(quota, (Date.now() + 148 * HOUR_MS) * 1_000, 'about to join');
    await tidy(user, 150);
    expect(await hasList(user)).toBe(true);
    await tidy(user, 173);
    expect([await hasList(user), await admin.exists(quota)]).toEqual([false, 0]);
  });
});

describe('the walk', () => {
  const clock = new TestClock();
  const prefix = `walked[*]-${randomUUID().slice(0, 8)}`;
  const keys = createKeys(prefix, 0);
  let admin: Redis;
  const nodes: Engine[] = [];
  beforeAll(() => {
    admin = new Redis(redis.server.url);
  });
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.close()));
  });
  afterAll(() => admin.disconnect());
  const open = async (more: Partial<Parameters<typeof openEngineOn>[1]>): Promise<Engine> => {
    const node = await openEngineOn(redis.server.url, { prefix, clock, ...more });
    nodes.push(node);
    return node;
  };
  async function walked(isOver: () => Promise<void>): Promise<void> {
    await eventually(async () => {
      clock.advance(TIMES.tidyMs);
      await isOver();
    });
  }

  it('finds abandoned conversations and users, and connections of nodes that nobody knows', async () => {
    const engine = await open({ abandonedAfterMs: KEPT_MS });
    const [left, kept] = [await createGroup(engine, alice), await createGroup(engine, alice)];
    await engine.removeMember(tenant, left, alice, null);
    const recorded = JSON.stringify({ node: randomUUID(), deviceId: 'phone', connectedAt: 1 });
    const lost = keys.user(tenant, bob).presence;
    await admin.hset(lost, 'c:lost', recorded);
    await walked(async () => {
      clock.advance(KEPT_MS / 4);
      expect(await engine.readConversations(tenant, [left])).toEqual([null]);
      expect(await admin.hexists(lost, 'c:lost')).toBe(0);
    });
    expect(await engine.readConversations(tenant, [kept])).toMatchObject([{ id: kept }]);
    // A dead node lets others walk.
    const ttl = await admin.pttl(keys.walker);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(3 * TIMES.tidyMs);
  });

  it('is made by one node at a time', async () => {
    await admin.set(keys.walker, 'another node', 'PX', 60_000);
    const engine = await open({ abandonedAfterMs: KEPT_MS });
    const id = await createGroup(engine, alice);
    await engine.removeMember(tenant, id, alice, null);
    for (let turn = 0; turn < 4; turn += 1) {
      clock.advance(KEPT_MS);
      for (let n = 0; n < 5; n += 1) await engine.time();
    }
    expect(await admin.get(keys.walker)).toBe('another node');
    expect(await engine.readConversations(tenant, [id])).toMatchObject([{ id }]);
    await admin.del(keys.walker);
    await walked(async () => {
      clock.advance(KEPT_MS);
      expect(await engine.readConversations(tenant, [id])).toEqual([null]);
    });
  });

  it('logs damaged data of one conversation or of its own, and tidies the others', async () => {
    await admin.del(keys.walker);
    const { log, lines } = captureLog('error');
    const engine = await open({ abandonedAfterMs: KEPT_MS, log });
    const ids = await Promise.all([1, 2, 3].map(() => createGroup(engine, alice)));
    await Promise.all(ids.map((id) => engine.removeMember(tenant, id, alice, null)));
    const others = ids.slice(1);
    const damaged = keys.conversation(tenant, ids[0] as ConversationId);
    await admin.set(damaged.members, 'damaged');
    await walked(async () => {
      clock.advance(KEPT_MS / 4);
      expect(await engine.readConversations(tenant, others)).toEqual(others.map(() => null));
    });
    await walked(async () => {
      clock.advance(KEPT_MS / 4);
      expect(lines().length).toBeGreaterThan(0);
    });
    await admin.del(damaged.members);
    await walked(async () => {
      clock.advance(KEPT_MS / 4);
      expect(await admin.exists(damaged.meta)).toBe(0);
    });
    const before = lines().length;
    await admin.multi().del(keys.walker).hset(keys.walker, 'damaged', 1).exec();
    await walked(async () => expect(lines().length).toBeGreaterThan(before));
    await admin.del(keys.walker);
  });

  it('is not begun where nothing is abandoned and nothing expires by age', async () => {
    await admin.del(keys.walker);
    for (const retention of [null, 100]) {
      const engine = await open({ retention });
      for (let turn = 0; turn < 3; turn += 1) {
        clock.advance(TIMES.tidyMs);
        await engine.time();
      }
    }
    expect(await admin.exists(keys.walker)).toBe(0);
  });

  it('drops expired messages also where nothing is ever abandoned', async () => {
    await admin.del(keys.walker);
    const engine = await open({ retention: { ageMs: KEPT_MS } });
    const id = await createGroup(engine, alice);
    await engine.appendMessage(tenant, text(id, alice, 'old'));
    const { messages, meta } = keys.conversation(tenant, id);
    clock.advance(KEPT_MS);
    await walked(async () => expect(await admin.hlen(messages)).toBe(0));
    expect(await admin.exists(meta)).toBe(1);
  });
});

it('the keys of conversations and users are told apart, and from all others', () => {
  const keys = createKeys('p*', 0);
  const id = newConversationId();
  const conversation = keys.conversation(tenant, id);
  const user = keys.user(tenant, alice);
  const found = (name: string) => keyOwnerOf('p*', name);
  expect(found(conversation.meta)).toMatchObject({ kind: 'conversation', tenant });
  for (const name of [user.presence, logStateOf(user)])
    expect(found(name)).toEqual({ kind: 'user', tenant, id: alice });
  const others = [
    conversation.messages,
    conversation.members,
    user.conversations,
    user.entries,
    keys.walker,
    keys.leases,
  ];
  for (const name of [...others, 'p*:{c.YQ.Yg}:presence', 'p*:{u.YQ.Yg}:meta']) expect(found(name)).toBeNull();
  expect(keyOwnerPattern('p*[a]?\\')).toBe('p\\*\\[a\\]\\?\\\\:{[cu].*');
});
