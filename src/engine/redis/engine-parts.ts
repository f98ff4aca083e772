/** The parts of the Redis engine and their dependencies. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { RedisAddress } from '../../config/redis.ts';
import type { Log } from '../../log.ts';
import type { Retention } from '../../model.ts';
import type { CurrentTrace } from '../port.ts';
import { createBatches } from './batches.ts';
import { createRedisBus } from './bus.ts';
import { openCommandClient, openSubscriberClient, type ReportClientError } from './client.ts';
import { createDeletion } from './deletion.ts';
import { EventOutbox } from './event-outbox.ts';
import { Forwarding } from './forwarding.ts';
import { createKeys } from './keys.ts';
import { KnownConsumers } from './known-consumers.ts';
import { LeftBehind } from './left-behind.ts';
import { ListUpdates } from './list-updates.ts';
import { Lists } from './lists.ts';
import { Marks } from './marks.ts';
import { createMembershipQuota } from './membership-quota.ts';
import { createMemberships } from './memberships.ts';
import { createPresence } from './presence.ts';
import { RecentChanges } from './recent-changes.ts';
import { Reconciliation } from './reconciliation.ts';
import { type RedisMemory, Requirements } from './requirements.ts';
import { createRooms } from './rooms.ts';
import { defineScripts } from './scripts.ts';
import { createStopNews } from './stop-news.ts';
import { Subscriber } from './subscriber.ts';
import { createWritings } from './writings.ts';

export interface RedisOptions {
  readonly address: RedisAddress;
  /** Begins every key and channel. */
  readonly prefix: string;
  /** Whether settings that break a guarantee keep the service from starting. */
  readonly isChecked: boolean;
  readonly retention: Retention;
  /** How long abandoned data is kept; null or left out: for ever. */
  readonly abandonedAfterMs?: number | null;
  /** How long connections left at `close` count as present. */
  readonly presenceGraceMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The name of this node in its log; left out: a new one. */
  readonly nodeId?: string | undefined;
  readonly currentTrace?: CurrentTrace;
  /** The cap of conversations that one user begins or joins; left out: that of `LIMITS`. */
  readonly conversationsPerUser?: number | undefined;
  /** Called for each announcement of a kind that this release does not know. */
  readonly ignored?: () => void;
  /** Called every few seconds: how long an announcement takes through Redis. */
  readonly onLag?: (milliseconds: number) => void;
  /** Called at the start, every minute and after each reconnect. */
  readonly onMemory?: (memory: RedisMemory) => void;
  /** Ends the wait for a server that is away. */
  readonly abandon?: AbortSignal | undefined;
}

/** `starting.isOver`: the engine serves, so faults of its connections are logged. */
export type RedisParts = ReturnType<typeof createParts>;

/** The connections, and why there is none for commands; null while there is one. */
function openClients(address: RedisAddress, report: ReportClientError) {
  const connection: { fault: Error | null } = { fault: null };
  const client = openCommandClient(address, (error, role) => {
    connection.fault = error;
    report(error, role);
  });
  client.on('ready', () => {
    connection.fault = null;
  });
  return { client, connection, listening: openSubscriberClient(address, report) };
}

/** Creates the parts of the engine. Nothing is connected yet. */
export function createParts(options: RedisOptions) {
  const { address, clock, log, retention, currentTrace = (): string => '' } = options;
  const keys = createKeys(options.prefix, address.database);
  const starting = { isOver: false, form: { isCompact: false } };
  // During the start faults are diagnosed and logged once, so raw errors are not logged.
  const { client, connection, listening } = openClients(address, (err, role) =>
    log[starting.isOver ? 'warn' : 'debug']({ err, role }, 'redis error'),
  );
  const publish = (channel: string, text: string): Promise<unknown> => client.spublish(channel, text);
  const subscriber = new Subscriber(listening, publish, clock, log, options.onLag ?? (() => undefined));
  const requirements = new Requirements(client, options.isChecked, log, options.onMemory ?? (() => undefined));
  const run = defineScripts(client);
  const isOneServer = address.kind !== 'cluster';
  const runOne = createBatches(run, isOneServer);
  // One server loses the end of all its data together, so nothing needs reconciling.
  const recent = isOneServer ? null : new RecentChanges(clock);
  const memberships = createMemberships({ run, runOne }, keys, log, recent, starting.form);
  const known = new KnownConsumers(run, keys, clock);
  const forwarding = new Forwarding(client, run, keys, clock, known.node);
  const outbox = new EventOutbox(run, { known, forwarding, clock, log, isOneServer });
  const tellStop = createStopNews(publish, keys, log);
  const writings = createWritings({ run, runOne }, keys, { clock, retention, currentTrace, outbox, tellStop });
  const rooms = createRooms(client, run, keys, isOneServer);
  const lists = new Lists(client, { run, runOne }, keys, clock, { memberships, rooms, recent, isOneServer });
  const reconciliation = recent && new Reconciliation(client, run, keys, { recent, memberships, lists, clock, log });
  const quota = createMembershipQuota({ client, run, keys, clock, isOneServer, most: options.conversationsPerUser });
  const updates = new ListUpdates(lists, { clock, log, isOneServer });
  const deleteConversation = createDeletion(keys, { memberships, rooms, updates, outbox });
  const leftBehind = new LeftBehind({ client, run, keys, clock, log, outbox, deleteConversation }, options);
  const presence = createPresence(client, run, keys, { clock, log, outbox, nodeId: options.nodeId ?? randomUUID() });
  const marks = new Marks(client, runOne, keys, clock, log);
  const bus = createRedisBus(subscriber, marks, keys, log, options.ignored ?? (() => undefined));
  return {
    keys,
    client,
    connection,
    listening,
    subscriber,
    requirements,
    run,
    runOne,
    isOneServer,
    memberships,
    known,
    forwarding,
    outbox,
    writings,
    rooms,
    lists,
    reconciliation,
    quota,
    updates,
    leftBehind,
    presence,
    marks,
    bus,
    clock,
    log,
    retention,
    currentTrace,
    starting,
  };
}
