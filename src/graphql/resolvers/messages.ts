/** Messages and their reactions. */
import type {
  MessageResolvers,
  MutationResolvers,
  QueryResolvers,
  ReactionResolvers,
  SubscriptionMessageReceivedArgs,
  SubscriptionResolvers,
} from '../../__generated__/resolvers.ts';
import { conversationOf, replyTargetOf, type SeenMessage } from '../../access/seen.ts';
import { lengthOf } from '../../code-points.ts';
import { type ConversationStreamEvent, eventWithAccess } from '../../delivery/conversations/access-ended.ts';
import type { IdOf } from '../../delivery/rendered-stream.ts';
import type { LiveStream } from '../../delivery/stream.ts';
import { encodeCursor, encodePosition, streamRequest } from '../../domain/cursor.ts';
import { pageSize } from '../../domain/input.ts';
import { notFound } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MessageRecord } from '../../model.ts';
import { batchError, batchOutcome } from '../batch.ts';
import type { Context } from '../context.ts';
import { referenceId } from '../entities.ts';
import { withIds } from '../event-ids.ts';

export const Query = {
  message: (_, { id }, { loaders }) => loaders.visibleMessage.load(id),
} satisfies QueryResolvers;

export const Mutation = {
  sendMessage: (_, { input }, { domain, viewer }) => domain.messages.send(viewer, input),
  async sendMessages(_, { items }, { domain, viewer, meter }) {
    const results = await domain.messages.sendMany(viewer, items, meter);
    return results.map(({ made, error }) => ({
      message: made?.message ?? null,
      error: batchError(error),
      outcome: batchOutcome(made?.outcome, error),
    }));
  },
  sendDirectMessage: (_, { userId, ...input }, { domain, viewer }) => domain.messages.sendDirect(viewer, userId, input),
  editMessage: (_, { id, content, payload }, { domain, viewer }) =>
    domain.messages.edit(viewer, id, content ?? '', payload),
  deleteMessage: (_, { id }, { domain, viewer }) => domain.messages.delete(viewer, id),
  addReaction: (_, { messageId, emoji }, { domain, viewer }) => domain.messages.addReaction(viewer, messageId, emoji),
  removeReaction: (_, { messageId, emoji }, { domain, viewer }) =>
    domain.messages.removeReaction(viewer, messageId, emoji),
} satisfies MutationResolvers;

/** The last event and its id. An event is sent to one client after the other, and its id is encoded once. */
let latest: { readonly event: object; readonly id: string } | null = null;

const idOfMessage: IdOf = (event) => {
  if (latest?.event === event) return latest.id;
  if (!('position' in event)) return null;
  const { conversationId, position } = event as Pick<MessageRecord, 'conversationId' | 'position'>;
  latest = { event, id: encodePosition(conversationId, position) };
  return latest.id;
};

/**
 * In a stream of one conversation a message's position is a position in the stream, so it is the id of the event.
 */
async function subscribe(
  field: 'messageReceived' | 'messageUpdated',
  { conversationIds, after }: SubscriptionMessageReceivedArgs,
  { delivery, bearer, lastEventId }: Context,
): Promise<LiveStream<ConversationStreamEvent<SeenMessage>>> {
  const request = streamRequest(conversationIds, after, lastEventId);
  const stream = await delivery[field](bearer, request.conversationIds, request.after);
  return request.conversationIds?.length === 1 ? withIds(stream, idOfMessage) : stream;
}

export const Subscription = {
  messageReceived: {
    subscribe: (_, args, context) => subscribe('messageReceived', args, context),
    resolve: (event: ConversationStreamEvent<SeenMessage>) => eventWithAccess(event),
  },
  messageUpdated: {
    subscribe: (_, args, context) => subscribe('messageUpdated', args, context),
    resolve: (event: ConversationStreamEvent<SeenMessage>) => eventWithAccess(event),
  },
} satisfies SubscriptionResolvers;

export const Message = {
  __resolveReference: (reference, { loaders }) => loaders.visibleMessage.load(referenceId(reference)),
  async conversation(message, _, { loaders }) {
    const { conversationId } = message;
    const conversation =
      'isSentFor' in message
        ? await loaders.visibleConversation.load(conversationId)
        : conversationOf(message, await loaders.conversation.load(conversationId));
    if (!conversation) throw notFound('conversation');
    return conversation;
  },
  user: ({ senderId }) => ({ id: senderId }),
  async replyTo(message, _, { loaders }) {
    if (message.replyToId === null) return null;
    if ('isSentFor' in message) return loaders.visibleMessage.load(message.replyToId);
    return replyTargetOf(message, await loaders.message.load(message.replyToId));
  },
  via: ({ via }) => via ?? null,
  deletedBy: ({ deletedBy }) => (deletedBy === undefined ? null : { id: deletedBy }),
  state: ({ state }) => state ?? 'COMPLETE',
  length: ({ content }) => lengthOf(content),
  position: ({ conversationId, position }) => encodePosition(conversationId, position),
  cursor: ({ sequence }) => encodeCursor('message', sequence),
} satisfies MessageResolvers;

export const Reaction = {
  count: ({ userIds }) => userIds.length,
  users: ({ userIds }, { first }) =>
    userIds.slice(0, pageSize(first ?? LIMITS.defaultReactionUsers, 'first')).map((id) => ({ id })),
  viewerReacted: ({ userIds }, _, { viewer }) => userIds.includes(viewer.userId),
} satisfies ReactionResolvers;
