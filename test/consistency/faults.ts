/** The faults of a trial: each is caused, lasts for a while and is healed. */
import { Redis } from 'ioredis';
import { pick, type Random } from '../faults/random.ts';
import { MovingSlots } from '../support/cluster-slots.ts';
import type { TrialEngine } from './settings.ts';
import type { TrialWorld, WorldNeeds } from './world.ts';

/** Brings a fault about; what it answers heals it. */
type Bring = (world: TrialWorld, random: Random) => Promise<() => Promise<void>>;

export interface Fault {
  /** Where it can be caused. */
  readonly engines: readonly TrialEngine[];
  /** It needs replicas of what it takes away. */
  readonly hasReplicas?: true;
  /** What was acknowledged just before may be lost. */
  readonly isLossy?: true;
  readonly bring: Bring;
}

const ALL = ['embedded', 'redis', 'cluster'] as const;
const SERVERS = ['redis', 'cluster'] as const;
const LOSS_MS = 800;
/** Moved with each conversation. */
const SLOTS_BESIDE = 4;

const nothing = async (): Promise<void> => undefined;

async function ask(world: TrialWorld, ...command: readonly [string, ...string[]]): Promise<void> {
  for (const { url } of world.servers) {
    const admin = new Redis(url);
    await admin.call(...command).catch(() => undefined);
    admin.disconnect();
  }
}

const killed =
  (type: string): Bring =>
  async (world) => {
    await ask(world, 'CLIENT', 'KILL', 'TYPE', type);
    return nothing;
  };

const stopped =
  (targets: (world: TrialWorld) => readonly { kill(signal: NodeJS.Signals): unknown }[]): Bring =>
  async (world, random) => {
    const target = pick(random, targets(world));
    target.kill('SIGSTOP');
    return async () => void target.kill('SIGCONT');
  };

/** What the network of one node does to the connections it has. */
const network =
  (act: 'silence' | 'swallowAnswers' | 'resetAnswers'): Bring =>
  async ({ proxies }, random) => {
    const { tcp, port } = pick(random, proxies);
    tcp[act]();
    return async () => tcp.redirect(port);
  };

const KINDS = {
  none: { engines: ALL, bring: async () => nothing },
  'bus-cut': { engines: SERVERS, bring: killed('PUBSUB') },
  'links-cut': { engines: SERVERS, bring: killed('NORMAL') },
  'answers-lost': { engines: ['redis'], bring: network('swallowAnswers') },
  silence: { engines: ['redis'], bring: network('silence') },
  broken: { engines: ['redis'], bring: network('resetAnswers') },
  pause: { engines: SERVERS, bring: stopped(({ servers }) => servers.map(({ process }) => process)) },
  restart: {
    engines: SERVERS,
    bring: async ({ servers }, random) => {
      await pick(random, servers).restart();
      return nothing;
    },
  },
  'node-stop': { engines: ALL, bring: stopped(({ nodes }) => nodes) },
  'node-kill': {
    engines: ALL,
    bring: async ({ nodes }, random) => {
      const node = pick(random, nodes);
      node.kill('SIGKILL');
      return () => node.restart();
    },
  },
  failover: {
    engines: ['cluster'],
    hasReplicas: true,
    bring: async ({ cluster }, random) => {
      if (!cluster) return nothing;
      const slaves: RedisAdmin[] = [];
      for (const { admin } of [...cluster.servers, ...cluster.replicas]) {
        if ((await admin.info('replication')).includes('role:slave')) slaves.push(admin);
      }
      await pick(random, slaves).call('CLUSTER', 'FAILOVER');
      return nothing;
    },
  },
  slots: {
    engines: ['cluster'],
    bring: async ({ cluster }, random) => {
      if (!cluster) return nothing;
      const slots = await MovingSlots.of(cluster, SLOTS_BESIDE);
      await slots.moveFrom(Math.floor(random() * cluster.servers.length));
      return () => slots.agree();
    },
  },
  'lossy-failover': {
    engines: SERVERS,
    hasReplicas: true,
    isLossy: true,
    bring: async ({ lossy }, random) => {
      await lossy?.failOver(random, LOSS_MS * random());
      return nothing;
    },
  },
} as const satisfies Record<string, Fault>;

type RedisAdmin = Pick<Redis, 'call'>;

export type FaultName = keyof typeof KINDS | 'mixed' | 'mixed-lossy';

/** One of many, another each time. */
const mixed = (isLossy: boolean): Fault => ({
  engines: ALL,
  ...(isLossy ? { hasReplicas: true, isLossy: true } : {}),
  bring: (world, random) => {
    const engine = world.cluster ? 'cluster' : world.servers.length > 0 ? 'redis' : 'embedded';
    const kinds: readonly Fault[] = Object.values(KINDS);
    const fitting = kinds.filter((kind) => kind.engines.includes(engine) && (isLossy || !kind.hasReplicas));
    return pick(random, fitting).bring(world, random);
  },
});

export const needsOf = ({ hasReplicas, isLossy }: Fault): WorldNeeds => ({
  hasReplicas: hasReplicas === true,
  isLossy: isLossy === true,
});

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  ...KINDS,
  mixed: mixed(false),
  'mixed-lossy': { ...mixed(true), engines: ['redis'] },
};
