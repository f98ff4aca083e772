/** The log of each user's list in Redis, in the user's slot beside the list. */
import type { ConversationId } from '../../model.ts';
import { READ } from '../shared/closed.ts';
import { judgePosition, type Lineage } from '../shared/lineage.ts';
import type { UserLogEntry, UserLogStore } from '../shared/user-log.ts';
import { nonce } from './attempt.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

type Row = readonly [place: string, epoch: string, conversationId: ConversationId, event: string];
type Answer = readonly [lineage: string, head: string, epoch: string, floor: string, ...Row[]];

const toEntry = ([place, epoch, conversationId, event]: Row): UserLogEntry => ({
  place: Number(place),
  epoch,
  conversationId,
  event: READ.listEvent(event),
});

export function createUserLogs(run: RunScript, keys: Keys): UserLogStore {
  return {
    async readUserLog(tenant, userId, after, limit) {
      const { list } = keys.user(tenant, userId);
      const args = [after?.place ?? 0, after ? limit : 0, nonce()];
      const answer = (await run('read-user-log', list, args)) as Answer;
      const [lineage, place, epoch, floor, ...rows] = answer;
      const head = { epoch, place: Number(place) };
      if (!after) return { outcome: 'read', entries: [], head };
      const state = { lineage: JSON.parse(lineage) as Lineage, head: head.place, floor: Number(floor) };
      const reason = judgePosition(after, state);
      if (reason) return { outcome: 'expired', reason };
      return { outcome: 'read', entries: rows.map(toEntry), head };
    },
  };
}
