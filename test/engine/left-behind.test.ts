/** The data that remains after everybody has left and everything has expired. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { nextTurn } from '../../src/clock.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, SessionId, Topic } from '../../src/model.ts';
import { dave, erin, type Life, leave, live, talkElsewhere } from '../support/a-life.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn, openTwoNodes } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { TestClock } from '../support/test-clock.ts';
import {
  alice,
  bob,
  connectionId,
  createGroup,
  deviceId,
  newConversationId,
  type OpenWorld,
  record,
  tenant,
  text,
  type World,
} from '../support/world.ts';

const KEPT_MS = 90 * 86_400_000;
const KEPT = { retention: { ageMs: KEPT_MS }, abandonedAfterMs: KEPT_MS };

/** Of its own: a part of the walk is all of it. */
let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

/** The walk goes around as often as it needs. */
async function walked(clock: TestClock, isOver: () => Promise<void>): Promise<void> {
  await eventually(async () => {
    clock.advance(TIMES.tidyMs);
    await isOver();
  });
}

/** Everybody leaves, and all that has an end in time meets it. */
async function outlive(engine: Engine, clock: TestClock, life: Life, isOver: () => Promise<void>): Promise<void> {
  await leave(engine, life);
  await walked(clock, async () => {
    clock.advance(KEPT_MS);
    await isOver();
  });
}

describe('the data left in Redis after everybody has left', () => {
  const prefix = `left-${randomUUID().slice(0, 8)}`;
  const clock = new TestClock();
  let engine: Engine;
  let redis: Redis;
  beforeAll(async () => {
    redis = new Redis(server.url);
    engine = await openEngineOn(server.url, { prefix, clock, ...KEPT });
  });
  afterAll(async () => {
    await engine.close();
    redis.disconnect();
  });

  const keysNow = async (): Promise<string[]> =>
    (await redis.keys(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1));

  /** Keys that do not end by themselves. */
  async function lasting(): Promise<string[]> {
    const keys = await keysNow();
    const ends = await Promise.all(keys.map((key) => redis.pttl(`${prefix}:${key}`)));
    return keys.filter((_key, index) => ends[index] === -1).sort();
  }

  const encode = (part: string): string => Buffer.from(part).toString('base64url');
  /** Keys of one kind have one name: `{c}:meta`. */
  const kindOf = (key: string): string =>
    key
      .replace(/\{(\w+)[^}]*\}/, '{$1}')
      .replace(/:(sent|at|dead|of|health)[:.].*$/, ':$1')
      .replace(/^\{rate\}:.*/, '{rate}');

  /** Every kind that `keys.ts` can name. */
  function kinds(): Set<string> {
    const keys = createKeys(prefix, 0);
    const id = 'id' as ConversationId;
    const partition = keys.partition(tenant, 0);
    const all = [
      ...[keys.leases, keys.dead, keys.sweepers, keys.walker, keys.schema, keys.health(), keys.webhookHolders],
      ...[keys.unlisted(tenant), keys.sessionUser(tenant, 'x' as SessionId), keys.nodeConnections('node')],
      ...[...keys.sent(tenant, id, alice, 'key'), keys.published(tenant, 'x' as Topic, alice, 'key')],
      keys.rate({ rate: 'user-messages', tenant, userId: alice }),
      ...[keys.conversation(tenant, id), keys.user(tenant, alice), keys.topic(tenant, 'x' as Topic)],
      ...[keys.rooms(tenant), keys.routingRules(tenant), keys.topicPolicies(tenant)],
      ...[keys.consumers(tenant), keys.userEvents(tenant, alice), keys.webhooks(tenant)],
      ...[partition.stream, partition.handled, partition.state('x'), partition.dead('x')],
    ];
    // A noun's channel is no key; its own key, and the name of a source of events, are parts of one.
    const names = (noun: object): string[] =>
      Object.entries(noun).flatMap(([name, value]) => {
        if (typeof value === 'object') return names(value as object);
        return ['name', 'key'].includes(name) || /channel$|^memberships$/i.test(name) ? [] : [value as string];
      });
    return new Set(
      all
        .flatMap((each) => (typeof each === 'string' ? [each] : names(each)))
        .map((key) => kindOf(key.slice(prefix.length + 1))),
    );
  }

  /** Kinds that this life has no use for, and why they end. */
  const ELSEWHERE = new Map([
    ['{nodes}:dead', 'a sweep ends it'],
    ['{nodes}:sweepers', 'a sweep ends it'],
    ['walker', 'ends by itself'],
    ['{c}:outbox', 'empty once lists have the change'],
    ['{u}:large', 'with the list'],
    ['{k}:unaware', 'ends by itself'],
    ['{e}:dead', 'with its consumer, or by itself'],
  ]);

  it('is only what its owner can delete; every kind of key existed before', async () => {
    const life = await live(engine, clock.now());
    const conversations = [...life.conversations];
    const lived = new Set<string>();
    // Some end half a second after what made them: a slow machine may look too late.
    await eventually(async () => {
      for (const key of await keysNow()) lived.add(kindOf(key));
      const missed = [...kinds()].filter((kind) => !lived.has(kind) && !ELSEWHERE.has(kind));
      if (missed.length > 0) conversations.push(await talkElsewhere(engine));
      expect(missed).toEqual([]);
    });
    const user = (id: string, what: string): string => `{u.${encode(tenant)}.${encode(id)}}:${what}`;
    await outlive(engine, clock, { conversations }, async () => {
      expect(await lasting()).toEqual(
        [
          'schema',
          '{nodes}:leases',
          // A token has no longest life.
          user(alice, 'refusal'),
          // Whom a user blocks, and that they hide.
          user(dave, 'presence'),
          user(erin, 'presence'),
          // A number, of a tenant that had consumers.
          `{k.${encode(tenant)}}:arrivals`,
        ].sort(),
      );
    });
  });
});

describe('the data left in the embedded engine after everybody has left', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'realtime-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));
  const file = (): string => join(dataDir, 'realtime.db');
  const open = (clock: TestClock): Engine => openEmbeddedEngine({ dataDir, clock, ...KEPT });

  /** Rows of each table, in a file that no process has open. */
  function counts(): Record<string, number> {
    const database = new DatabaseSync(file());
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    const rows = tables.map(({ name }) => {
      const { count } = database.prepare(`SELECT count(*) AS count FROM ${name}`).get() as { count: number };
      return [name, count] as const;
    });
    database.close();
    return Object.fromEntries(rows);
  }
  const empty = (): string[] => Object.entries(counts()).flatMap(([table, count]) => (count === 0 ? [table] : []));

  it('is only what its owner can delete; every table had rows before', async () => {
    const clock = new TestClock();
    let engine = open(clock);
    const life = await live(engine, clock.now());
    await engine.close();
    // Given up events are the last step of many.
    expect(empty()).toEqual(['dead_events']);
    engine = open(clock);
    await leave(engine, life);
    for (let round = 0; round < 4; round += 1) {
      clock.advance(KEPT_MS);
      clock.advance(TIMES.tidyMs);
      // What a walk deletes is committed at the end of its turn.
      await nextTurn();
    }
    await engine.close();
    const left = Object.entries(counts()).filter(([, count]) => count > 0);
    expect(Object.fromEntries(left)).toEqual({
      presences: 2,
      blocks: 1,
      token_refusals: 1,
      sqlite_sequence: expect.any(Number),
    });
  });

  it('takes no room: the file shrinks', async () => {
    const clock = new TestClock();
    const engine = open(clock);
    const id = await createGroup(engine, alice);
    for (let n = 0; n < 300; n += 1) await engine.appendMessage(tenant, text(id, alice, 'x'.repeat(8_000)));
    const full = statSync(file()).size + statSync(`${file()}-wal`).size;
    expect(full).toBeGreaterThan(300 * 8_000);
    clock.advance(KEPT_MS);
    for (let part = 0; part < 10; part += 1) clock.advance(TIMES.tidyMs);
    await engine.close();
    expect(statSync(file()).size).toBeLessThan(full / 4);
  });

  it('takes no room in a file of an older release either: it is rewritten at the start', async () => {
    const engine = open(new TestClock());
    await engine.close();
    const database = new DatabaseSync(file());
    database.exec('PRAGMA auto_vacuum = NONE; VACUUM;');
    const modeOf = (of: DatabaseSync): unknown => of.prepare('PRAGMA auto_vacuum').get();
    expect(modeOf(database)).toEqual({ auto_vacuum: 0 });
    database.close();
    await open(new TestClock()).close();
    const again = new DatabaseSync(file());
    expect(modeOf(again)).toEqual({ auto_vacuum: 2 });
    again.close();
  });
});

const onRedis: OpenWorld = (options) => openTwoNodes(server.url, options);
const embedded: OpenWorld = async (options = {}) => {
  const clock = new TestClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', clock, retention: null, ...options });
  return { engine, other: engine, clock, close: () => engine.close() };
};

describe.each([
  ['Redis', onRedis],
  ['the embedded engine', embedded],
] as const)('deletion of abandoned data on %s', (_name, open) => {
  let world: World;
  beforeAll(async () => {
    world = await open(KEPT);
  });
  afterAll(() => world.close());
  const phone = { deviceId: deviceId('phone'), sessionId: null, connectionType: 'WEBSOCKET' } as const;
  const connect = (user: typeof alice) =>
    world.engine.connect(tenant, user, { ...phone, connectionId: connectionId(user) });

  it('a room without members is deleted and announced; one with a member or a recent change is kept', async () => {
    const { engine, other, clock } = world;
    const create = async (): Promise<ConversationId> => {
      const id = newConversationId();
      const members = [{ userId: alice, role: 'OWNER' as const }];
      await engine.createConversation(tenant, { id, name: 'room', kind: 'ROOM', createdBy: alice, members });
      return id;
    };
    const [left, kept, changed] = [await create(), await create(), await create()];
    for (const id of [left, changed]) await engine.removeMember(tenant, id, alice, null);
    const { heard, listening } = await record(other, { kind: 'conversation', tenant, id: left });
    await walked(clock, async () => {
      clock.advance(KEPT_MS / 8);
      await engine.joinConversation(tenant, changed, bob);
      await engine.removeMember(tenant, changed, bob, null);
      expect(await engine.readConversations(tenant, [left])).toEqual([null]);
    });
    const others = await engine.readConversations(tenant, [kept, changed]);
    expect(others.map((each) => each?.id)).toEqual([kept, changed]);
    await eventually(async () => {
      const rooms = await other.listRooms(tenant, { search: 'room', after: null, limit: 10 });
      expect(rooms.map(({ id }) => id).sort()).toEqual([kept, changed].sort());
      expect(heard.at(-1)).toMatchObject({ type: 'conversation', why: 'DELETED', left: [] });
    });
    await listening.close();
  });

  it('the presence of a user who left is deleted, and the next one has a higher version', async () => {
    const { engine, other, clock } = world;
    await Promise.all([connect(alice), connect(bob)]);
    await engine.disconnect(tenant, alice, connectionId(alice));
    const [before] = await other.readPresence(tenant, [alice]);
    expect(before).toMatchObject({ lastSeenAt: expect.any(Number) });
    clock.advance(KEPT_MS);
    await walked(clock, async () => {
      const [gone, there] = await other.readPresence(tenant, [alice, bob]);
      expect(gone).toMatchObject({ status: 'OFFLINE', lastSeenAt: null });
      expect(there).toMatchObject({ status: 'ONLINE', lastSeenAt: expect.any(Number) });
    });
    const { heard, listening } = await record(other, { kind: 'presence', tenant, id: alice });
    await connect(alice);
    await eventually(() => expect(heard.length).toBeGreaterThan(0));
    const [again] = heard;
    expect(again?.type === 'presence' && again.presence.version).toBeGreaterThan(before?.version ?? Number.MAX_VALUE);
    await listening.close();
  });

  it('the empty list of a user who left gets a new epoch, and its earlier positions are refused', async () => {
    const { engine, clock } = world;
    const erinsId = await createGroup(engine, erin);
    const read = await engine.readUserLog(tenant, erin, null, 0);
    if (read.outcome !== 'read') throw new Error(read.reason);
    await engine.removeMember(tenant, erinsId, erin, null);
    await walked(clock, async () => {
      clock.advance(KEPT_MS / 2);
      expect(await engine.readUserLog(tenant, erin, read.head, 10)).toEqual({ outcome: 'expired', reason: 'EPOCH' });
    });
    const again = await createGroup(engine, erin);
    expect(await engine.listConversationIds(tenant, erin)).toEqual([again]);
  });
});

it('expired messages are deleted from Redis also when nobody opens their conversation', async () => {
  const clock = new TestClock();
  const prefix = `left-${randomUUID().slice(0, 8)}`;
  const engine = await openEngineOn(server.url, { prefix, clock, ...KEPT });
  const redis = new Redis(server.url);
  const id = await createGroup(engine, alice);
  const { messages, log } = createKeys(prefix, 0).conversation(tenant, id);
  await engine.appendMessage(tenant, text(id, alice, 'old'));
  clock.advance(KEPT_MS);
  await walked(clock, async () => expect(await redis.exists(messages, log)).toBeLessThan(2));
  expect(await redis.hlen(messages)).toBe(0);
  await engine.close();
  redis.disconnect();
});

it('one node at a time walks the data, with a bounded number of requests at once', async () => {
  const clock = new TestClock();
  const prefix = `left-${randomUUID().slice(0, 8)}`;
  const nodes = await Promise.all([1, 2].map(() => openEngineOn(server.url, { prefix, clock, ...KEPT })));
  const redis = new Redis(server.url);
  const { walker } = createKeys(prefix, 0);
  const holderAfter = async (): Promise<string | null> => {
    clock.advance(TIMES.tidyMs);
    await eventually(async () => expect(await redis.get(walker)).not.toBeNull());
    return redis.get(walker);
  };
  const first = await holderAfter();
  for (let turn = 0; turn < 3; turn += 1) expect(await holderAfter()).toBe(first);
  expect(LIMITS.tidiedAtOnce).toBeLessThan(LIMITS.tidiedAtATime);
  for (const node of nodes) await node.close();
  redis.disconnect();
});
