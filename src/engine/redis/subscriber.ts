/**
 * The connection that announcements arrive on.
 *
 * Stands between graphql-redis-subscriptions, which speaks `subscribe`, and
 * sharded pub/sub. It knows which channels are wanted, subscribes to them again
 * after a break, and says so: what was announced meanwhile is gone. Callbacks
 * never see an error and no promise of it rejects, because the library above
 * would turn either into an unhandled rejection.
 */
import { EventEmitter } from 'node:events';
import { Cluster } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { connectWithin, type RedisClient } from './client.ts';

type Subscribed = (error: null) => void;

const PING_MS = 5_000;
const RETRY_MS = 250;
/** Channels in one SSUBSCRIBE. */
const BATCH = 256;

export class Subscriber extends EventEmitter {
  readonly #client: RedisClient;
  readonly #log: Log;
  readonly #clock: Clock;
  /** Wanted channels, each with those who wait for its acknowledgement; null once it is acknowledged. */
  readonly #wanted = new Map<string, Subscribed[] | null>();
  readonly #stopPinging: () => void;
  #isClosed = false;

  constructor(client: RedisClient, clock: Clock, log: Log) {
    super();
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
    client.on('smessage', (channel: string, message: string) => this.emit('smessage', channel, message));
    client.on('ready', () => void this.#resubscribe());
    if (client instanceof Cluster) {
      client.on('+node', () => void this.#resubscribe());
      client.on('-node', () => void this.#resubscribe());
    }
    this.#stopPinging = clock.every(PING_MS, () => void this.#ping());
  }

  connect(deadlineMs: number): Promise<void> {
    return connectWithin(this.#client, deadlineMs);
  }

  /** Called by graphql-redis-subscriptions once per channel, with a callback for the acknowledgement. */
  subscribe(channel: string, subscribed: Subscribed): void {
    this.#wanted.set(channel, [subscribed]);
    void this.#subscribe([channel]);
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel);
    this.#client.sunsubscribe(channel).catch(() => undefined);
  }

  /** Patterns are never used; the library calls this beside every `unsubscribe`. */
  punsubscribe(): void {}

  close(): void {
    this.#isClosed = true;
    this.#stopPinging();
    this.#client.disconnect();
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    const wanted = channels.filter((channel) => this.#wanted.has(channel));
    if (wanted.length === 0 || this.#isClosed) return;
    try {
      await this.#client.ssubscribe(...wanted);
    } catch (error) {
      // While the connection is down, `ready` subscribes again; a refusal on a live one is tried again here.
      this.#log.warn({ err: { message: (error as Error).message } }, 'subscribing failed');
      if (this.#client.status === 'ready') this.#clock.after(RETRY_MS, () => void this.#subscribe(wanted));
      return;
    }
    for (const channel of wanted) this.#acknowledge(channel);
  }

  #acknowledge(channel: string): void {
    const waiting = this.#wanted.get(channel);
    if (!waiting) return;
    this.#wanted.set(channel, null);
    for (const subscribed of waiting) subscribed(null);
  }

  /**
   * After a break: every wanted channel again, then a PING as a barrier, since
   * its answer follows all acknowledgements; only then is the gap announced, so
   * that whoever reads the log now finds everything that was missed.
   */
  async #resubscribe(): Promise<void> {
    if (this.#isClosed) return;
    const channels = [...this.#wanted.keys()];
    const size = this.#client instanceof Cluster ? 1 : BATCH;
    for (let start = 0; start < channels.length; start += size) {
      await this.#subscribe(channels.slice(start, start + size));
    }
    await this.#ping();
    this.emit('interrupted');
  }

  /** Arms the socket's timeout: a dead link is noticed only while something is asked of it. */
  async #ping(): Promise<void> {
    if (this.#isClosed || this.#client.status !== 'ready') return;
    try {
      await this.#client.ping();
    } catch {
      if (!this.#isClosed && this.#client.status === 'ready') this.#client.disconnect(true);
    }
  }
}
