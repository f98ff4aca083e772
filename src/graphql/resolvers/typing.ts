/** Typing. */
import type {
  MutationResolvers,
  SubscriptionResolvers,
  TypingIndicatorResolvers,
} from '../../__generated__/resolvers.ts';
import { streamRequest } from '../../domain/cursor.ts';
import type { TypingRecord } from '../../model.ts';

export const Mutation: MutationResolvers = {
  setTyping(_, { conversationId, isTyping }, { domain, viewer, meter }) {
    // A stop is never dropped: who stops must have started.
    if (isTyping) meter('signal');
    return domain.typing.set(viewer, conversationId, isTyping);
  },
};

export const Subscription: SubscriptionResolvers = {
  typingIndicator: {
    subscribe: (_, { conversationIds }, { delivery, viewer }) =>
      delivery.typingIndicator(viewer, streamRequest(conversationIds, null).conversationIds),
    resolve: (typing: TypingRecord) => typing,
  },
};

export const TypingIndicator: TypingIndicatorResolvers = {
  user: ({ userId }) => ({ id: userId }),
};
