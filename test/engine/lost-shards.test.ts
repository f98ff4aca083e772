/** A cluster server that comes back without its latest data, after longer than any memory of it (G07, G11). */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { TIMES } from '../../src/limits.ts';
import { createLog } from '../../src/log.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { type ClusterServer, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, connectionId, createGroup, deviceId, tenant, userId } from '../support/world.ts';

/** So many that on each of three servers there is one side of some. */
const COUNT = 12;
const ALL = { kind: null, isArchived: null, isUnread: null, order: 'activity', after: null, limit: 10 } as const;

interface Pair {
  readonly who: UserId;
  readonly id: ConversationId;
}

describe('a cluster server that came back without its latest data', () => {
  let cluster: RedisCluster;
  let lost: ClusterServer;
  let clock: StillClock;
  let engine: Engine;
  let prefix: string;
  let lines: string[];

  beforeAll(async () => {
    cluster = await startRedisCluster();
    lost = cluster.servers[0] as ClusterServer;
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    clock = new StillClock();
    prefix = `test-${randomUUID().slice(0, 8)}`;
    lines = [];
    const log = createLog('info', { write: (line) => void lines.push(line) });
    engine = await openEngineOn(cluster.urls, { prefix, clock, log });
  });
  afterEach(() => engine.close());

  /** What was written since `cluster.ask('SAVE')` is lost with it, or all. */
  async function goesAwayFor(ms: number): Promise<void> {
    lost.process.kill('SIGKILL');
    await once(lost.process, 'exit');
    clock.advance(ms);
    await lost.restart();
    await cluster.isWhole(cluster.servers);
  }

  async function groups(): Promise<Pair[]> {
    return Promise.all(
      Array.from({ length: COUNT }, async () => {
        const who = userId(randomUUID());
        return { who, id: await createGroup(engine, alice, who) };
      }),
    );
  }

  async function areTogether(pairs: readonly Pair[]): Promise<void> {
    await eventually(async () => {
      clock.advance(TIMES.nodeRenewMs);
      const asked = pairs.map(({ who, id }) => ({ conversationId: id, userId: who }));
      const memberships = await engine.readMemberships(tenant, asked);
      const lists = await Promise.all(pairs.map(({ who }) => engine.listConversations(tenant, who, ALL)));
      expect(lists.map(({ entries }) => entries.map(({ conversationId }) => conversationId))).toEqual(
        pairs.map(({ id }, index) => (memberships[index] ? [id] : [])),
      );
    });
  }

  it('has its conversations compared with lists, also after a longer absence than changes are remembered', async () => {
    const pairs = await groups();
    await goesAwayFor(TIMES.changeMs + TIMES.nodeRenewMs);
    await areTogether(pairs);
  });

  it('has them compared also when the keys of one are broken, which is logged once', async () => {
    const { id: broken, members, server } = await groupElsewhere();
    const pairs = await groups();
    await server.admin.del(members);
    await server.admin.set(members, 'not a hash');
    await goesAwayFor(0);
    await areTogether(pairs);
    const told = (): string[] => lines.filter((line) => line.includes(broken));
    // The client may see the servers without the one that was lost, and then with it: each is a new state to compare.
    const compared = (): number => lines.filter((line) => line.includes('lists compared with conversations')).length;
    await eventually(() => expect(told().length).toBeGreaterThan(0));
    const before = await refusals(server);
    await eventually(async () => {
      clock.advance(TIMES.nodeRenewMs);
      expect(await refusals(server)).toBeGreaterThan(before + 2);
    });
    expect(told().length).toBeLessThanOrEqual(compared());
  });

  /** Users who came before what is lost, and went since. */
  async function usersWhoWent(): Promise<UserId[]> {
    const users = Array.from({ length: COUNT }, () => userId(randomUUID()));
    const phone = { deviceId: deviceId('phone'), connectionType: 'SSE', sessionId: null } as const;
    const idOf = (who: UserId) => connectionId(`of ${who}`);
    for (const who of users) await engine.connect(tenant, who, { ...phone, connectionId: idOf(who) });
    await cluster.ask('SAVE');
    for (const who of users) await engine.disconnect(tenant, who, idOf(who));
    return users;
  }

  async function areGone(users: readonly UserId[]): Promise<void> {
    const statuses = async () => (await engine.readPresence(tenant, users)).map(({ status }) => status);
    // It shows some of them again, until this node has looked.
    await eventually(async () => expect(await statuses()).toContain('ONLINE'));
    await eventually(async () => {
      clock.advance(TIMES.nodeRenewMs);
      expect(new Set(await statuses())).toEqual(new Set(['OFFLINE']));
    });
  }

  it('shows no user who left as present, also after an absence longer than departures are remembered', async () => {
    const users = await usersWhoWent();
    await goesAwayFor(TIMES.departureMs + TIMES.nodeRenewMs);
    await areGone(users);
  });

  it('shows no user who left as present, also when their node’s old name was declared dead', async () => {
    const users = await usersWhoWent();
    const [name = ''] = await leases();
    const ahead = new StillClock();
    const other = await openEngineOn(cluster.urls, { prefix, clock: ahead });
    await eventually(async () => {
      ahead.advance(TIMES.nodeLeaseMs);
      expect(await leases()).not.toContain(name);
    });
    await other.close();
    await eventually(async () => {
      clock.advance(TIMES.nodeRenewMs);
      expect((await leases()).length).toBe(1);
    });
    await goesAwayFor(0);
    await areGone(users);
  });

  /** The names of nodes that live. */
  async function leases(): Promise<string[]> {
    const key = createKeys(prefix, 0).leases;
    const found = await Promise.all(cluster.servers.map(({ admin }) => admin.zrange(key, '0', '-1').catch(() => [])));
    return found.flat();
  }

  /** A conversation on a server that loses nothing. */
  async function groupElsewhere() {
    for (;;) {
      const id = await createGroup(engine, alice);
      const { members } = createKeys(prefix, 0).conversation(tenant, id);
      for (const server of cluster.servers.slice(1)) {
        if ((await server.admin.exists(members).catch(() => 0)) > 0) return { id, members, server };
      }
    }
  }

  /** How often a server was asked for a key as what it is not. */
  const refusals = async ({ admin }: ClusterServer): Promise<number> =>
    Number(/errorstat_WRONGTYPE:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
});
