/** Streamed messages. */
import type { MutationResolvers, SubscriptionResolvers } from '../../__generated__/resolvers.ts';
import type { SeenText, ShownMessage } from '../../access/seen.ts';
import { type ConversationStreamEvent, eventWithAccess } from '../../delivery/conversations/access-ended.ts';
import type { ExtendedText } from '../../delivery/conversations/written-message.ts';
import { streamRequest } from '../../domain/cursor.ts';

export const Mutation = {
  startMessage: (_, { input }, { domain, viewer, meter }) => {
    // A long append also counts as a message.
    meter.count('message');
    return domain.writings.start(viewer, input);
  },
  appendToMessage: (_, input, { domain, viewer, meter }) => domain.writings.append(viewer, input, meter),
  finishMessage: (_, input, { domain, viewer, meter }) => domain.writings.finish(viewer, input, meter),
  stopMessage: (_, { id }, { domain, viewer }) => domain.writings.stop(viewer, id),
} satisfies MutationResolvers;

export const Subscription = {
  messageStreamed: {
    subscribe: (_, { conversationIds }, { delivery, bearer }) =>
      delivery.messageStreamed(bearer, streamRequest(conversationIds, null).conversationIds),
    resolve: (event: ConversationStreamEvent<SeenText<ExtendedText>>) => eventWithAccess(event),
  },
  messageStopped: {
    subscribe: (_, __, { delivery, bearer }) => delivery.messageStopped(bearer),
    resolve: (event: ConversationStreamEvent<ShownMessage>) => eventWithAccess(event),
  },
} satisfies SubscriptionResolvers;
