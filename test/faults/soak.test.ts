/** Load, churn and faults at random for as long as is asked; everything is back at its base line afterwards. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { Load, tokenOf } from './load.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom, pick } from './random.ts';
import { FIRST_SEED, SIZE } from './settings.ts';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 0.2);
const SOAK_MS = MINUTES * 60_000;
const BETWEEN_FAULTS_MS = Math.min(20_000, SOAK_MS / 4);
const CHURN = 10;
const SETTLE_MS = 60_000;
/** The nodes live in this much: what they left behind would end them. */
const HEAP_MIB = 96;

/** What grows when something is not let go of. */
interface Figures {
  readonly 'heap MiB': number;
  readonly 'open files': number;
  readonly connections: number;
  readonly subscriptions: number;
}

async function figuresOf(url: string): Promise<Figures> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, 'gm'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    );
  return {
    'heap MiB': Math.round(sum('nodejs_heap_size_used_bytes') / 1_048_576),
    'open files': sum('process_open_fds'),
    connections: sum('realtime_connections'),
    subscriptions: sum('realtime_subscriptions'),
  };
}

describe('soak', () => {
  let cluster: Cluster;
  afterEach(() => cluster.close());

  it(
    'F1 to F28 at random under load: every promise is kept, and nothing is left behind',
    async () => {
      const random = createRandom(FIRST_SEED);
      cluster = await startCluster(
        2,
        { DRAIN_WINDOW: '2s', PRESENCE_GRACE: '1s', NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      );
      const redis = new Redis(cluster.redis.url, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined);
      const channels = async (): Promise<number> => ((await redis.call('PUBSUB', 'SHARDCHANNELS')) as string[]).length;
      const warm = await Load.start(cluster.endpoints, createRandom(FIRST_SEED));
      expect(await warm.verdict()).toEqual([]);
      await warm.close();
      const settled = async (): Promise<Figures[]> =>
        eventually(async () => {
          const figures = await Promise.all(cluster.endpoints.map(({ url }) => figuresOf(url)));
          for (const { connections } of figures) expect(connections).toBe(0);
          return figures;
        }, SETTLE_MS);
      const before = await settled();
      const channelsBefore = await channels();

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
      async function churn(): Promise<void> {
        const token = await tokenOf('passer-by');
        const visits = Array.from({ length: CHURN }, async () => {
          const client = await connectClient(pick(random, load.endpoints).wsUrl, token);
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
        await churn();
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
        expect(figures.subscriptions).toBe(0);
        expect(figures['open files']).toBeLessThanOrEqual((before[index]?.['open files'] ?? 0) + 10);
      }
      await eventually(async () => expect(await channels()).toBeLessThanOrEqual(channelsBefore));
      redis.disconnect();
      if (process.env['SOAK_MINUTES']) write({ sent: sent(), deliveries, counts, before, after });
    },
    SOAK_MS + SETTLE_MS + 240_000,
  );
});

interface Report {
  readonly sent: number;
  readonly deliveries: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly before: readonly Figures[];
  readonly after: readonly Figures[];
}

/** The last section of docs/faults.md. */
function write({ sent, deliveries, counts, before, after }: Report): void {
  const path = new URL('../../docs/faults.md', import.meta.url);
  const rest = readFileSync(path, 'utf8').replace(/## Soak\n[\s\S]*$/, '');
  const names = Object.keys(before[0] ?? {}) as (keyof Figures)[];
  const cell = (figures: readonly Figures[], name: keyof Figures): string =>
    figures.map((each) => each[name]).join(', ');
  const faults = [...counts].map(([name, count]) => `${name} ${count}×`).join(', ');
  const section = `## Soak

${MINUTES} minutes on ${new Date().toISOString().slice(0, 10)} (\`npm run soak -- --minutes ${MINUTES}\`): two nodes with ${HEAP_MIB} MiB of heap, ${SIZE.writers} writers, ${SIZE.subscribers} subscribers, ${CHURN} clients that
come and go at a time. Faults: ${faults}. ${sent.toLocaleString('en')} messages acknowledged,
${deliveries.toLocaleString('en')} deliveries: none lost, none twice, all in order.

Heap counts what waits to be collected.

| on each node | before | after |
| --- | ---: | ---: |
${names.map((name) => `| ${name} | ${cell(before, name)} | ${cell(after, name)} |`).join('\n')}
`;
  writeFileSync(path, `${rest.trimEnd()}\n\n${section}`);
}
