/** The service under trial, in processes of its own: two nodes on Redis, each behind a network of its own, or one without. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken } from '../../src/access/tokens.ts';
import { type Fleet, startFleet } from '../faults/processes.ts';
import type { Random } from '../faults/random.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Loss } from './loss.ts';
import { LossyCluster } from './lossy-cluster.ts';
import { LossyPair } from './lossy-pair.ts';
import type { TrialEngine } from './settings.ts';

export interface TrialNode {
  readonly url: string;
  readonly wsUrl: string;
  kill(signal: NodeJS.Signals): void;
  /** Kills it, and starts it where it was. */
  restart(): Promise<void>;
}

/** Servers whose replicas take over without the last writes. */
export interface Lossy {
  readonly losses: readonly Loss[];
  failOver(random: Random, lossMs: number): Promise<void>;
}

export interface TrialWorld {
  readonly nodes: readonly [TrialNode, ...TrialNode[]];
  readonly servers: readonly RedisServer[];
  readonly proxies: readonly { readonly tcp: TcpProxy; readonly port: number }[];
  /** Of a cluster. */
  readonly cluster: RedisCluster | null;
  /** Where replicas take over without the last writes; null: nothing that was acknowledged may be lost. */
  readonly lossy: Lossy | null;
  /** What the nodes wrote since each was started last. */
  outputs(): readonly string[];
  close(): Promise<void>;
}

/** What is acknowledged is on the disk: a restart loses nothing. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const HOUR_S = 3_600;
/**
 * That a master is gone is noticed soon. Replicas take over when a fault says so, and not by themselves: a master that waits
 * for its turn on a busy machine would be replaced, too, and what was acknowledged be lost without the trial's knowledge.
 */
const CLUSTER = ['--cluster-node-timeout', '2000', '--cluster-replica-no-failover', 'yes', ...DURABLE];

const tokens = new Map<string, Promise<string>>();

/** A token of a user, which outlasts the trial. */
export function tokenOf(userId: string): Promise<string> {
  const known =
    tokens.get(userId) ?? signToken({ secret: SECRET, userId, expiresAt: Math.floor(Date.now() / 1_000) + HOUR_S });
  tokens.set(userId, known);
  return known;
}

export interface WorldNeeds {
  readonly hasReplicas: boolean;
  /** Replicas take over without the last writes. */
  readonly isLossy: boolean;
}

interface Base {
  readonly servers: () => readonly RedisServer[];
  readonly proxies: readonly TcpProxy[];
  readonly port: () => number;
  readonly cluster: RedisCluster | null;
  readonly lossy: Lossy | null;
  readonly fleet: Fleet;
  stop(): Promise<void>;
}

const NOBODY = { servers: () => [], proxies: [], port: () => 0, cluster: null, lossy: null };

async function openEmbedded(env: Record<string, string>): Promise<Base> {
  const dir = mkdtempSync(join(tmpdir(), 'realtime-trial-'));
  const fleet = await startFleet(1, () => ({ ...env, DATA_DIR: dir }));
  return { ...NOBODY, fleet, stop: async () => rmSync(dir, { recursive: true, force: true }) };
}

async function openCluster(env: Record<string, string>, { hasReplicas, isLossy }: WorldNeeds): Promise<Base> {
  const cluster = await startRedisCluster({ hasReplicas, settings: CLUSTER });
  const lossy = isLossy ? new LossyCluster(cluster) : null;
  const fleet = await startFleet(2, () => ({ ...env, REDIS_URL: cluster.urls.join(','), REDIS_CLUSTER: 'true' }));
  return { ...NOBODY, servers: () => cluster.servers, cluster, lossy, fleet, stop: () => cluster.stop() };
}

async function openSingle(env: Record<string, string>, { hasReplicas }: WorldNeeds): Promise<Base> {
  const redis = await startRedisServer(...DURABLE);
  const proxies = [await startTcpProxy(redis.port), await startTcpProxy(redis.port)];
  const replica = hasReplicas ? await startRedisServer(...DURABLE) : null;
  const pair = replica && (await LossyPair.open(redis, replica, proxies));
  const fleet = await startFleet(2, (index) => ({ ...env, REDIS_URL: `redis://127.0.0.1:${proxies[index]?.port}` }));
  return {
    ...NOBODY,
    servers: () => [pair?.master ?? redis],
    port: () => (pair?.master ?? redis).port,
    proxies,
    lossy: pair,
    fleet,
    async stop() {
      for (const proxy of proxies) await proxy.close();
      await pair?.close();
      await replica?.stop();
      await redis.stop();
    },
  };
}

export async function openWorld(
  engine: TrialEngine,
  needs: WorldNeeds,
  env: Record<string, string>,
): Promise<TrialWorld> {
  const base = await {
    embedded: () => openEmbedded(env),
    redis: () => openSingle(env, needs),
    cluster: () => openCluster(env, needs),
  }[engine]();
  const { fleet, cluster, lossy } = base;
  const nodes = fleet.endpoints.map((endpoint, index) => ({
    ...endpoint,
    kill: (signal: NodeJS.Signals) => void fleet.programs[index]?.process.kill(signal),
    restart: async () => {
      await fleet.programs[index]?.stop('SIGKILL');
      await fleet.restart(index);
    },
  }));
  return {
    nodes: nodes as unknown as TrialWorld['nodes'],
    get servers() {
      return base.servers();
    },
    get proxies() {
      return base.proxies.map((tcp) => ({ tcp, port: base.port() }));
    },
    cluster,
    lossy,
    outputs: () => fleet.programs.map(({ output }) => output),
    async close() {
      await fleet.close();
      await base.stop();
    },
  };
}
