/** Reads of conversations, their members and read positions. */
import { type MarkedConversation, type SeenConversation, type SeenMessage, see } from '../access/seen.ts';
import type { Engine } from '../engine/port.ts';
import type {
  ConversationId,
  ConversationRecord,
  MemberRecord,
  Membership,
  ReadReceiptRecord,
  TenantId,
  UserId,
  Viewer,
} from '../model.ts';
import { decodeCursor } from './cursor.ts';
import { identifier, pageSize } from './input.ts';
import { withOwnReceipt } from './own-receipt.ts';

export interface MemberPage {
  readonly members: readonly MemberRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface ReceiptPage {
  readonly receipts: readonly ReadReceiptRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface ConversationReads {
  /** In the given order; null if absent or forbidden. */
  findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenConversation | null)[]>;
  /** Without an access check, for parts of a seen object. */
  readMany(tenant: TenantId, ids: readonly ConversationId[]): Promise<(ConversationRecord | null)[]>;
  /** The viewer's own memberships, in the given order. */
  membershipsOf(viewer: Viewer, ids: readonly ConversationId[]): Promise<(Membership | null)[]>;
  members(tenant: TenantId, conversation: SeenConversation, first: number, after: string | null): Promise<MemberPage>;
  /** The two users of a direct conversation that the viewer may see. */
  pair(tenant: TenantId, seen: SeenMessage | SeenConversation): Promise<UserId[]>;
  readReceipts(
    tenant: TenantId,
    conversation: SeenConversation | MarkedConversation,
    first: number,
    after: string | null,
  ): Promise<ReceiptPage>;
}

export function createConversationReads(engine: Engine): ConversationReads {
  return {
    async findMany(viewer, ids) {
      const valid = ids.map((id) => identifier<ConversationId>(id, 'id'));
      return (await see(engine, viewer, valid)).map((found) => found?.conversation ?? null);
    },

    readMany: (tenant, ids) => engine.readConversations(tenant, ids),

    membershipsOf: ({ tenant, userId }, ids) =>
      engine.readMemberships(
        tenant,
        ids.map((conversationId) => ({ conversationId, userId })),
      ),

    async members(tenant, { id }, first, after) {
      const most = pageSize(first, 'first');
      const start = after === null ? 0 : decodeCursor('member', after, 'after');
      const members = await engine.listMembers(tenant, id, start, most + 1);
      return { members: members.slice(0, most), hasNextPage: members.length > most, hasPreviousPage: start > 0 };
    },

    async pair(tenant, seen) {
      const conversationId = 'conversationId' in seen ? seen.conversationId : seen.id;
      return (await engine.listMembers(tenant, conversationId, 0, 2)).map(({ userId }) => userId);
    },

    async readReceipts(tenant, conversation, first, after) {
      const most = pageSize(first, 'first');
      const start = after === null ? 0 : decodeCursor('receipt', after, 'after');
      const stored = await engine.listReadReceipts(tenant, conversation.id, start, most + 1);
      const receipts = withOwnReceipt(conversation, stored, start).slice(0, most + 1);
      return { receipts: receipts.slice(0, most), hasNextPage: receipts.length > most, hasPreviousPage: start > 0 };
    },
  };
}
