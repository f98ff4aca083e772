/**
 * Presence in Redis, leased per node.
 *
 * A connection is recorded under its node and under its user. The node renews one lease for all its connections; when
 * the lease ends, any other node declares it dead and removes its records. Cost grows with changes, not with
 * connections.
 */
import type { PresenceStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import { decodePresence } from './codec.ts';
import type { Keys } from './keys.ts';
import { NodeConnections, type PresenceParts } from './node-connections.ts';
import type { RunScript } from './scripts.ts';

export interface RedisPresence extends PresenceStore {
  /** Takes a lease and sweeps dead nodes, then repeats both at intervals. */
  start(): Promise<void>;
  /** Leaves the connections to be swept after `graceMs`, so that clients can reconnect elsewhere unnoticed. */
  stop(graceMs: number): Promise<void>;
}

export function createPresence(client: RedisClient, run: RunScript, keys: Keys, parts: PresenceParts): RedisPresence {
  const { clock, outbox } = parts;
  const node = new NodeConnections(client, run, keys, parts);

  return {
    start: () => node.start(),
    stop: (graceMs) => node.stop(graceMs),
    connect: (tenant, userId, connection) => node.add(tenant, userId, connection),
    disconnect: (_tenant, _userId, connectionId) => node.remove(connectionId),

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
