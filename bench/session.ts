/** One measurement: a peer and the load generator, each in a process of its own. */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from '../test/support/redis-server.ts';
import { type Audience, members, sizes, userOf } from './audience.ts';
import { NODE_FLAGS, type PeerSpec } from './catalogue.ts';
import { Child } from './child.ts';
import { contentOf, conversationName, nowMicros, tokenOf } from './payload.ts';
import type {
  Latency,
  LoadCommand,
  LoadReport,
  Message,
  PeerCommand,
  PeerReport,
  Progress,
  Subscriber,
  Usage,
} from './protocol.ts';
import { signTokens } from './tokens.ts';

const LOOK_MS = 25;
const PROBE_MS = 500;
const PROBES = 60;
/** If no message arrives for this long, the remaining ones are missing. */
const STALL_MS = 5_000;
const IDLE_SHARE = 0.05;
const IDLE_LOOKS = 60;

export class Session {
  readonly #redis: RedisServer | null;
  readonly #redisAdmin: Redis | null;
  readonly #peer: Child<PeerCommand, PeerReport>;
  readonly #load = new Child<LoadCommand, LoadReport>(new URL('./load/main.ts', import.meta.url));
  readonly #spec: PeerSpec;
  readonly #audience: Audience;
  readonly #sizes: readonly number[];
  readonly #sequences: number[];
  #port = 0;
  #connected = 0;
  #expected = 0;

  private constructor(spec: PeerSpec, audience: Audience, redis: RedisServer | null) {
    this.#spec = spec;
    this.#audience = audience;
    this.#redis = redis;
    this.#redisAdmin = redis && new Redis(redis.url);
    this.#sizes = sizes(audience);
    this.#sequences = new Array<number>(audience.conversations).fill(0);
    const module = new URL(`./peers/${spec.module}.ts`, import.meta.url);
    const env = {
      REDIS_URL: redis?.url ?? '',
      RATE_LIMIT_ENABLED: String(spec.isLimited ?? false),
      BENCH_EDITS: String(spec.isEdited ?? false),
    };
    this.#peer = new Child(module, env, NODE_FLAGS);
  }

  /** Starts both processes, without connections. */
  static async open(spec: PeerSpec, audience: Audience): Promise<Session> {
    const redis = spec.needsRedis ? await startRedisServer() : null;
    const session = new Session(spec, audience, redis);
    try {
      await session.#start();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** The port of the peer. */
  get port(): number {
    return this.#port;
  }

  async #start(): Promise<void> {
    const { port } = await this.#peer.hear('listening');
    this.#port = port;
    await this.#peer.ask({ kind: 'setup', members: members(this.#audience) }, 'ready');
    const { conversations, lists } = this.#audience;
    const { dialect } = this.#spec;
    await this.#load.ask({ kind: 'prepare', port, dialect, subscribers: lists.length, conversations }, 'prepared');
  }

  /** Connects and subscribes the next subscribers of the audience. */
  async connect(count: number): Promise<void> {
    const lists = this.#audience.lists.slice(this.#connected, this.#connected + count);
    const users = lists.map((_, index) => userOf(this.#connected + index));
    const tokens = this.#spec.needsTokens ? await signTokens(users) : [];
    const subscribers: Subscriber[] = lists.map((conversations, index) => ({
      conversations,
      token: tokens[index] ?? '',
    }));
    this.#connected += lists.length;
    await this.#load.ask({ kind: 'connect', subscribers }, 'connected');
  }

  /** Publishes probes until every subscriber has received one in each of its conversations. */
  async prove(): Promise<void> {
    const subscribed = this.#audience.lists.slice(0, this.#connected).reduce((sum, list) => sum + list.length, 0);
    const probes = this.#sequences.map((_, conversation) => this.#message(conversation, 0));
    for (let probe = 0; probe < PROBES; probe += 1) {
      this.#peer.tell({ kind: 'publish', messages: probes });
      await wait(PROBE_MS);
      const { ready, firstFault } = await this.progress();
      if (ready === subscribed) return;
      if (firstFault !== null) throw await this.#broken(firstFault);
    }
    throw new Error(`${(await this.progress()).ready} of ${subscribed} subscriptions heard a probe`);
  }

  /** Waits first: the end of a connection is reported before the end of its process. */
  async #broken(fault: string): Promise<Error> {
    await wait(PROBE_MS);
    return new Error(this.#peer.hasEnded ? 'its process ended' : fault);
  }

  #message(conversation: number, sequence: number): Message {
    const contentAt = this.#audience.hasTokens ? tokenOf : contentOf;
    const content = contentAt(conversation, sequence, nowMicros());
    return { conversation: conversationName(conversation), sequence, content };
  }

  /** Publishes one message in each of these conversations, at once. */
  publish(conversations: readonly number[]): void {
    const messages = conversations.map((conversation) => {
      const sequence = (this.#sequences[conversation] ?? 0) + 1;
      this.#sequences[conversation] = sequence;
      this.#expected += this.#sizes[conversation] ?? 0;
      return this.#message(conversation, sequence);
    });
    if (messages.length > 0) this.#peer.tell({ kind: 'publish', messages });
  }

  /** Resolves once everything published has arrived. */
  async arrived(): Promise<Progress> {
    let progress = await this.progress();
    for (let stalledAt = performance.now() + STALL_MS; progress.received < this.#expected; ) {
      await wait(LOOK_MS);
      const before = progress.received;
      progress = await this.progress();
      if (progress.received > before) stalledAt = performance.now() + STALL_MS;
      else if (performance.now() > stalledAt) break;
    }
    const { received, faults, firstFault } = progress;
    if (firstFault !== null) throw await this.#broken(`${faults} faults, the first: ${firstFault}`);
    if (received !== this.#expected) throw new Error(`${received} of ${this.#expected} arrived`);
    return progress;
  }

  /** Resolves once the peer is idle. */
  async idle(): Promise<void> {
    for (let look = 0, quiet = 0; look < IDLE_LOOKS && quiet < 2; look += 1) {
      const before = await this.usage();
      await wait(PROBE_MS);
      const after = await this.usage();
      const busy = after.user + after.system - before.user - before.system;
      quiet = busy < IDLE_SHARE * PROBE_MS * 1_000 ? quiet + 1 : 0;
    }
  }

  progress(): Promise<Progress> {
    return this.#load.ask({ kind: 'progress' }, 'progress');
  }

  sample(): Promise<Latency> {
    return this.#load.ask({ kind: 'sample' }, 'sample');
  }

  usage(collect = false): Promise<Usage> {
    return this.#peer.ask({ kind: 'usage', collect }, 'usage');
  }

  /** Bytes in the peer's Redis; 0: it has none. */
  async redisBytes(): Promise<number> {
    return Number(/^used_memory:(\d+)/m.exec((await this.#redisAdmin?.info('memory')) ?? '')?.[1] ?? 0);
  }

  /** Processor time of the peer's Redis in microseconds; null: it has none. */
  async redisMicros(): Promise<number | null> {
    const info = await this.#redisAdmin?.info('cpu');
    if (info === undefined) return null;
    const [user, system] = ['user', 'sys'].map((what) =>
      Number(new RegExp(`^used_cpu_${what}:(.+)`, 'm').exec(info)?.[1]),
    );
    return ((user ?? 0) + (system ?? 0)) * 1e6;
  }

  async close(): Promise<void> {
    this.#redisAdmin?.disconnect();
    await Promise.all([this.#load.stop(), this.#peer.stop()]);
    await this.#redis?.stop();
  }
}
