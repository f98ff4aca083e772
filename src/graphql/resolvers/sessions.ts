/** Sessions. */
import type { MutationResolvers, QueryResolvers, SessionResolvers } from '../../__generated__/resolvers.ts';
import { referenceId } from '../entities.ts';

export const Query = {
  session: (_, { id }, { domain, viewer }) => domain.sessions.find(viewer, id),
} satisfies QueryResolvers;

export const Mutation = {
  createSession: (_, { input }, { domain, viewer, userAgent }) => domain.sessions.create(viewer, input, userAgent),
  async refreshSession(_, { refreshToken }, { domain, meter, renew }) {
    const { viewer, ...tokens } = await domain.sessions.refresh(refreshToken, meter);
    renew(viewer);
    return tokens;
  },
  revokeSession: (_, { id }, { domain, viewer }) => domain.sessions.revoke(viewer, id),
  revokeUser: (_, { userId }, { domain, viewer }) => domain.sessions.revokeUser(viewer, userId),
  revokeOtherSessions: (_, __, { domain, viewer }) => domain.sessions.revokeOthers(viewer),
} satisfies MutationResolvers;

export const Session = {
  __resolveReference: (reference, { domain, viewer }) => domain.sessions.find(viewer, referenceId(reference)),
  user: ({ userId }) => ({ id: userId }),
  async connections({ id, userId }, _, { loaders }) {
    const { connectedBy } = await loaders.presence.load(userId);
    return connectedBy.filter((sessionId) => sessionId === id).length;
  },
  current: ({ id }, _, context) => context.refusal === null && context.viewer.sessionId === id,
} satisfies SessionResolvers;
