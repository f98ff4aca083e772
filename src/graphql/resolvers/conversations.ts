/** Conversations, their members and read positions. */
import type {
  ConversationResolvers,
  MemberResolvers,
  MutationResolvers,
  QueryResolvers,
  ReadReceiptResolvers,
  SubscriptionResolvers,
} from '../../__generated__/resolvers.ts';
import { contentsOf, type SeenConversation } from '../../access/seen.ts';
import { type ConversationStreamEvent, eventWithAccess } from '../../delivery/conversations/access-ended.ts';
import { encodeConversationCursor, encodeCursor, encodePosition, streamRequest } from '../../domain/cursor.ts';
import { LIMITS } from '../../limits.ts';
import { referenceId } from '../entities.ts';
import { toConnection } from '../relay-connection.ts';

export const Query = {
  conversation: (_, { id }, { loaders }) => loaders.visibleConversation.load(id),
} satisfies QueryResolvers;

export const Mutation = {
  createConversation: (_, { input }, { domain, viewer }) => domain.conversations.create(viewer, input),
  openDirectConversation: (_, { userId }, { domain, viewer }) => domain.conversations.openDirect(viewer, userId),
  updateConversation: (_, { id, name }, { domain, viewer }) => domain.conversations.rename(viewer, id, name ?? null),
  joinConversation: (_, { id }, { domain, viewer }) => domain.conversations.join(viewer, id),
  leaveConversation: (_, { id }, { domain, viewer }) => domain.conversations.leave(viewer, id),
  addMembers: (_, { id, userIds }, { domain, viewer }) => domain.conversations.addMembers(viewer, id, userIds),
  removeMember: (_, { id, userId }, { domain, viewer }) => domain.conversations.removeMember(viewer, id, userId),
  setMemberRole: (_, { id, userId, role }, { domain, viewer }) =>
    domain.conversations.setMemberRole(viewer, id, userId, role),
  markRead: (_, { conversationId, sequence }, { domain, viewer, meter }) =>
    domain.conversations.markRead(viewer, meter, conversationId, sequence),
} satisfies MutationResolvers;

export const Subscription = {
  conversationUpdated: {
    subscribe: (_, { conversationIds }, { delivery, bearer }) =>
      delivery.conversationUpdated(bearer, streamRequest(conversationIds, null).conversationIds),
    resolve: (event: ConversationStreamEvent<SeenConversation>) => eventWithAccess(event),
  },
} satisfies SubscriptionResolvers;

export const Conversation = {
  __resolveReference: (reference, { loaders }) => loaders.visibleConversation.load(referenceId(reference)),
  createdBy: ({ createdBy }) => ({ id: createdBy }),
  position: ({ id, position }) => encodePosition(id, position),
  cursor: (conversation) => encodeConversationCursor(conversation),
  async peer(conversation, _, { loaders, viewer }) {
    if (conversation.kind !== 'DIRECT') return null;
    const [one, other] = await loaders.pair.load(contentsOf(conversation));
    const id = one === viewer.userId ? other : one;
    return id && (one === viewer.userId || other === viewer.userId) ? { id } : null;
  },
  lastMessage: (conversation, _, { loaders }) => loaders.lastMessage.load(contentsOf(conversation)),
  async unreadMessageCount(conversation, _, { loaders }) {
    const membership = await loaders.membership.load(conversation.id);
    if (!membership) return 0;
    const marked = 'ownReceipt' in conversation ? conversation.ownReceipt.sequence : 0;
    return Math.max(conversation.lastSequence - Math.max(membership.readSequence, marked), 0);
  },
  viewerRole: async ({ id }, _, { loaders }) => (await loaders.membership.load(id))?.role ?? null,
  async members(conversation, { first, after }, { domain, tenant }) {
    const page = await domain.conversations.members(
      tenant,
      contentsOf(conversation),
      first ?? LIMITS.defaultPageSize,
      after ?? null,
    );
    const connection = toConnection(page.members, page, ({ ordinal }) => encodeCursor('member', ordinal));
    return { ...connection, totalCount: conversation.memberCount };
  },
  async messages(conversation, request, { domain, tenant }) {
    const page = await domain.messages.page(tenant, contentsOf(conversation), request);
    return toConnection(page.messages, page, ({ sequence }) => encodeCursor('message', sequence));
  },
  async readReceipts(conversation, { first, after }, { domain, tenant }) {
    const page = await domain.conversations.readReceipts(
      tenant,
      contentsOf(conversation),
      first ?? LIMITS.defaultPageSize,
      after ?? null,
    );
    return toConnection(page.receipts, page, ({ ordinal }) => encodeCursor('receipt', ordinal));
  },
  async typingUsers(conversation, _, { loaders, viewer }) {
    const userIds = await loaders.typingUsers.load(contentsOf(conversation));
    return userIds.filter((userId) => userId !== viewer.userId).map((userId) => ({ id: userId }));
  },
} satisfies ConversationResolvers;

export const Member = {
  user: ({ userId }) => ({ id: userId }),
} satisfies MemberResolvers;

export const ReadReceipt = {
  user: ({ userId }) => ({ id: userId }),
} satisfies ReadReceiptResolvers;
