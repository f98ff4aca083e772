/** A user's inbox, their settings of each conversation, rooms and blocking. */
import type {
  InboxEntryResolvers,
  MutationResolvers,
  QueryResolvers,
  UserResolvers,
} from '../../__generated__/resolvers.ts';
import type { SeenEntry } from '../../access/seen.ts';
import { encodeInboxCursor, encodeRoomCursor } from '../../domain/cursor.ts';
import type { ListedRoom } from '../../domain/lists.ts';
import { toConnection } from '../relay-connection.ts';

const cursorOf = ({ listed: { isPinned, activity, conversationId } }: SeenEntry): string =>
  encodeInboxCursor({ isPinned, activity, id: conversationId });

export const User = {
  async inbox({ id }, request, { domain, viewer }) {
    const page = await domain.lists.inboxOf(viewer, id, request);
    return { ...toConnection(page.entries, page, cursorOf), totalCount: page.totalCount };
  },
} satisfies UserResolvers;

export const Query = {
  async rooms(_, request, { domain, viewer }) {
    const page = await domain.lists.rooms(viewer, request);
    return toConnection(page.rooms, page, ({ sortKey }: ListedRoom) => encodeRoomCursor(sortKey));
  },
  blockedUsers: async (_, __, { domain, viewer }) => (await domain.blocks.list(viewer)).map((id) => ({ id })),
} satisfies QueryResolvers;

export const Mutation = {
  muteConversation: (_, { id, until }, { domain, viewer }) => domain.lists.mute(viewer, id, until?.getTime() ?? null),
  archiveConversation: (_, { id, isArchived }, { domain, viewer }) => domain.lists.keep(viewer, id, { isArchived }),
  pinConversation: (_, { id, isPinned }, { domain, viewer }) => domain.lists.keep(viewer, id, { isPinned }),
  markUnread: (_, { id }, { domain, viewer }) => domain.lists.keep(viewer, id, { isMarkedUnread: true }),
  async deleteConversation(_, { id }, { domain, viewer }) {
    await domain.conversations.delete(viewer, id);
    return true;
  },
  blockUser: (_, { userId }, { domain, viewer }) => domain.blocks.set(viewer, userId, true),
  unblockUser: (_, { userId }, { domain, viewer }) => domain.blocks.set(viewer, userId, false),
} satisfies MutationResolvers;

export const InboxEntry = {
  unreadMessageCount: ({ conversation, membership }) =>
    Math.max(conversation.lastSequence - membership.readSequence, 0),
  peer: ({ listed }) => (listed.peer === null ? null : { id: listed.peer }),
  mutedUntil: ({ listed }) => listed.mutedUntil,
  isArchived: ({ listed }) => listed.isArchived,
  isPinned: ({ listed }) => listed.isPinned,
  isMarkedUnread: ({ listed }) => listed.isMarkedUnread,
} satisfies InboxEntryResolvers;
