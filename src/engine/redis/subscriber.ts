/**
 * The connections that announcements arrive on: one, or one per node of a cluster.
 *
 * Adapts graphql-redis-subscriptions, which calls `subscribe`, to sharded pub/sub. It stores the wanted channels,
 * subscribes to them again after an interruption, and reports the interruption, since announcements in between are lost. Callbacks never get an error and its promises never reject, because the library would turn either
 * into an unhandled rejection.
 */
import { EventEmitter } from 'node:events';
import { Cluster, Command } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { ChannelJoins } from './channel-joins.ts';
import { connect, type RedisClient } from './client.ts';
import { Probe, type Publish } from './probe.ts';

type Acknowledge = (error: null) => void;

interface Wanted {
  /** Callers that wait for the first acknowledgement. */
  acknowledge: Acknowledge | null;
  /** Counts the SSUBSCRIBEs sent, since only the acknowledgement of the last one counts. */
  attempt: number;
  /** Acknowledged, and not interrupted since. */
  isSubscribed: boolean;
  /**
   * Interrupted, and not reported yet. Announcements are dropped meanwhile, since listeners read everything again after
   * the report.
   */
  isStale: boolean;
  /** Whether an attempt failed since the last check. A channel that merely waits for its turn is not missed. */
  hasFailed: boolean;
  /** Consecutive checks at which the channel was not subscribed after a failed attempt. */
  missed: number;
  /** The slot, in a cluster. */
  readonly slot: number;
}

interface NodeChannels {
  readonly channel: string;
  readonly count: number;
}

/** An interruption without an error is noticed within two of these, and repaired within the 15 s of G07. */
const CHECK_MS = 4_000;
/** After so many checks without a wanted channel the client reconnects; then after twice as many, and so on. */
const MISSED_CHECKS = 3;
const MOST_MISSED_CHECKS = 75;
/** Channels subscribed to at once. */
const BATCH = 1_024;

export class Subscriber extends EventEmitter {
  readonly #client: RedisClient;
  readonly #joins: ChannelJoins;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #wanted = new Map<string, Wanted>();
  readonly #probe: Probe;
  readonly #stopChecking: () => void;
  #isRestoring = false;
  #isToRetry = false;
  /** The error of the last failed attempt. */
  #fault: string | undefined;
  /** The number of checks for which a channel may be missed at present. */
  #patience = MISSED_CHECKS;
  #isClosed = false;

  /** `onLag` gets, every few seconds, the time that an announcement takes through Redis. */
  constructor(client: RedisClient, publish: Publish, clock: Clock, log: Log, onLag: (milliseconds: number) => void) {
    super();
    this.#probe = new Probe(publish, clock, onLag);
    this.#client = client;
    this.#joins = new ChannelJoins(client, !(client instanceof Cluster));
    this.#clock = clock;
    this.#log = log;
    client.on('smessage', (channel: string, message: string) => {
      if (this.#probe.takes(channel, message)) return;
      const wanted = this.#wanted.get(channel);
      if (wanted) return void (wanted.isStale || this.emit('smessage', channel, message));
      // The channel was left while the link was down, and the cluster client subscribed again by itself.
      void this.#release(channel);
    });
    client.on('ready', () => this.#renew());
    // A cluster client replaces connections, or moves channels to another node, while it stays ready.
    client.on('subscribersReady', () => this.#renew());
    this.#stopChecking = clock.every(CHECK_MS, () => this.#check());
  }

  connect(): Promise<void> {
    return connect(this.#client);
  }

  /** Called by graphql-redis-subscriptions once per channel, with a callback for the acknowledgement. */
  subscribe(channel: string, acknowledge: Acknowledge): void {
    const slot = new Command('ssubscribe', [channel]).getSlot();
    const wanted: Wanted = {
      acknowledge,
      attempt: 0,
      isSubscribed: false,
      isStale: false,
      hasFailed: false,
      missed: 0,
      slot,
    };
    this.#wanted.set(channel, wanted);
    void this.#attempt(channel, wanted).then((isSubscribed) => {
      if (!isSubscribed) this.#retry();
    });
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel);
    this.#probe.forget(channel);
    void this.#release(channel);
  }

  /** Patterns are never used; the library calls this beside every `unsubscribe`. */
  punsubscribe(): void {}

  close(): void {
    this.#isClosed = true;
    this.#stopChecking();
    this.#client.disconnect();
  }

  /** After an interruption no channel counts as subscribed. */
  #renew(): void {
    this.#probe.forget();
    for (const wanted of this.#wanted.values()) {
      wanted.isSubscribed = false;
      // A caller that still waits for its first acknowledgement has no stale state.
      wanted.isStale = wanted.acknowledge === null;
    }
    void this.#restore();
  }

  /**
   * Subscribes to all channels that are not subscribed. The interruption is reported only after the acknowledgements, so
   * that a read of the log then finds everything that was missed. A failed attempt is repeated, and reported again.
   */
  async #restore(): Promise<void> {
    if (this.#isRestoring || this.#isClosed) return;
    this.#isRestoring = true;
    const missing = [...this.#wanted].filter(([, { isSubscribed }]) => !isSubscribed);
    let isRegained = false;
    for (let start = 0; start < missing.length; start += BATCH) {
      const attempts = missing.slice(start, start + BATCH).map(async ([channel, wanted]) => {
        const wasSubscribed = wanted.acknowledge === null;
        if ((await this.#attempt(channel, wanted)) && wasSubscribed) isRegained = true;
      });
      await Promise.all(attempts);
    }
    this.#isRestoring = false;
    for (const wanted of this.#wanted.values()) if (wanted.isSubscribed) wanted.isStale = false;
    if (isRegained) this.emit('interrupted');
    if (missing.length > 0) this.#retry();
  }

  /** While the link is down nothing can be tried; `ready` will retry. */
  #retry(): void {
    if (this.#isClosed || this.#isToRetry || this.#client.status !== 'ready') return;
    const missing = [...this.#wanted.values()].filter(({ isSubscribed }) => !isSubscribed).length;
    if (missing === 0) return;
    this.#isToRetry = true;
    this.#log.warn({ channels: missing, reason: this.#fault }, 'subscribing again');
    this.#clock.after(TIMES.retryMs, () => {
      this.#isToRetry = false;
      void this.#restore();
    });
  }

  /** Resolves to whether the channel is subscribed now. */
  async #attempt(channel: string, wanted: Wanted): Promise<boolean> {
    if (this.#wanted.get(channel) !== wanted) return false;
    wanted.attempt += 1;
    const { attempt } = wanted;
    // The cluster client lists every SSUBSCRIBE; removing the channel first keeps it from being listed twice.
    if (attempt > 1) void this.#release(channel);
    try {
      await this.#joins.join(channel);
    } catch (error) {
      this.#fault = (error as Error).message;
      wanted.hasFailed = true;
      return false;
    }
    if (attempt !== wanted.attempt) return wanted.isSubscribed;
    wanted.isSubscribed = true;
    const { acknowledge } = wanted;
    wanted.acknowledge = null;
    acknowledge?.(null);
    return true;
  }

  async #release(channel: string): Promise<void> {
    try {
      await this.#joins.leave(channel);
    } catch {
      // The channel is gone with its connection, or is released when it is subscribed again.
    }
  }

  #check(): void {
    if (this.#isClosed || this.#client.status !== 'ready') return;
    if (this.#probe.isOverdue) {
      this.#log.warn('Redis connection delivers no publications; reconnecting');
      this.#probe.forget();
      return this.#client.disconnect(true);
    }
    if (this.#isStuck()) {
      this.#log.warn({ reason: this.#fault }, 'Redis connection accepts no channels; reconnecting');
      this.#probe.forget();
      return this.#client.disconnect(true);
    }
    const nodes = this.#channelsPerNode();
    this.#probe.send(nodes.map(({ channel }) => channel));
    if (this.#client instanceof Cluster) for (const node of nodes) void this.#count(node);
    else void this.#ping();
  }

  /**
   * Whether a channel has been missed for long although the client is ready. The cluster client never retries a node
   * that it did not find at the last change of the cluster; a reconnect does.
   */
  #isStuck(): boolean {
    let most = 0;
    for (const wanted of this.#wanted.values()) {
      if (wanted.isSubscribed) wanted.missed = 0;
      else if (wanted.hasFailed) wanted.missed += 1;
      wanted.hasFailed = false;
      most = Math.max(most, wanted.missed);
    }
    if (most === 0) this.#patience = MISSED_CHECKS;
    if (most < this.#patience) return false;
    // A part of the cluster may be away for long. Reconnecting cuts off the other channels, so it happens ever less
    // often.
    this.#patience = Math.min(2 * this.#patience, MOST_MISSED_CHECKS);
    for (const wanted of this.#wanted.values()) wanted.missed = 0;
    return true;
  }

  /** Sends a ping, since a dead link is noticed only while an answer is due. */
  async #ping(): Promise<void> {
    try {
      await this.#client.ping();
    } catch {
      if (!this.#isClosed && this.#client.status === 'ready') this.#client.disconnect(true);
    }
  }

  /**
   * Asks a cluster node how many channels it has for us. A ping would use another connection, so this leaves a channel
   * that was never joined, whose answer has the count. A node drops channels when it gives their slot away, and nothing
   * else reveals that if the slot returns before the cluster client has looked.
   */
  async #count({ channel, count }: NodeChannels): Promise<void> {
    try {
      const left = Number(await this.#client.sunsubscribe(`${channel}:ping`));
      if (left >= count || this.#isClosed) return;
      this.#log.warn({ subscribed: count, left }, 'Redis dropped channels; subscribing again');
      this.#renew();
    } catch {
      // Gone with its connection.
    }
  }

  /** For each node with subscribed channels: one of them, and their number. */
  #channelsPerNode(): NodeChannels[] {
    const client = this.#client;
    const found = new Map<string | undefined, NodeChannels>();
    for (const [channel, { isSubscribed, slot }] of this.#wanted) {
      if (!isSubscribed) continue;
      const node = client instanceof Cluster ? client.slots[slot]?.[0] : '';
      found.set(node, { channel, count: (found.get(node)?.count ?? 0) + 1 });
    }
    return [...found.values()];
  }
}
