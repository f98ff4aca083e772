/** Load, churn and random faults for the given time; afterwards everything is back at its base line. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectClient } from '../support/client.ts';
import { LATENCY_MS } from '../support/distance.ts';
import { eventually } from '../support/eventually.ts';
import { INSPECTED, inspectHeap } from '../support/heap.ts';
import type { Program } from '../support/process.ts';
import { Load, post, tokenOf } from './load.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom, pick } from './random.ts';
import { FIRST_SEED, SIZE, TEST_MS } from './settings.ts';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 0.2);
const SOAK_MS = MINUTES * 60_000;
const BETWEEN_FAULTS_MS = Math.min(20_000, SOAK_MS / 4);
const CHURN = 10;
/** The nodes live in this much: what they left behind would end them. */
const HEAP_MIB = 96;

/** What grows when something is not let go of. */
interface Figures {
  /** Garbage collected. */
  readonly 'heap MiB': number;
  /** Without those of idle connections of HTTP, which last as long as their clients like, up to `KEEP_ALIVE`. */
  readonly 'open files': number;
  readonly timers: number;
  readonly connections: number;
  readonly subscriptions: number;
}

const MIB = 1_048_576;
/** What the code itself and its caches take more of once they were used; a leak of one event each would be more. */
const HEAP_GROWTH_MIB = 12;

async function figuresOf(url: string, program: Program | undefined): Promise<Figures> {
  if (!program) throw new Error('There is no such node.');
  const heap = await inspectHeap(program);
  const used = await heap.used();
  heap.close();
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, 'gm'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    );
  return {
    'heap MiB': Math.round(used / MIB),
    'open files': sum('process_open_fds') - sum('realtime_plain_connections'),
    timers: sum('realtime_timers'),
    connections: sum('realtime_connections'),
    subscriptions: sum('realtime_subscriptions'),
  };
}

describe('soak', () => {
  let cluster: Cluster;
  afterEach(() => cluster.close());

  it(
    'F1 to F28 at random under load: every guarantee holds, and no resources are leaked',
    async () => {
      const random = createRandom(FIRST_SEED);
      cluster = await startCluster(
        2,
        { DRAIN_WINDOW: '2s', PRESENCE_GRACE: '1s', NODE_OPTIONS: `${INSPECTED} --max-old-space-size=${HEAP_MIB}` },
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      );
      const redis = new Redis(cluster.redis.url, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined);
      const channels = async (): Promise<number> => ((await redis.call('PUBSUB', 'SHARDCHANNELS')) as string[]).length;
      /** Keys of users and nodes. Those of conversations are what was said, inboxes what a session was given of it. */
      const keys = async (): Promise<string[]> => {
        const all = new Set<string>();
        for await (const found of redis.scanStream({ count: 1_000 })) for (const key of found as string[]) all.add(key);
        return [...all].filter((key) => !key.includes(':{c.') && !key.endsWith(':inboxes')).sort();
      };
      const figuresOfAll = (): Promise<Figures[]> =>
        Promise.all(cluster.endpoints.map(({ url }, index) => figuresOf(url, cluster.programs[index])));
      /** Of a node that nobody has come to yet. */
      const timersAtRest = Math.max(...(await figuresOfAll()).map(({ timers }) => timers));
      const warm = await Load.start(cluster.endpoints, createRandom(FIRST_SEED));
      expect(await warm.verdict()).toEqual([]);
      await churn(warm);
      await warm.close();
      const settled = async (): Promise<Figures[]> =>
        eventually(async () => {
          const figures = await figuresOfAll();
          for (const { connections, timers } of figures) {
            expect(connections).toBe(0);
            expect(timers).toBeLessThanOrEqual(timersAtRest);
          }
          return figures;
        });
      const before = await settled();
      const channelsBefore = await channels();
      // The lease of the walk over all keys is a key of the service. A node takes it some seconds after its start.
      const keysBefore = await eventually(async () => {
        const found = await keys();
        expect(found.filter((key) => key.endsWith(':walker'))).toHaveLength(1);
        return found;
      });

      const load = await Load.start(cluster.endpoints, random);
      const counts = new Map<string, number>();
      const faults: Record<string, () => Promise<unknown>> = {
        'subscriber connections cut': () => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
        'command connections cut': () => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
        'scripts flushed': () => redis.script('FLUSH'),
        async 'Redis hangs for 3 s'() {
          cluster.redis.process.kill('SIGSTOP');
          await wait(3_000);
          cluster.redis.process.kill('SIGCONT');
        },
        'Redis killed and started': () => cluster.redis.restart(),
        'a node killed': () => replace('SIGKILL'),
        'a node drained': () => replace('SIGTERM'),
      };
      async function replace(signal: NodeJS.Signals): Promise<void> {
        const index = Math.floor(random() * cluster.programs.length);
        const [endpoint] = load.endpoints.splice(index, 1);
        await cluster.programs[index]?.stop(signal);
        await cluster.restart(index);
        if (endpoint) load.endpoints.splice(index, 0, endpoint);
      }
      /** Clients that come, ask and go. */
      async function churn({ endpoints }: Load): Promise<void> {
        const token = await tokenOf('passer-by');
        const visits = Array.from({ length: CHURN }, async () => {
          const client = await connectClient(pick(random, endpoints).wsUrl, token);
          void client.subscribe('subscription { messageReceived { id } }');
          void client.subscribe('subscription { presenceUpdated(userIds: ["writer"]) { status } }');
          await client.query('{ viewer { id } }').catch(() => null);
          await client.close();
        });
        await Promise.allSettled(visits);
      }

      const endAt = performance.now() + SOAK_MS;
      let nextFaultAt = performance.now();
      while (performance.now() < endAt) {
        await churn(load);
        if (performance.now() >= nextFaultAt) {
          const name = pick(random, Object.keys(faults));
          await faults[name]?.();
          counts.set(name, (counts.get(name) ?? 0) + 1);
          await load.goesOn();
          nextFaultAt = performance.now() + BETWEEN_FAULTS_MS;
        }
        await wait(200);
      }
      const sent = (): number => load.history.acknowledged.length;
      const verdict = await load.verdict();
      const deliveries = load.history.heard.reduce((sum, { events }) => sum + events.length, 0);
      await load.close();
      expect(verdict).toEqual([]);
      const after = await settled();
      for (const [index, figures] of after.entries()) {
        const base = before[index] as Figures;
        expect(figures.subscriptions).toBe(0);
        expect(figures['heap MiB']).toBeLessThanOrEqual(base['heap MiB'] + HEAP_GROWTH_MIB);
        expect(figures['open files']).toBeLessThanOrEqual(base['open files'] + 10);
      }
      const [{ url: anywhere } = { url: '' }] = cluster.endpoints;
      const redisAfter = await eventually(async () => {
        // What a killed node had in hand for the lists of users is finished by the next who reads one.
        await post(anywhere, await tokenOf('writer'), '{ viewer { unreadMessageCount } }', {});
        const found = { keys: await keys(), channels: await channels() };
        expect(found.channels).toBeLessThanOrEqual(channelsBefore);
        expect(found.keys.filter((key) => !keysBefore.includes(key))).toEqual([]);
        return found;
      });
      redis.disconnect();
      const redisBefore = { keys: keysBefore, channels: channelsBefore };
      if (process.env['SOAK_MINUTES'])
        write({ sent: sent(), deliveries, counts, before, after, redisBefore, redisAfter });
    },
    SOAK_MS + TEST_MS,
  );
});

interface Report {
  readonly sent: number;
  readonly deliveries: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly before: readonly Figures[];
  readonly after: readonly Figures[];
  readonly redisBefore: RedisFigures;
  readonly redisAfter: RedisFigures;
}

interface RedisFigures {
  readonly keys: readonly string[];
  readonly channels: number;
}

/** A section of docs/faults.md, its last. */
function write({ sent, deliveries, counts, before, after, redisBefore, redisAfter }: Report): void {
  const path = new URL('../../docs/faults.md', import.meta.url);
  const title = LATENCY_MS > 0 ? `Soak, Redis ${LATENCY_MS} ms away` : 'Soak';
  const rest = readFileSync(path, 'utf8').replace(new RegExp(`## ${title}\\n[\\s\\S]*?(?=\\n## |$)`), '');
  const names = Object.keys(before[0] ?? {}) as (keyof Figures)[];
  const cell = (figures: readonly Figures[], name: keyof Figures): string =>
    figures.map((each) => each[name]).join(', ');
  const faults = [...counts].map(([name, count]) => `${name} ${count}×`).join(', ');
  const section = `## ${title}

${MINUTES} minutes on ${new Date().toISOString().slice(0, 10)} (\`npm run soak -- --minutes ${MINUTES}${LATENCY_MS > 0 ? ` --latency ${LATENCY_MS}` : ''}\`): two nodes with ${HEAP_MIB} MiB of heap, ${SIZE.writers} writers, ${SIZE.subscribers} subscribers, ${CHURN} clients that
come and go at a time. Faults: ${faults}. ${sent.toLocaleString('en')} messages acknowledged,
${deliveries.toLocaleString('en')} deliveries: none lost, none twice, all in order.

Before: after a first load, when all clients have left. After: at the end, when all clients have left.

| on each node | before | after |
| --- | ---: | ---: |
${names.map((name) => `| ${name} | ${cell(before, name)} | ${cell(after, name)} |`).join('\n')}
| Redis: keys beside those of conversations and inboxes | ${redisBefore.keys.length} | ${redisAfter.keys.length} |
| Redis: channels subscribed to | ${redisBefore.channels} | ${redisAfter.channels} |
`;
  writeFileSync(path, `${rest.trimEnd()}\n\n${section}`);
}
