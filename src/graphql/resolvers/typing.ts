/** Typing. */
import type {
  MutationResolvers,
  SubscriptionResolvers,
  TypingIndicatorResolvers,
} from '../../__generated__/resolvers.ts';
import { type ConversationStreamEvent, eventWithAccess } from '../../delivery/conversations/access-ended.ts';
import { streamRequest } from '../../domain/cursor.ts';
import type { TypingRecord } from '../../model.ts';

export const Mutation = {
  setTyping: (_, { conversationId, isTyping }, { domain, viewer, meter }) =>
    domain.typing.set(viewer, meter, conversationId, isTyping),
} satisfies MutationResolvers;

export const Subscription = {
  typingIndicator: {
    subscribe: (_, { conversationIds }, { delivery, bearer }) =>
      delivery.typingIndicator(bearer, streamRequest(conversationIds, null).conversationIds),
    resolve: (event: ConversationStreamEvent<TypingRecord>) => eventWithAccess(event),
  },
} satisfies SubscriptionResolvers;

export const TypingIndicator = {
  user: ({ userId }) => ({ id: userId }),
} satisfies TypingIndicatorResolvers;
