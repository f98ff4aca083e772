/**
 * The connections that announcements arrive on: one, or one per node of a cluster.
 *
 * Stands between graphql-redis-subscriptions, which speaks `subscribe`, and
 * sharded pub/sub. It knows which channels are wanted, subscribes to them again
 * after a break, and reports it, since announcements in between are lost. Callbacks
 * never see an error and no promise of it rejects, because the library above
 * would turn either into an unhandled rejection.
 */
import { EventEmitter } from 'node:events';
import { Cluster, Command } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { ChannelJoins } from './channel-joins.ts';
import { connect, type RedisClient } from './client.ts';
import { Probe, type Publish } from './probe.ts';

type Subscribed = (error: null) => void;

interface Wanted {
  /** Callers that wait for the first acknowledgement. */
  subscribed: Subscribed | null;
  /** Counts SSUBSCRIBEs sent: only the last one's acknowledgement means anything. */
  attempt: number;
  /** Acknowledged, and no break since. */
  isHeard: boolean;
  /** Since a break that is not told yet: what comes meanwhile is dropped, since who is told of it reads everything anew. */
  isStale: boolean;
  /** Since the last check an attempt failed. Of many channels some have not had their turn: they are not missed yet. */
  hasFailed: boolean;
  /** Checks in a row at which it was not heard, and had failed. */
  missed: number;
  /** Of a cluster. */
  readonly slot: number;
}

interface NodeChannels {
  readonly channel: string;
  readonly heard: number;
}

/** A break that nothing tells of is noticed within two of these, and healed within G07's 15 s. */
const CHECK_MS = 4_000;
/** A client that has not got a channel back for so many checks connects anew; then after twice as many, and so on. */
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
  /** Why subscribing failed last. */
  #fault: string | undefined;
  /** How many checks a channel may be missed for now. */
  #patience = MISSED_CHECKS;
  #isClosed = false;

  /** `onLag` is told, every few seconds, how long an announcement takes from a node through Redis to this one. */
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
      // Its `unsubscribe` came while the link was down, and the cluster client subscribed again by itself.
      void this.#release(channel);
    });
    client.on('ready', () => this.#renew());
    // A cluster client replaces the connection to a node, or moves channels to another, without ceasing to be ready.
    client.on('subscribersReady', () => this.#renew());
    this.#stopChecking = clock.every(CHECK_MS, () => this.#check());
  }

  connect(): Promise<void> {
    return connect(this.#client);
  }

  /** Called by graphql-redis-subscriptions once per channel, with a callback for the acknowledgement. */
  subscribe(channel: string, subscribed: Subscribed): void {
    const slot = new Command('ssubscribe', [channel]).getSlot();
    const wanted: Wanted = {
      subscribed,
      attempt: 0,
      isHeard: false,
      isStale: false,
      hasFailed: false,
      missed: 0,
      slot,
    };
    this.#wanted.set(channel, wanted);
    void this.#attempt(channel, wanted).then((isHeard) => {
      if (!isHeard) this.#retry();
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

  /** After a break: nothing is sure to be heard. */
  #renew(): void {
    this.#probe.forget();
    for (const wanted of this.#wanted.values()) {
      wanted.isHeard = false;
      // A caller that waits for its first acknowledgement has no state that could be stale.
      wanted.isStale = wanted.subscribed === null;
    }
    void this.#restore();
  }

  /**
   * Subscribes to all that is not heard. The gap is announced only after the
   * acknowledgements, so that a reader of the log then finds everything that
   * was missed. A failed attempt is repeated, and reported again.
   */
  async #restore(): Promise<void> {
    if (this.#isRestoring || this.#isClosed) return;
    this.#isRestoring = true;
    const missing = [...this.#wanted].filter(([, { isHeard }]) => !isHeard);
    let isRegained = false;
    for (let start = 0; start < missing.length; start += BATCH) {
      const attempts = missing.slice(start, start + BATCH).map(async ([channel, wanted]) => {
        const wasHeard = wanted.subscribed === null;
        if ((await this.#attempt(channel, wanted)) && wasHeard) isRegained = true;
      });
      await Promise.all(attempts);
    }
    this.#isRestoring = false;
    for (const wanted of this.#wanted.values()) if (wanted.isHeard) wanted.isStale = false;
    if (isRegained) this.emit('interrupted');
    if (missing.length > 0) this.#retry();
  }

  /** While the link is down there is nothing to try: `ready` will. */
  #retry(): void {
    if (this.#isClosed || this.#isToRetry || this.#client.status !== 'ready') return;
    const missing = [...this.#wanted.values()].filter(({ isHeard }) => !isHeard).length;
    if (missing === 0) return;
    this.#isToRetry = true;
    this.#log.warn({ channels: missing, reason: this.#fault }, 'subscribing again');
    this.#clock.after(TIMES.retryMs, () => {
      this.#isToRetry = false;
      void this.#restore();
    });
  }

  /** Answers whether the channel is heard now. */
  async #attempt(channel: string, wanted: Wanted): Promise<boolean> {
    if (this.#wanted.get(channel) !== wanted) return false;
    wanted.attempt += 1;
    const { attempt } = wanted;
    // A cluster client adds every SSUBSCRIBE to a list of its own: taken off first, a channel is there once.
    if (attempt > 1) void this.#release(channel);
    try {
      await this.#joins.join(channel);
    } catch (error) {
      this.#fault = (error as Error).message;
      wanted.hasFailed = true;
      return false;
    }
    if (attempt !== wanted.attempt) return wanted.isHeard;
    wanted.isHeard = true;
    const { subscribed } = wanted;
    wanted.subscribed = null;
    subscribed?.(null);
    return true;
  }

  async #release(channel: string): Promise<void> {
    try {
      await this.#joins.leave(channel);
    } catch {
      // Gone with its connection, or released when it is heard again.
    }
  }

  #check(): void {
    if (this.#isClosed || this.#client.status !== 'ready') return;
    if (this.#probe.isDeaf) {
      this.#log.warn('redis connection delivers nothing: reconnecting');
      this.#probe.forget();
      return this.#client.disconnect(true);
    }
    if (this.#isStuck()) {
      this.#log.warn({ reason: this.#fault }, 'redis connection accepts no channels: reconnecting');
      this.#probe.forget();
      return this.#client.disconnect(true);
    }
    const nodes = this.#heardPerNode();
    this.#probe.send(nodes.map(({ channel }) => channel));
    if (this.#client instanceof Cluster) for (const node of nodes) void this.#count(node);
    else void this.#ping();
  }

  /**
   * Whether a channel has been missed for long, though the client is ready. The cluster client makes no connection to a
   * node that it did not find when the cluster last changed, and never tries again; connecting anew, it does.
   */
  #isStuck(): boolean {
    let most = 0;
    for (const wanted of this.#wanted.values()) {
      if (wanted.isHeard) wanted.missed = 0;
      else if (wanted.hasFailed) wanted.missed += 1;
      wanted.hasFailed = false;
      most = Math.max(most, wanted.missed);
    }
    if (most === 0) this.#patience = MISSED_CHECKS;
    if (most < this.#patience) return false;
    // A part of the cluster may be away for longer: what is heard of the others is cut off ever more seldom.
    this.#patience = Math.min(2 * this.#patience, MOST_MISSED_CHECKS);
    for (const wanted of this.#wanted.values()) wanted.missed = 0;
    return true;
  }

  /** Arms the socket's timeout: a dead link is noticed only while something is asked of it. */
  async #ping(): Promise<void> {
    try {
      await this.#client.ping();
    } catch {
      if (!this.#isClosed && this.#client.status === 'ready') this.#client.disconnect(true);
    }
  }

  /**
   * In place of a ping, which would go over another connection: leaving a channel never joined is answered by the
   * right one, with how many it is still on. A node drops channels when it gives their slot away; when the slot is back
   * before the cluster client has looked, that goes unnoticed.
   */
  async #count({ channel, heard }: NodeChannels): Promise<void> {
    try {
      const left = Number(await this.#client.sunsubscribe(`${channel}:ping`));
      if (left >= heard || this.#isClosed) return;
      this.#log.warn({ heard, left }, 'redis has dropped channels: subscribing again');
      this.#renew();
    } catch {
      // Gone with its connection.
    }
  }

  /** Of each node that has channels that are heard: one of them, and how many. */
  #heardPerNode(): NodeChannels[] {
    const client = this.#client;
    const found = new Map<string | undefined, NodeChannels>();
    for (const [channel, { isHeard, slot }] of this.#wanted) {
      if (!isHeard) continue;
      const node = client instanceof Cluster ? client.slots[slot]?.[0] : '';
      found.set(node, { channel, heard: (found.get(node)?.heard ?? 0) + 1 });
    }
    return [...found.values()];
  }
}
