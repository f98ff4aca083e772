/** Presence. */
import type {
  MutationResolvers,
  PresenceResolvers,
  QueryResolvers,
  SubscriptionResolvers,
} from '../../__generated__/resolvers.ts';
import { presenceUserIds } from '../../domain/presence.ts';
import type { PresenceRecord } from '../../model.ts';

export const Query = {
  presence: (_, { userIds }, { loaders }) =>
    Promise.all(presenceUserIds(userIds).map((userId) => loaders.presence.load(userId))),
} satisfies QueryResolvers;

export const Mutation = {
  setPresence: (_, { status, statusText }, { domain, viewer, meter }) =>
    domain.presence.set(viewer, meter, status, statusText),
} satisfies MutationResolvers;

export const Subscription = {
  presenceUpdated: {
    subscribe: (_, { userIds }, { delivery, bearer }) => delivery.presenceUpdated(bearer, presenceUserIds(userIds)),
    resolve: (presence: PresenceRecord) => presence,
  },
} satisfies SubscriptionResolvers;

export const Presence = {
  user: ({ userId }) => ({ id: userId }),
} satisfies PresenceResolvers;
