/**
 * Reconnects as soon as a sentinel reports a new primary, or names another than before.
 *
 * Sentinel demotes the earlier primary about ten seconds later. Until then the earlier primary accepts writes that it
 * loses at its demotion. ioredis has a `failoverDetector`, but it never reconnects to a restarted sentinel, and its
 * errors bypass our log.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import { type RedisClient, retryStrategy, tlsOf } from './client.ts';
import { closedWhenSilent } from './silent-server.ts';

const SWITCHED = '+switch-master';

/** Returns a function that ends the watch. */
export function watchSentinels(address: RedisAddress, clients: readonly RedisClient[], clock: Clock): () => void {
  if (address.kind !== 'sentinel') return () => undefined;
  const tls = tlsOf(address);
  const { sentinelPassword: password } = address;
  const options = {
    retryStrategy,
    autoResubscribe: false,
    enableOfflineQueue: false,
    ...(password && { password }),
    ...(tls && { tls }),
  } satisfies RedisOptions;
  const leave = (): void => {
    for (const client of clients) client.disconnect(true);
  };
  const watches = address.hosts.map((host) => {
    const sentinel = closedWhenSilent(new Redis({ ...options, ...host }), TIMES.silentServerMs);
    return new SentinelWatch(sentinel, address.group, leave, clock);
  });
  return () => {
    for (const watch of watches) watch.close();
  };
}

class SentinelWatch {
  readonly #sentinel: Redis;
  readonly #group: string;
  readonly #onSwitch: () => void;
  readonly #stopChecking: () => void;
  /** Host and port, as this sentinel reported last; null before its first report. */
  #primary: string | null = null;
  #isSubscribed = false;

  constructor(sentinel: Redis, group: string, onSwitch: () => void, clock: Clock) {
    this.#sentinel = sentinel;
    this.#group = group;
    this.#onSwitch = onSwitch;
    // A sentinel that is away is retried silently. If none answers, the connections to the server report that.
    sentinel.on('error', () => undefined);
    // "group old-host old-port new-host new-port"
    sentinel.on('message', (_channel: string, message: string) => {
      const [switched, oldHost, oldPort, ...place] = message.split(' ');
      if (switched !== group) return;
      this.#primary ??= `${oldHost} ${oldPort}`;
      this.#primaryIs(place);
    });
    sentinel.on('close', () => {
      this.#isSubscribed = false;
    });
    sentinel.on('ready', () => this.#check());
    this.#stopChecking = clock.every(TIMES.sentinelCheckMs, () => this.#check());
  }

  close(): void {
    this.#stopChecking();
    this.#sentinel.disconnect();
  }

  /**
   * Subscribes, at first and after a refusal, and asks for the primary: the switch may have been before the subscription.
   * The question also shows whether the other end still answers.
   */
  #check(): void {
    if (this.#sentinel.status !== 'ready') return;
    if (!this.#isSubscribed) this.#subscribe();
    this.#sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#group).then(
      (place) => place && this.#primaryIs(place as readonly string[]),
      () => undefined,
    );
  }

  #subscribe(): void {
    this.#sentinel.subscribe(SWITCHED).then(
      () => {
        this.#isSubscribed = true;
      },
      () => undefined,
    );
  }

  #primaryIs(place: readonly string[]): void {
    const primary = place.join(' ');
    if (primary === this.#primary) return;
    const isFirst = this.#primary === null;
    this.#primary = primary;
    if (!isFirst) this.#onSwitch();
  }
}
