/** The times of changes of conversations, in Redis: beside each conversation. */
import type { Clock } from '../../clock.ts';
import type { ConversationId, TenantId } from '../../model.ts';
import { type ConversationHead, type HeadStore, positionAt } from '../shared/heads.ts';
import type { Lineage } from '../shared/lineage.ts';
import { attempt } from './attempt.ts';
import type { RunOne } from './batches.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';

type Answer = [] | [lineage: string, place: string, isKept: string, loggedAt: string, version: string];

function toHead(answer: Answer): ConversationHead | null {
  if (answer.length === 0) return null;
  const [lineage, place, isKept, loggedAt, version] = answer;
  return {
    position: positionAt(JSON.parse(lineage) as Lineage, Number(place)),
    isKept: isKept === '1',
    loggedAt: loggedAt === '' ? null : Number(loggedAt),
    // Versions grow with time: see `after` in `lua/prelude.lua`.
    changedAt: Number(version),
    version: Number(version),
  };
}

export function createHeads(client: RedisClient, runOne: RunOne, keys: Keys, clock: Clock): HeadStore {
  const read = async (tenant: TenantId, id: ConversationId, instant: number): Promise<ConversationHead | null> => {
    const { meta, messages, log } = keys.conversation(tenant, id);
    return toHead((await runOne('read-heads', [meta, messages, log], [], [instant, clock.offset()])) as Answer);
  };
  return {
    async time() {
      const [seconds, micros] = await attempt(() => client.time());
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    },
    readHeads: (tenant, ids, instant) => Promise.all(ids.map((id) => read(tenant, id, instant))),
  };
}
