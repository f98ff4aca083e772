/** Topics and their publications. */
import type {
  MutationResolvers,
  PublicationResolvers,
  QueryResolvers,
  SubscriptionResolvers,
} from '../../__generated__/resolvers.ts';
import { encodeTopicPosition, topicPositions } from '../../domain/cursor.ts';
import type { PublicationRecord } from '../../model.ts';
import { batchError, batchOutcome } from '../batch.ts';

export const Query = {
  topicHistory: async (_, { topic, ...range }, { domain, viewer }) => [
    ...(await domain.topics.history(viewer, topic, range)),
  ],
} satisfies QueryResolvers;

export const Mutation = {
  publish: async (_, input, { domain, viewer }) => (await domain.topics.publish(viewer, input)).publication,
  async publishMany(_, { items }, { domain, viewer, meter }) {
    const results = await domain.topics.publishMany(viewer, items, meter);
    return results.map(({ made, error }) => ({
      publication: made?.publication ?? null,
      error: batchError(error),
      outcome: batchOutcome(made?.outcome, error),
    }));
  },
} satisfies MutationResolvers;

export const Subscription = {
  topicPublished: {
    async subscribe(_, { topics, after }, { domain, delivery, bearer }) {
      const subscribeRight = await domain.topics.subscribeRight(bearer.viewer, topics);
      return delivery.topicPublished(bearer, subscribeRight, topicPositions(subscribeRight.topics, after));
    },
    resolve: (publication: PublicationRecord) => publication,
  },
} satisfies SubscriptionResolvers;

export const Publication = {
  position: ({ topic, position }) => encodeTopicPosition(topic, position),
} satisfies PublicationResolvers;
