/** The Redis engine: one connection for commands, one for announcements, one lease. */
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config-redis.ts';
import { unavailable } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { CurrentTrace, Engine } from '../port.ts';
import { createRedisBus } from './bus.ts';
import { checkDatabase, connect, openCommandClient, openSubscriberClient } from './client.ts';
import { createConversations } from './conversations.ts';
import { createInboxes } from './inbox.ts';
import { createKeys } from './keys.ts';
import { createMemberships } from './memberships.ts';
import { createMessages } from './messages.ts';
import { checkPermissions } from './permissions.ts';
import { createPresence } from './presence.ts';
import { createRates } from './rates.ts';
import { Requirements } from './requirements.ts';
import { createRoutingRules } from './routing-rules.ts';
import { defineScripts } from './scripts.ts';
import { createSessions } from './sessions.ts';
import { Subscriber } from './subscriber.ts';
import { createTopics } from './topics.ts';
import { createTyping } from './typing.ts';
import { createWritings } from './writings.ts';

export interface RedisOptions {
  readonly address: RedisAddress;
  /** Begins every key and channel. */
  readonly prefix: string;
  /** Whether settings that break a guarantee keep the service from starting. */
  readonly isChecked: boolean;
  /** Messages kept per conversation; null: all. */
  readonly retention: number | null;
  /** How long connections left at `close` count as present. */
  readonly presenceGraceMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly currentTrace?: CurrentTrace;
  /** Called for each announcement of a kind that only a newer release knows. */
  readonly ignored?: () => void;
}

export async function openRedisEngine(options: RedisOptions): Promise<Engine> {
  const { address, clock, log, retention, currentTrace = () => '' } = options;
  const keys = createKeys(options.prefix, address.database);
  const client = openCommandClient(address, log);
  const publish = (channel: string, text: string): Promise<unknown> => client.spublish(channel, text);
  const listening = openSubscriberClient(address, log);
  const subscriber = new Subscriber(listening, publish, clock, log);
  const requirements = new Requirements(client, options.isChecked, log);
  const run = defineScripts(client);
  const memberships = createMemberships(run, keys, log);
  const writings = createWritings(run, keys, { clock, retention, currentTrace });
  const presence = createPresence(client, run, keys, clock, log);
  const bus = createRedisBus(subscriber, keys, log, options.ignored ?? (() => undefined));
  let stopWatching = (): void => undefined;
  let isClosed = false;

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    stopWatching();
    await presence.stop(options.presenceGraceMs).catch(() => undefined);
    subscriber.close();
    client.disconnect();
  }

  try {
    await Promise.all([connect(client, clock), subscriber.connect()]);
    await checkDatabase(client, address.database);
    await checkPermissions({ commands: client, announcements: listening, prefix: options.prefix });
    await requirements.enforce();
    await presence.start();
    stopWatching = requirements.watch(clock);
  } catch (error) {
    subscriber.close();
    client.disconnect();
    throw error;
  }

  return {
    kind: 'redis',
    ...createConversations(client, run, keys, clock, memberships),
    ...createMessages(client, run, keys, { clock, retention, currentTrace, memberships, writings }),
    appendText: writings.appendText,
    finishMessage: writings.finishMessage,
    requestStop: writings.requestStop,
    readWriting: writings.readWriting,
    listWritings: writings.listWritings,
    ...createTyping(run, keys, clock),
    ...createSessions(client, run, keys, clock),
    ...createTopics(client, run, keys, clock, currentTrace),
    ...createInboxes(client, run, keys, clock),
    ...createRates(client, keys),
    ...createRoutingRules(client, run, keys),
    connect: presence.connect,
    disconnect: presence.disconnect,
    setStatus: presence.setStatus,
    readPresence: presence.readPresence,
    listen: (channel, listener) => (isClosed ? Promise.reject(unavailable()) : bus.listen(channel, listener)),
    async checkHealth() {
      const start = performance.now();
      let reason = requirements.fault;
      try {
        // A write: a server that only answers cannot serve.
        await client.set(keys.health(), '1', 'PX', TIMES.healthKeyMs);
      } catch (error) {
        reason = (error as Error).message;
      }
      const status = reason === null ? 'up' : 'down';
      return { status, latencyMs: performance.now() - start, reason, circuit: 'closed' };
    },
    close,
  };
}
