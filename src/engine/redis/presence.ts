/**
 * Presence in Redis, leased per node.
 *
 * A connection is recorded under its node and under its user. The node renews
 * one lease for all it holds; when that ends, any other node declares it dead
 * and removes what it had recorded. Cost grows with changes, not with connections.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConnectionId } from '../../model.ts';
import type { NewConnection, PresenceStore } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { decodePresence } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import { type Held, RecentDepartures } from './recent-departures.ts';
import { runIdsOf } from './run-ids.ts';
import type { RunScript } from './scripts.ts';

/** Connections recorded again, or removed, at once. */
const BATCH = 100;

interface Entry {
  readonly at: Held;
  readonly connection: NewConnection;
  /** The name under which it is recorded; null: not yet. */
  recordedUnder: string | null;
}

export interface RedisPresence extends PresenceStore {
  /** Takes a lease, sweeps what dead nodes left, and goes on doing both. */
  start(): Promise<void>;
  /** Leaves the connections to be swept after `graceMs`, so that clients can come back elsewhere unseen. */
  stop(graceMs: number): Promise<void>;
}

export interface PresenceParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: EventOutbox;
}

export function createPresence(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  { clock, log, outbox }: PresenceParts,
): RedisPresence {
  /** This life's name; a node that was declared dead goes on under another. */
  let node: string = randomUUID();
  /** Names of earlier lives: after the sweep that ended them more may have been recorded under them. */
  const former = new Set<string>();
  const held = new Map<ConnectionId, Entry>();
  const departures = new RecentDepartures(clock);
  /** The run ids of the servers in which all that is held was recorded. */
  let runIds = '';
  let isRenewing = false;
  let isStopped = false;
  let isLooking = false;
  /** Something was recorded that no look at the lease came behind. */
  let mustLook = false;
  let stopTimer = (): void => undefined;

  const asMember = (at: Held): string => JSON.stringify(at);

  async function record(entry: Entry): Promise<void> {
    const { connectionId, deviceId, sessionId, connectionType } = entry.connection;
    if (held.get(connectionId) !== entry) return;
    const [tenant, userId] = entry.at;
    const { presence, presenceChannel } = keys.user(tenant, userId);
    const own = node;
    const json = JSON.stringify({ deviceId, sessionId, connectionType }).slice(1, -1);
    // The node's list first: it may name too much, never too little.
    await attempt(() => client.sadd(keys.nodeConnections(own), asMember(entry.at)));
    // It went meanwhile. Past this line commands are sent, and so run, in the order of what happened here.
    if (held.get(connectionId) !== entry) return;
    if (own !== node) return record(entry);
    const args = [clock.offset(), userId, connectionId, own, json];
    await outbox.run(tenant, keys.userEvents(tenant, userId), 'connect', [presence, presenceChannel], args);
    entry.recordedUnder = own;
    confirmLease();
  }

  /** One look at the lease, behind all that was recorded before it. */
  function confirmLease(): void {
    mustLook = true;
    if (isLooking) return;
    isLooking = true;
    lookAtLease()
      // The next renewal looks again.
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }

  /**
   * Goes on under another name at once when this one was declared dead by mistake, and not at the next renewal: what is
   * recorded under a name that was swept already is nobody's to remove, if this node is killed before that.
   */
  async function lookAtLease(): Promise<void> {
    while (mustLook && !isStopped) {
      mustLook = false;
      if ((await client.zscore(keys.leases, node)) === null && !isStopped) await renew();
    }
  }

  /** `deadNode`: only if it is still that node's. */
  async function removeFromUser([tenant, userId, connectionId]: Held, deadNode = ''): Promise<void> {
    const { presence, presenceChannel } = keys.user(tenant, userId);
    const args = [clock.offset(), userId, connectionId, deadNode];
    await outbox.run(tenant, keys.userEvents(tenant, userId), 'disconnect', [presence, presenceChannel], args);
  }

  /** Removes what this node held, under whichever of its names. */
  async function remove(at: Held): Promise<void> {
    await removeFromUser(at);
    await attempt(() => client.srem(keys.nodeConnections(node), asMember(at)));
  }

  /** Begins a life under this name. */
  async function begin(): Promise<void> {
    await run('renew-lease', [keys.leases], [clock.offset(), node, TIMES.nodeLeaseMs, 'begin']);
  }

  /** Goes on after this node was declared dead: its connections are still here. */
  async function goOn(): Promise<void> {
    former.add(node);
    node = randomUUID();
    await begin();
  }

  /** Removes what is recorded under this name and not held: it went before the server lost its end. */
  async function forgetDeparted(): Promise<void> {
    const listed = await attempt(() => client.smembers(keys.nodeConnections(node)));
    const gone = [...listed.map((member) => JSON.parse(member) as Held), ...departures.all()];
    for (const at of gone) if (!held.has(at[2])) await remove(at);
  }

  /** Records everything again when a server has begun another life: it may have lost what this node had written. */
  async function recover(): Promise<void> {
    const present = await runIdsOf(client);
    if (present === runIds) return departures.areTogether();
    for (const entry of held.values()) entry.recordedUnder = null;
    await forgetDeparted();
    await takeOver();
    runIds = present;
    departures.areTogether();
  }

  /** Takes over what is recorded under earlier names, and then leaves them to be swept. */
  async function takeOver(): Promise<void> {
    const missing = [...held.values()].filter(({ recordedUnder }) => recordedUnder !== node);
    for (let start = 0; start < missing.length; start += BATCH) {
      await Promise.all(missing.slice(start, start + BATCH).map(record));
    }
    if (former.size === 0) return;
    const names = [...former];
    await attempt(() => client.sadd(keys.dead, ...names));
    for (const name of names) former.delete(name);
  }

  async function sweep(): Promise<void> {
    for (const deadNode of await claimDead()) {
      const left = await attempt(() => client.smembers(keys.nodeConnections(deadNode)));
      for (let start = 0; start < left.length; start += BATCH) {
        await removeAll(left.slice(start, start + BATCH), deadNode);
        // Each batch is a sign of life of this sweeper.
        if (start + BATCH < left.length && !(await claimDead()).includes(deadNode)) return;
      }
      // In this order: one that stops between the two leaves a dead node that is claimed anew, and not a claim for good.
      await attempt(() => client.hdel(keys.sweepers, deadNode));
      await attempt(() => client.srem(keys.dead, deadNode));
      if (left.length > 0) log.info({ deadNode, connections: left.length }, 'dead node swept');
    }
  }

  /** The dead nodes that are this one's to sweep: each has one sweeper at a time. */
  async function claimDead(): Promise<string[]> {
    const args = [clock.offset(), node, TIMES.nodeLeaseMs];
    return (await run('claim-dead', [keys.leases, keys.dead, keys.sweepers], args)) as string[];
  }

  /** In two round trips, however many there are. */
  async function removeAll(members: readonly string[], ofNode: string): Promise<void> {
    await Promise.all(members.map((member) => removeFromUser(JSON.parse(member) as Held, ofNode)));
    await attempt(() => client.srem(keys.nodeConnections(ofNode), ...members));
  }

  async function renew(): Promise<void> {
    if (isRenewing) return;
    isRenewing = true;
    try {
      const args = [clock.offset(), node, TIMES.nodeLeaseMs, 'renew'];
      if ((await run('renew-lease', [keys.leases], args)) === 0) await goOn();
      await recover();
      await takeOver();
      await sweep();
    } catch (error) {
      log.warn({ err: error }, 'lease not renewed');
    } finally {
      isRenewing = false;
    }
  }

  return {
    async start() {
      await begin();
      runIds = await runIdsOf(client);
      await sweep();
      stopTimer = clock.every(TIMES.nodeRenewMs, () => void renew());
    },

    async stop(graceMs) {
      isStopped = true;
      stopTimer();
      if (held.size === 0) await run('renew-lease', [keys.leases], [clock.offset(), node, 0, 'renew']);
      else await run('renew-lease', [keys.leases], [clock.offset(), node, graceMs, 'renew']);
    },

    async connect(tenant, userId, connection) {
      const known = held.get(connection.connectionId)?.connection;
      if (known && known.deviceId === connection.deviceId && known.sessionId === connection.sessionId) return;
      const at: Held = [tenant, userId, connection.connectionId];
      const entry: Entry = { at, connection, recordedUnder: null };
      held.set(connection.connectionId, entry);
      await record(entry);
    },

    async disconnect(_tenant, _userId, connectionId) {
      const entry = held.get(connectionId);
      if (!entry) return;
      // First of all, so that it is not recorded again meanwhile.
      held.delete(connectionId);
      try {
        await remove(entry.at);
        departures.remember(entry.at);
      } catch (error) {
        held.set(connectionId, entry);
        throw error;
      }
    },

    async setStatus(tenant, userId, status, statusText) {
      const { presence, presenceChannel } = keys.user(tenant, userId);
      const args = [clock.offset(), userId, status, JSON.stringify(statusText)];
      const events = keys.userEvents(tenant, userId);
      return decodePresence(await outbox.run(tenant, events, 'set-status', [presence, presenceChannel], args));
    },

    async readPresence(tenant, userIds) {
      const answers = await Promise.all(
        userIds.map((userId) => run('read-presence', [keys.user(tenant, userId).presence], [userId])),
      );
      return answers.map(decodePresence);
    },
  };
}
