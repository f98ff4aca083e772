/** The Redis engine: one connection for commands, one for announcements, one lease. */
import { Cluster } from 'ioredis';
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import { unavailable } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Retention } from '../../model.ts';
import type { CurrentTrace, Engine } from '../port.ts';
import { nonce } from './attempt.ts';
import { createBatches } from './batches.ts';
import { createBlocks } from './blocks.ts';
import { createBookmarks } from './bookmarks.ts';
import { createRedisBus } from './bus.ts';
import { connect, openCommandClient, openSubscriberClient, type RedisClient } from './client.ts';
import { createConsumers } from './consumers.ts';
import { createConversations } from './conversations.ts';
import { checkKind } from './diagnosis.ts';
import { EventOutbox } from './event-outbox.ts';
import { Forwarding } from './forwarding.ts';
import { createHeads } from './heads.ts';
import { createKeys } from './keys.ts';
import { KnownConsumers } from './known-consumers.ts';
import { createLists } from './list-store.ts';
import { ListUpdates } from './list-updates.ts';
import { Lists } from './lists.ts';
import { Marks } from './marks.ts';
import { createMemberships } from './memberships.ts';
import { createMessages } from './messages.ts';
import { checkPermissions } from './permissions.ts';
import { createPlaces } from './places.ts';
import { createPresence } from './presence.ts';
import { createRates } from './rates.ts';
import { RecentChanges } from './recent-changes.ts';
import { Reconciliation } from './reconciliation.ts';
import { Requirements } from './requirements.ts';
import { createRooms } from './rooms.ts';
import { createRoutingRules } from './routing-rules.ts';
import { checkSchema } from './schema.ts';
import { defineScripts } from './scripts.ts';
import { createSessions } from './sessions.ts';
import { startUp } from './start.ts';
import { StartRefused } from './start-fault.ts';
import { Subscriber } from './subscriber.ts';
import { createTopicPolicies } from './topic-policies.ts';
import { createTopics } from './topics.ts';
import { createTyping } from './typing.ts';
import { createUserLogs } from './user-log.ts';
import { createWebhooks } from './webhooks.ts';
import { createWritings } from './writings.ts';

export interface RedisOptions {
  readonly address: RedisAddress;
  /** Begins every key and channel. */
  readonly prefix: string;
  /** Whether settings that break a guarantee keep the service from starting. */
  readonly isChecked: boolean;
  readonly retention: Retention;
  /** How long connections left at `close` count as present. */
  readonly presenceGraceMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly currentTrace?: CurrentTrace;
  /** Conversations that one user begins or joins; left out: as many as the limits say. */
  readonly conversationsPerUser?: number | undefined;
  /** Called for each announcement of a kind that only a newer release knows. */
  readonly ignored?: () => void;
  /** Ends the wait for a server that is away. */
  readonly abandon?: AbortSignal | undefined;
}

/** @throws {StartRefused} when the server does not have the database: the driver would go on in database 0. */
async function checkDatabase(client: RedisClient, database: number): Promise<void> {
  if (client instanceof Cluster || database === 0) return;
  await client.select(database).catch((error: Error) => {
    if (!/out of range|invalid DB/i.test(error.message)) throw error;
    throw new StartRefused(`REDIS_URL names database ${database}: ${error.message}`);
  });
}

/** @throws {StartFault} when one server is configured, and this is a node of many. A cluster's client finds out itself. */
async function checkMode(client: RedisClient, address: RedisAddress): Promise<void> {
  if (client instanceof Cluster) return;
  const [{ host, port } = { host: '', port: 0 }] = address.hosts;
  checkKind(address, await client.info('server').catch(() => ''), `${host}:${port}`);
}

export async function openRedisEngine(options: RedisOptions): Promise<Engine> {
  const { address, clock, log, retention, currentTrace = () => '' } = options;
  const keys = createKeys(options.prefix, address.database);
  let isStarting = true;
  // A fault at the start is logged in words, once.
  const told = (err: Error, role: string): void => log[isStarting ? 'debug' : 'warn']({ err, role }, 'redis error');
  const client = openCommandClient(address, told);
  const publish = (channel: string, text: string): Promise<unknown> => client.spublish(channel, text);
  const listening = openSubscriberClient(address, told);
  const subscriber = new Subscriber(listening, publish, clock, log);
  const requirements = new Requirements(client, options.isChecked, log);
  const run = defineScripts(client);
  const isOneServer = address.kind !== 'cluster';
  const runOne = createBatches(run, isOneServer);
  // The data of one server lose their end together.
  const recent = isOneServer ? null : new RecentChanges(clock);
  const memberships = createMemberships({ run, runOne }, keys, log, recent);
  const known = new KnownConsumers(run, keys, clock);
  const forwarding = new Forwarding(client, run, keys, clock, known.node);
  const outbox = new EventOutbox(run, { known, forwarding, clock, log, isOneServer });
  const writings = createWritings({ run, runOne }, keys, { clock, retention, currentTrace, outbox });
  const rooms = createRooms(client, run, keys, isOneServer);
  const lists = new Lists(client, { run, runOne }, keys, clock, { memberships, rooms, recent, node: nonce() });
  const reconciliation = recent && new Reconciliation(client, run, keys, { recent, memberships, lists, clock, log });
  const most = options.conversationsPerUser;
  const places = createPlaces({ client, run, keys, clock, isOneServer, most });
  const updates = new ListUpdates(lists, clock, log, isOneServer);
  const presence = createPresence(client, run, keys, { clock, log, outbox });
  const marks = new Marks(client, runOne, keys, clock, log);
  const bus = createRedisBus(subscriber, marks, keys, log, options.ignored ?? (() => undefined));
  let stopWatching = (): void => undefined;
  let isClosed = false;

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    stopWatching();
    marks.close();
    reconciliation?.close();
    updates.close();
    outbox.close();
    await presence.stop(options.presenceGraceMs).catch(() => undefined);
    subscriber.close();
    client.disconnect();
  }

  try {
    await startUp(async () => {
      await Promise.all([connect(client), subscriber.connect()]);
      await checkDatabase(client, address.database);
      await checkMode(client, address);
      await checkPermissions({ commands: client, announcements: listening, prefix: options.prefix });
      await requirements.enforce();
      await checkSchema(client, keys.schema);
      await presence.start();
      await reconciliation?.start();
    }, options);
    isStarting = false;
    stopWatching = requirements.watch(clock);
  } catch (error) {
    marks.close();
    reconciliation?.close();
    subscriber.close();
    client.disconnect();
    throw error;
  }

  return {
    kind: 'redis',
    ...createConversations(client, { run, runOne }, keys, clock, {
      lists,
      memberships,
      rooms,
      updates,
      places,
      outbox,
      isOneServer,
    }),
    ...createMessages(client, run, keys, { clock, retention, currentTrace, memberships, writings, updates, outbox }),
    appendText: writings.appendText,
    finishMessage: writings.finishMessage,
    requestStop: writings.requestStop,
    readWriting: writings.readWriting,
    listWritings: writings.listWritings,
    ...createTyping(run, runOne, keys, clock),
    ...createSessions(client, run, keys, { clock, outbox }),
    ...createTopics(client, run, keys, { clock, currentTrace, outbox }),
    ...createConsumers(client, run, keys, { clock, known, forwarding }),
    ...createWebhooks(client, run, keys, clock),
    ...createBookmarks(client, run, keys, clock),
    ...createLists(client, run, keys, { lists, clock, log }),
    ...createUserLogs(run, keys),
    ...createHeads(client, runOne, keys),
    listRooms: rooms.listRooms,
    ...createBlocks(client, keys, outbox),
    ...createRates(client, keys),
    ...createRoutingRules(client, run, keys),
    ...createTopicPolicies(client, run, keys),
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
