/**
 * Limits bind the actor (G09, G18): what one user may do depends on what that user did and on nothing else.
 *
 * Users of the same names in two tenants, services among them, change things at
 * random speeds in every way there is. Each is judged by a model that knows of
 * nobody else. On one node it says exactly what is refused. Two nodes hear of each
 * other every second, so there it says who must not be refused yet, and how far
 * over a rate anyone comes at most. No signal is refused, and nobody is closed for one.
 */
import { LIMITS } from '../../../src/limits.ts';
import { createRandom, pick, type Random } from '../../faults/random.ts';
import { type Nodes, startNodes } from '../../support/nodes.ts';
import { ratesOf } from '../../support/rates.ts';
import { StillClock } from '../../support/still-clock.ts';
import { type Act, randomPalette } from '../metering/acts.ts';
import { type Draw, drawsOf, ModelBucket, openingDraws, rateOf } from '../metering/model.ts';
import { Peer, WAYS, type Way } from '../metering/peer.ts';
import type { Property } from './property.ts';

/** Each round with other users, who do few kinds of things. */
const ROUNDS = 3;
const STEPS = 25;
const MOST_AT_ONCE = 12;

/** Few enough that they are used up. Those of tenants and nodes are for all, and never are. */
const RATES = {
  RATE_LIMIT_CONNECTIONS: 1_000_000,
  RATE_LIMIT_TENANT_MESSAGES: 1_000_000,
  RATE_LIMIT_NODE_MESSAGES: 1_000_000,
  RATE_LIMIT_MESSAGES: 1_000_000,
  RATE_LIMIT_USER_MESSAGES: 12,
  RATE_LIMIT_USER_SIGNALS: 10,
  RATE_LIMIT_REACTIONS: 8,
  RATE_LIMIT_CREATIONS: 10,
  RATE_LIMIT_NAMED: 60,
  RATE_LIMIT_NAMED_AT_ONCE: 80,
  RATE_LIMIT_MEMBERSHIPS: 12,
  RATE_LIMIT_LISTS: 12,
  RATE_LIMIT_SESSION_CREATIONS: 8,
  RATE_LIMIT_SESSIONS: 9,
  RATE_LIMIT_ADMIN: 10,
  RATE_LIMIT_RULE_TESTS: 3,
  RATE_LIMIT_SERVICE: 20,
} as const;
const rates = ratesOf(RATES);

/** What one user used of one rate. */
class Use {
  readonly bucket: ModelBucket;
  readonly since: number;
  total = 0;

  constructor(name: string, now: number) {
    const { capacity, perSecond } = rateOf(rates, name);
    this.bucket = new ModelBucket(capacity, perSecond, now);
    this.since = now;
  }
}

/** Whether a change has to be let through, or has to be refused; null: either is right. */
type Verdict = boolean | null;

class Judge {
  readonly #uses = new Map<string, Use>();
  readonly #nodeCount: number;

  constructor(nodeCount: number) {
    this.#nodeCount = nodeCount;
  }

  use(user: string, name: string, now: number): Use {
    const key = `${user} ${name}`;
    const use = this.#uses.get(key) ?? new Use(name, now);
    this.#uses.set(key, use);
    return use;
  }

  verdict(user: string, draws: readonly Draw[], now: number): Verdict {
    if (this.#nodeCount === 1)
      return draws.every(({ name, count }) => this.use(user, name, now).bucket.has(count, now));
    // What was used is taken from a bucket once, however late it is heard of: who used less in all has enough.
    const isSure = draws.every(({ name, count }) => {
      const { total, bucket } = this.use(user, name, now);
      return total + count + untold(bucket.capacity) <= bucket.capacity;
    });
    return isSure || null;
  }

  allowed(user: string, draws: readonly Draw[], now: number): void {
    for (const { name, count } of draws) {
      const use = this.use(user, name, now);
      use.bucket.has(count, now);
      use.bucket.take(count);
      use.total += count;
      const { capacity, perMs } = use.bucket;
      const beforeHeard = capacity + perMs * 1_000 + untold(capacity);
      const most = (now - use.since) * perMs + this.#nodeCount * beforeHeard;
      if (use.total > most) throw new Error(`${user} was let through ${use.total} times of ${name}, ${most} at most`);
    }
  }
}

/** Not worth telling another node of. */
const untold = (capacity: number): number => Math.max(capacity / 10, 5);

interface Play {
  readonly nodes: Nodes;
  readonly clock: StillClock;
  readonly random: Random;
  readonly judge: Judge;
  readonly peers: readonly Peer[];
  readonly palette: readonly (() => Act)[];
  /** Refusals on the sockets of a peer that are still counted. */
  readonly refusals: Map<Peer, number>;
}

function openPlay(nodes: Nodes, clock: StillClock, seed: number): Play {
  const users = ['ann', 'ben', 'service'].map((name) => `${name}-${seed}`);
  const peers = ['one', 'two'].flatMap((tenant) =>
    users.map((user) => new Peer(nodes, user, { tenant, scope: user.startsWith('service') ? 'realtime:service' : '' })),
  );
  const judge = new Judge(nodes.here === nodes.there ? 1 : 2);
  const random = createRandom(seed);
  return { nodes, clock, random, judge, peers, palette: randomPalette(random), refusals: new Map() };
}

/** One user does something several times at once. */
async function step({ clock, random, judge, peers, palette, refusals }: Play): Promise<void> {
  const peer = pick(random, peers);
  const given: Way = pick(random, WAYS);
  const act = pick(random, palette)();
  const isService = peer.claims.scope !== '';
  const draws = drawsOf(act.change, act.named, isService);
  const user = `${peer.claims.tenant}/${peer.userId}`;
  const opening = openingDraws(isService);
  const isOpened = peer.opensFor(act, given);
  // A socket that may be refused is not what is tried here.
  const mayOpen = !isOpened || judge.verdict(user, opening, clock.elapsed()) === true;
  const way = mayOpen ? given : 'http';
  if (isOpened && mayOpen) judge.allowed(user, opening, clock.elapsed());
  const times = 1 + Math.floor(random() * MOST_AT_ONCE);
  for (let n = 0; n < times; n += 1) {
    const now = clock.elapsed();
    const verdict = judge.verdict(user, draws, now);
    const isRefused = (await peer.do(act, way)) === 'RATE_LIMITED';
    const said = `${user} by ${way}: ${act.document}`;
    if (act.change === 'signal') {
      if (isRefused) throw new Error(`A signal was refused: ${said}`);
      // Those of a service count with all it does; whether it was applied at once does not show.
      if (verdict !== false) judge.allowed(user, draws, now);
      continue;
    }
    if (verdict === isRefused) throw new Error(`${isRefused ? 'Refused' : 'Let through'}, the ${n + 1}th of ${said}`);
    if (!isRefused) judge.allowed(user, draws, now);
    else if (way === 'graphql-ws' || way === 'ws') refusals.set(peer, (refusals.get(peer) ?? 0) + 1);
  }
  await judgeSockets(peer, isService, refusals);
}

async function judgeSockets(peer: Peer, isService: boolean, refusals: Play['refusals']): Promise<void> {
  const count = refusals.get(peer) ?? 0;
  if (peer.isClosed && (isService || count <= LIMITS.refusalsPerConnection))
    throw new Error(`${peer.userId} was closed after ${count} refusals`);
  if (count < LIMITS.refusalsPerConnection - MOST_AT_ONCE) return;
  await peer.leave();
  refusals.delete(peer);
}

/** Time passes, and nodes hear of each other. */
async function pass({ nodes, clock, random }: Play): Promise<void> {
  const total = pick(random, [0, 0, 0, 0, 50, 300, 1_000, 4_000, 20_000]);
  for (let left = total; left > 0; left -= 1_000) {
    clock.advance(Math.min(left, 1_000));
    if (nodes.here === nodes.there) continue;
    // What they ask the engine now is answered after what they told it.
    await Promise.all([nodes.here, nodes.there].map((node) => node.query('clerk', '{ viewer { status } }')));
  }
}

export const metering: Property = {
  name: 'G09, G18: what one may do depends on nobody else',
  async run({ engine, seed, untilMs }) {
    const clock = new StillClock();
    const env = Object.fromEntries(Object.entries(RATES).map(([name, value]) => [name, String(value)]));
    const setting = engine === 'embedded' ? 'embedded' : 'two nodes on one Redis';
    const nodes = await startNodes(setting, { RATE_LIMIT_ENABLED: 'true', ...env }, clock);
    try {
      for (let round = 0; round < ROUNDS || Date.now() < untilMs; round += 1) {
        const play = openPlay(nodes, clock, seed * 1_000 + round);
        for (let n = 0; n < STEPS; n += 1) {
          await step(play);
          await pass(play);
        }
        for (const peer of play.peers) await peer.leave();
      }
    } catch (error) {
      throw new Error(`Seed ${seed}, ${engine}: ${(error as Error).message}`, { cause: error });
    } finally {
      await nodes.close();
    }
  },
};
