import { randomUUID } from 'node:crypto';
import { Cluster } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { Requirements } from '../../src/engine/redis/requirements.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { describeEngine } from '../contract/engine.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { type ClusterServer, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { newPrefix, openEngineOn, openTwoNodes } from '../support/redis-engine.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import {
  alice,
  connectionId,
  createGroup,
  deviceId,
  type OpenWorld,
  record,
  silentLog,
  tenant,
  text,
  userId,
} from '../support/world.ts';
import { countWrites } from '../support/writes.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

const open: OpenWorld = (options) => openTwoNodes(cluster.urls, options);

const countChannels = async (): Promise<number> =>
  (await cluster.ask('PUBSUB', 'SHARDCHANNELS')).reduce<number>((sum, names) => sum + (names as string[]).length, 0);

/** Hears messages, and reads the conversation's log each time it is told of a gap, as a stream does. */
async function readAlong(engine: Engine, id: ConversationId) {
  const [begin] = await engine.readConversations(tenant, [id]);
  const heard: (string | null)[] = [];
  const found: (string | null | undefined)[] = [];
  let interruptions = 0;
  const read = async (): Promise<void> => {
    const page = await engine.readLog(tenant, id, begin?.position ?? { epoch: '', place: 0 }, 1_000);
    if (page.outcome === 'read') found.push(...page.entries.map(({ message }) => message?.content));
  };
  const listening = await engine.listen(
    { kind: 'conversation', tenant, id },
    {
      onAnnouncement: (announcement) => {
        if (announcement.type === 'message') heard.push(announcement.message.content);
      },
      onInterrupted: () => {
        interruptions += 1;
        void read();
      },
    },
  );
  return { heard, found, interruptions: () => interruptions, listening };
}

describe('Redis engine on a cluster', () => {
  it('deletes abandoned data on each of its servers', async () => {
    const clock = new TestClock();
    const prefix = `left-${randomUUID().slice(0, 8)}`;
    const engine = await openEngineOn(cluster.urls, { prefix, clock, abandonedAfterMs: 1_000 });
    const ids = await Promise.all(Array.from({ length: 12 }, () => createGroup(engine, alice)));
    for (const id of ids) await engine.removeMember(tenant, id, alice, null);
    await eventually(async () => {
      clock.advance(TIMES.tidyMs);
      expect((await engine.readConversations(tenant, ids)).filter((each) => each !== null)).toEqual([]);
    });
    await engine.close();
  });

  it('G05: announcements while connections are cut are received, or followed by `onInterrupted`', async () => {
    const world = await open();
    // Enough conversations that every node has some.
    const readers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const id = await createGroup(world.engine, alice);
        return { id, ...(await readAlong(world.engine, id)) };
      }),
    );
    for (let cut = 1; cut <= 3; cut += 1) {
      const before = readers.map(({ interruptions }) => interruptions());
      await cluster.ask('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
      await Promise.all(
        readers.map(async ({ id, heard, found, interruptions }, index) => {
          const sent: string[] = [];
          await eventually(async () => {
            const content = `${cut}.${sent.length}`;
            await world.other.appendMessage(tenant, text(id, alice, content));
            sent.push(content);
            await eventually(() => expect(heard).toContain(content), 50);
          });
          await eventually(() => {
            expect(interruptions()).toBeGreaterThan(before[index] ?? 0);
            expect([...heard, ...found]).toEqual(expect.arrayContaining(sent));
          });
        }),
      );
    }
    expect(await countChannels()).toBe(20);
    for (const { listening } of readers) await listening.close();
    await eventually(async () => expect(await countChannels()).toBe(0));
    await world.close();
  });

  it('G07, F9: a channel whose slot moved away and back unseen is subscribed again, and the gap reported', async () => {
    const { log, lines } = captureLog('warn');
    const options = { prefix: newPrefix(), clock: new TestClock(), log };
    const [engine, other] = [await openEngineOn(cluster.urls, options), await openEngineOn(cluster.urls, options)];
    // So many that the one whose slot goes is not alone on its master.
    const recordings = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const who = userId(randomUUID());
        return { who, ...(await record(engine, { kind: 'presence', tenant, id: who })) };
      }),
    );
    const { who, heard, interruptions } = recordings.at(-1) as (typeof recordings)[0];
    const names = (await cluster.ask('PUBSUB', 'SHARDCHANNELS')) as string[][];
    const isIts = (name: string): boolean => name.includes(`.${Buffer.from(who).toString('base64url')}}`);
    const index = names.findIndex((each) => each.some(isIts));
    const [owner, taker] = [cluster.servers[index], cluster.servers[(index + 1) % 3]] as [ClusterServer, ClusterServer];
    const slot = Number(await owner.admin.cluster('KEYSLOT', names.flat().find(isIts) ?? ''));
    // The slot is empty, so its master may give it away and take it back in one go: the map of slots stays as it was.
    const ids = [await taker.admin.cluster('MYID'), await owner.admin.cluster('MYID')];
    const before = interruptions();
    for (const id of ids) void owner.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(id));
    await eventually(() => expect(interruptions()).toBeGreaterThan(before));
    // Not because a check found all of its channels.
    const found = lines().filter(
      ({ subscribed, left }) => subscribed !== undefined && Number(left) >= Number(subscribed),
    );
    expect(found).toEqual([]);
    const phone = {
      connectionId: connectionId('c1'),
      deviceId: deviceId('phone'),
      connectionType: 'GRAPHQL_WS',
      sessionId: null,
    } as const;
    await other.connect(tenant, who, phone);
    await eventually(() => expect(heard).toHaveLength(1));
    for (const { listening } of recordings) await listening.close();
    await Promise.all([engine.close(), other.close()]);
  });

  it('the memory of a cluster is that of all servers, and has a limit once each of them has one', async () => {
    const client = new Cluster([String(cluster.urls[0])]);
    const limits: number[] = [];
    const requirements = new Requirements(client, false, silentLog, ({ limit }) => limits.push(limit));
    await client.ping();
    const MIB = 1024 * 1024;
    for (const { admin } of cluster.servers) {
      await admin.config('SET', 'maxmemory', '100mb');
      await requirements.check();
    }
    expect(limits).toEqual([0, 0, 300 * MIB]);
    for (const { admin } of cluster.servers) await admin.config('SET', 'maxmemory', '0');
    client.disconnect();
  });

  it('commands for one server in one turn of the event loop are sent in one write', async () => {
    const engine = await openEngineOn(cluster.urls, { prefix: `writes-${randomUUID()}`, clock: new StillClock() });
    const answers: Promise<unknown>[] = [];
    const ask = () => {
      for (let n = 0; n < 20; n += 1) answers.push(engine.readPresence(tenant, [alice]));
    };
    expect(await countWrites(ask)).toBe(1);
    expect(await Promise.all(answers)).toHaveLength(20);
    await engine.close();
  });

  it('after a server lost its data, lists and memberships agree again', async () => {
    const world = await open();
    // So many that on each of three servers there is one side of some.
    const pairs = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const who = userId(randomUUID());
        return { who, id: await createGroup(world.engine, alice, who) };
      }),
    );
    const all = { kind: null, isArchived: null, isUnread: null, order: 'activity', after: null, limit: 10 } as const;
    await cluster.servers[0]?.restart();
    await cluster.isWhole(cluster.servers);
    await eventually(async () => {
      world.clock.advance(TIMES.nodeRenewMs);
      const memberships = await world.other.readMemberships(
        tenant,
        pairs.map(({ who, id }) => ({ conversationId: id, userId: who })),
      );
      const lists = await Promise.all(pairs.map(({ who }) => world.other.listConversations(tenant, who, all)));
      expect(lists.map(({ entries }) => entries.map(({ conversationId }) => conversationId))).toEqual(
        pairs.map(({ id }, index) => (memberships[index] ? [id] : [])),
      );
    });
    await world.close();
  });

  describeEngine(open);
});
