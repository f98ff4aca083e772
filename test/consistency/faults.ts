/** What goes wrong in a trial: each fault is brought about, lasts for a while and is healed. */
import { Redis } from 'ioredis';
import { pick, type Random } from '../faults/random.ts';
import type { TrialWorld } from './world.ts';

/** Brings a fault about; what it answers heals it. */
type Fault = (world: TrialWorld, random: Random) => Promise<() => Promise<void>>;

const nothing = async (): Promise<void> => undefined;

async function ask(world: TrialWorld, ...command: readonly [string, ...string[]]): Promise<void> {
  for (const { url } of world.servers) {
    const admin = new Redis(url);
    await admin.call(...command).catch(() => undefined);
    admin.disconnect();
  }
}

/** Those of one Redis reach its network as well; elsewhere they do nothing. */
const SINGLE = {
  none: async () => nothing,
  'bus-cut': async (world) => {
    await ask(world, 'CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    return nothing;
  },
  'links-cut': async (world) => {
    await ask(world, 'CLIENT', 'KILL', 'TYPE', 'NORMAL');
    return nothing;
  },
  'answers-lost': async ({ proxies }, random) => {
    const proxy = proxies.length > 0 ? pick(random, proxies) : null;
    proxy?.tcp.swallowAnswers();
    return async () => proxy?.tcp.redirect(proxy.port);
  },
  silence: async ({ proxies }, random) => {
    const proxy = proxies.length > 0 ? pick(random, proxies) : null;
    proxy?.tcp.silence();
    return async () => proxy?.tcp.redirect(proxy.port);
  },
  broken: async ({ proxies }, random) => {
    if (proxies.length > 0) pick(random, proxies).tcp.resetAnswers();
    return nothing;
  },
  pause: async ({ servers }, random) => {
    const server = servers.length > 0 ? pick(random, servers) : null;
    server?.process.kill('SIGSTOP');
    return async () => void server?.process.kill('SIGCONT');
  },
  restart: async ({ servers }, random) => {
    if (servers.length > 0) await pick(random, servers).restart();
    return nothing;
  },
} as const satisfies Record<string, Fault>;

const mixed: Fault = (world, random) => pick<Fault>(random, Object.values(SINGLE))(world, random);

export const FAULTS = { ...SINGLE, mixed };

export type FaultName = keyof typeof FAULTS;
