/** Topics and what is published to them. */
import type { MutationResolvers, QueryResolvers, SubscriptionResolvers } from '../../__generated__/resolvers.ts';
import { LIMITS } from '../../limits.ts';
import type { PublicationRecord } from '../../model.ts';

export const Query: QueryResolvers = {
  topicHistory: async (_, { topic, last }, { domain, viewer }) => [
    ...(await domain.topics.history(viewer, topic, last ?? LIMITS.defaultPageSize)),
  ],
};

export const Mutation: MutationResolvers = {
  publish: (_, { topic, payload }, { domain, viewer }) => domain.topics.publish(viewer, topic, payload),
};

export const Subscription: SubscriptionResolvers = {
  topicPublished: {
    subscribe: (_, { topics }, { domain, delivery, bearer }) =>
      delivery.topicPublished(bearer, (viewer) => domain.topics.toHear(viewer, topics)),
    resolve: (publication: PublicationRecord) => publication,
  },
};
