/**
 * The replication histories of the servers. A failover or a restart begins a new one, and recent writes may be lost
 * then.
 */
import { Cluster } from 'ioredis';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';

const REPLICATION_ID = /^master_replid:(\w+)/m;

/** The replication ids of all primaries as one string, which changes when one of them restarts or is replaced. */
export async function historiesOf(client: RedisClient): Promise<string> {
  const masters = client instanceof Cluster ? client.nodes('master') : [client];
  const infos = await attempt(() => Promise.all(masters.map((master) => master.info('replication'))));
  return infos
    .map((info) => REPLICATION_ID.exec(info)?.[1] ?? '')
    .sort()
    .join(' ');
}
