/** The clock of one node jumps by an hour, and back. */
import { Redis } from 'ioredis';
import { signToken } from '../../src/access/tokens.ts';
import { CLOSE_CODES } from '../../src/errors.ts';
import { connectClient, type TestClient, type TestSubscription } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { SECRET } from '../support/service.ts';
import { Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom } from './random.ts';
import { SEEDS, TEST_MS } from './settings.ts';

const PRELOAD = `--import ${new URL('./off-clock.ts', import.meta.url)}`;

describe.each(SEEDS)('a node’s clock, seed %i', (seed) => {
  let cluster: Cluster;
  // Of two nodes, the first of which has a clock that jumps.
  beforeAll(async () => {
    cluster = await startCluster(2, (index) => (index === 0 ? { NODE_OPTIONS: PRELOAD } : {}));
  });
  afterAll(() => cluster.close());

  /** Of the first node, there or back. */
  async function jump(signal: 'SIGUSR2' | 'SIGHUP'): Promise<void> {
    const [program] = cluster.programs;
    const said = program?.output.length ?? 0;
    program?.process.kill(signal);
    await eventually(() => expect(program?.output.slice(said)).toMatch(/clock off by -?\d+ ms\n/));
  }

  /** When the leases of the nodes end. */
  async function leases(redis: Redis): Promise<Map<string, number>> {
    const [key = ''] = await redis.keys('*:leases');
    const flat = await redis.zrange(key, '0', '-1', 'WITHSCORES');
    return new Map(flat.flatMap((node, index) => (index % 2 ? [] : [[node, Number(flat[index + 1])] as const])));
  }

  /** Each node has renewed its lease, and looked for those of the dead: none was taken from it. */
  async function areRenewed(redis: Redis): Promise<void> {
    const before = await leases(redis);
    expect(before.size).toBe(2);
    await eventually(async () => {
      const after = await leases(redis);
      expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
      for (const [node, endsAt] of after) expect(endsAt).toBeGreaterThan(before.get(node) ?? 0);
    });
  }

  it.each([
    ['ahead', 'SIGUSR2'],
    ['behind', 'SIGHUP'],
  ] as const)(
    'G11, F25: an hour %s and back: no socket is closed, no presence ends, nothing is lost',
    async (_, signal) => {
      const redis = new Redis(cluster.redis.url);
      const load = await Load.start(cluster.endpoints, createRandom(seed));
      const clients: TestClient[] = [];
      try {
        const watches: TestSubscription[] = [];
        for (const [index, { wsUrl }] of cluster.endpoints.entries()) {
          // Those of the case before may not be gone yet.
          const user = `${signal}-${index}`;
          clients.push(await connectClient(wsUrl, await tokenOf(user)));
          const other = await connectClient(cluster.endpoints[1 - index]?.wsUrl ?? '', await tokenOf('watcher'));
          clients.push(other);
          const query = `subscription { presenceUpdated(userIds: ["${user}"]) { status } }`;
          watches.push(await other.subscribe(query));
        }
        const statuses = (): string[][] =>
          watches.map(({ events }) => events.map(({ presenceUpdated }) => presenceUpdated.status));
        await eventually(() => expect(statuses()).toEqual([['ONLINE'], ['ONLINE']]));
        await jump(signal);
        await areRenewed(redis);
        await load.goesOn();
        await jump(signal);
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
        expect(load.closes()).toEqual([]);
        expect(clients.flatMap(({ closes }) => closes)).toEqual([]);
        expect(statuses()).toEqual([['ONLINE'], ['ONLINE']]);
        expect(cluster.programs.map(({ output }) => output).join('')).not.toContain('dead node swept');
      } finally {
        redis.disconnect();
        for (const client of clients) await client.close();
        await load.close();
      }
    },
    TEST_MS,
  );

  it(
    'F25: a node judges tokens by its own clock, until that is right again',
    async () => {
      const [off, right] = cluster.endpoints as [{ url: string; wsUrl: string }, { url: string }];
      const token = await signToken({
        secret: SECRET,
        userId: 'alice',
        expiresAt: Math.floor(Date.now() / 1_000) + 1_800,
      });
      const codeOf = async (url: string): Promise<string | undefined> =>
        (await post(url, token, '{ viewer { id } }', {})).errors?.[0]?.extensions.code;
      const alice = await connectClient(off.wsUrl, token);
      await jump('SIGUSR2');
      const startedAt = performance.now();
      await eventually(() => expect(alice.closes[0]?.code).toBe(CLOSE_CODES.TOKEN_EXPIRED));
      const closedMs = Math.round(performance.now() - startedAt);
      expect(await codeOf(off.url)).toBe('UNAUTHENTICATED');
      expect(await codeOf(right.url)).toBeUndefined();
      await jump('SIGUSR2');
      expect(await codeOf(off.url)).toBeUndefined();
      const again = await connectClient(off.wsUrl, token);
      expect(again.closes).toEqual([]);
      await again.close();
      measured(
        'F25',
        `an hour ahead, a token of half an hour was closed ${closedMs} ms after the jump and refused until the clock was right; nobody else was closed, no presence ended, no lease was lost`,
      );
    },
    TEST_MS,
  );
});
