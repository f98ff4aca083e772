/** Presence. */
import type {
  MutationResolvers,
  PresenceResolvers,
  QueryResolvers,
  SubscriptionResolvers,
} from '../../__generated__/resolvers.ts';
import { presenceUserIds } from '../../domain/presence.ts';
import type { PresenceRecord } from '../../model.ts';

export const Query: QueryResolvers = {
  presence: (_, { userIds }, { loaders }) =>
    Promise.all(presenceUserIds(userIds).map((userId) => loaders.presence.load(userId))),
};

export const Mutation: MutationResolvers = {
  setPresence: (_, { status, statusText }, { domain, viewer, meter }) =>
    domain.presence.set(viewer, meter, status, statusText),
};

export const Subscription: SubscriptionResolvers = {
  presenceUpdated: {
    subscribe: (_, { userIds }, { delivery, bearer }) => delivery.presenceUpdated(bearer, presenceUserIds(userIds)),
    resolve: (presence: PresenceRecord) => presence,
  },
};

export const Presence: PresenceResolvers = {
  user: ({ userId }) => ({ id: userId }),
};
