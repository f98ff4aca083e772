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
import type { ConnectionId, TenantId, UserId } from '../../model.ts';
import type { NewConnection, PresenceStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import { decodePresence } from './codec.ts';
import { attempt } from './conversations.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** A connection as its node lists it. */
type Held = readonly [tenant: TenantId, userId: UserId, connectionId: ConnectionId];

export interface RedisPresence extends PresenceStore {
  /** Takes a lease, sweeps what dead nodes left, and goes on doing both. */
  start(): Promise<void>;
  /** Leaves the connections to be swept after `graceMs`, so that clients can come back elsewhere unseen. */
  stop(graceMs: number): Promise<void>;
}

export function createPresence(client: RedisClient, run: RunScript, keys: Keys, clock: Clock, log: Log): RedisPresence {
  let node: string = randomUUID();
  const held = new Map<ConnectionId, { readonly at: Held; readonly connection: NewConnection }>();
  let stopTimer = (): void => undefined;

  const asMember = (at: Held): string => JSON.stringify(at);

  async function record(at: Held, { connectionId, deviceId, connectionType }: NewConnection): Promise<void> {
    const [tenant, userId] = at;
    const { presence, presenceChannel } = keys.user(tenant, userId);
    const json = JSON.stringify({ node, deviceId, connectionType }).slice(1, -1);
    // The node's list first: it may name too much, never too little.
    await attempt(() => client.sadd(keys.nodeConnections(node), asMember(at)));
    await run('connect', [presence, presenceChannel], [clock.offset(), userId, connectionId, json]);
  }

  async function remove(at: Held, ofNode: string): Promise<void> {
    const [tenant, userId, connectionId] = at;
    const { presence, presenceChannel } = keys.user(tenant, userId);
    await run('disconnect', [presence, presenceChannel], [clock.offset(), userId, connectionId, ofNode]);
    await attempt(() => client.srem(keys.nodeConnections(ofNode), asMember(at)));
  }

  /** Begins a new life after this node was declared dead: its connections are still here. */
  async function begin(): Promise<void> {
    node = randomUUID();
    await run('renew-lease', [keys.leases], [clock.offset(), node, TIMES.nodeLeaseMs, 'begin']);
    for (const { at, connection } of held.values()) await record(at, connection);
  }

  async function sweep(): Promise<void> {
    const dead = (await run('claim-dead', [keys.leases, keys.dead], [clock.offset()])) as string[];
    for (const deadNode of dead) {
      const left = await attempt(() => client.smembers(keys.nodeConnections(deadNode)));
      for (const member of left) await remove(JSON.parse(member) as Held, deadNode);
      await attempt(() => client.srem(keys.dead, deadNode));
      if (left.length > 0) log.info({ node: deadNode, connections: left.length }, 'dead node swept');
    }
  }

  async function renew(): Promise<void> {
    try {
      const args = [clock.offset(), node, TIMES.nodeLeaseMs, 'renew'];
      if ((await run('renew-lease', [keys.leases], args)) === 0) await begin();
      await sweep();
    } catch (error) {
      log.warn({ err: error }, 'lease not renewed');
    }
  }

  return {
    async start() {
      await begin();
      await sweep();
      stopTimer = clock.every(TIMES.nodeRenewMs, () => void renew());
    },

    async stop(graceMs) {
      stopTimer();
      if (held.size === 0) await run('renew-lease', [keys.leases], [clock.offset(), node, 0, 'renew']);
      else await run('renew-lease', [keys.leases], [clock.offset(), node, graceMs, 'renew']);
    },

    async connect(tenant, userId, connection) {
      if (held.has(connection.connectionId)) return;
      const at: Held = [tenant, userId, connection.connectionId];
      held.set(connection.connectionId, { at, connection });
      await record(at, connection);
    },

    async disconnect(_tenant, _userId, connectionId) {
      const entry = held.get(connectionId);
      if (!entry) return;
      await remove(entry.at, node);
      held.delete(connectionId);
    },

    async setStatus(tenant, userId, status, statusText) {
      const { presence, presenceChannel } = keys.user(tenant, userId);
      const args = [clock.offset(), userId, status, JSON.stringify(statusText)];
      return decodePresence(await run('set-status', [presence, presenceChannel], args));
    },

    async readPresence(tenant, userIds) {
      const answers = await Promise.all(
        userIds.map((userId) => run('read-presence', [keys.user(tenant, userId).presence], [userId])),
      );
      return answers.map(decodePresence);
    },
  };
}
