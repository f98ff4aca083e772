/** Members of conversations and their read positions, in pages in the order of joining. */
import type { ConversationId, ReadReceiptRecord, TenantId } from '../../model.ts';
import type { ConversationStore } from '../port.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { decodeMember, type StoredMember, toReadReceipt } from './codec.ts';
import type { Keys } from './keys.ts';

/** The least number of members read at once when only some of them are wanted. */
const LEAST_MEMBERS_READ = 200;

export function createMemberPages(
  client: RedisClient,
  keys: Keys,
): Pick<ConversationStore, 'listMembers' | 'listReadReceipts'> {
  /** Members with an ordinal above `after`, by ordinal, and whether there are no more. */
  async function readMembers(
    tenant: TenantId,
    id: ConversationId,
    after: number,
    limit: number,
  ): Promise<{ readonly members: StoredMember[]; readonly isLast: boolean }> {
    const { joins, members: key } = keys.conversation(tenant, id);
    return attempt(async () => {
      const userIds = await client.zrange(joins, `(${after}`, '+inf', 'BYSCORE', 'LIMIT', 0, limit);
      const values = userIds.length === 0 ? [] : await client.hmget(key, ...userIds);
      const members = userIds.flatMap((userId, index) => (values[index] ? [decodeMember(userId, values[index])] : []));
      return { members, isLast: userIds.length < limit || members.length === 0 };
    });
  }

  return {
    listMembers: async (tenant, id, after, limit) => (await readMembers(tenant, id, after, limit)).members,

    async listReadReceipts(tenant, id, after, limit) {
      const receipts: ReadReceiptRecord[] = [];
      let behind = after;
      // Any number of members without a receipt may lie between two with one.
      while (receipts.length < limit) {
        const { members, isLast } = await readMembers(tenant, id, behind, Math.max(limit, LEAST_MEMBERS_READ));
        const read = members.filter(({ readSequence, readAt }) => readSequence > 0 && readAt > 0).map(toReadReceipt);
        receipts.push(...read.slice(0, limit - receipts.length));
        behind = members.at(-1)?.ordinal ?? behind;
        if (isLast) break;
      }
      return receipts;
    },
  };
}
