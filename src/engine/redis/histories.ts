/** Which histories of its servers a client speaks with. A failover or a restart begins another: some of what was written may be gone. */
import { Cluster } from 'ioredis';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';

const REPLICATION_ID = /^master_replid:(\w+)/m;

/** The replication ids of all masters, as one text: another as soon as one of them restarted or was replaced. */
export async function historiesOf(client: RedisClient): Promise<string> {
  const masters = client instanceof Cluster ? client.nodes('master') : [client];
  const infos = await attempt(() => Promise.all(masters.map((master) => master.info('replication'))));
  return infos
    .map((info) => REPLICATION_ID.exec(info)?.[1] ?? '')
    .sort()
    .join(' ');
}
