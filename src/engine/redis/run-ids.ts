/** Which runs of its servers a client speaks with. A failover or a restart begins another: some of what was written may be gone. */
import { Cluster } from 'ioredis';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';

const RUN_ID = /^run_id:(\w+)/m;

/** The run ids of all masters, as one text: another as soon as one of them restarted or was replaced. */
export async function runIdsOf(client: RedisClient): Promise<string> {
  const masters = client instanceof Cluster ? client.nodes('master') : [client];
  const infos = await attempt(() => Promise.all(masters.map((master) => master.info('server'))));
  return infos
    .map((info) => RUN_ID.exec(info)?.[1] ?? '')
    .sort()
    .join(' ');
}
