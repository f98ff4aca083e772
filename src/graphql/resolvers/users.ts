/** Users: what this subgraph adds to an entity of the main API. */
import type { QueryResolvers, UserResolvers } from '../../__generated__/resolvers.ts';
import { encodeSessionCursor } from '../../domain/cursor.ts';
import { pageOfSessions } from '../../domain/session-page.ts';
import { userReferenceId } from '../entities.ts';
import { toConnection } from '../relay-connection.ts';

export const Query = {
  viewer: (_, __, { viewer }) => ({ id: viewer.userId }),
} satisfies QueryResolvers;

export const User = {
  __resolveReference: (reference) => ({ id: userReferenceId(reference) }),
  status: async ({ id }, _, { loaders }) => (await loaders.presence.load(id)).status,
  lastSeenAt: async ({ id }, _, { loaders }) => (await loaders.presence.load(id)).lastSeenAt,
  presence: ({ id }, _, { loaders }) => loaders.presence.load(id),
  conversations: async ({ id }, page, { loaders }) => [...(await loaders.conversationsOf.load({ userId: id, page }))],
  async sessions({ id }, request, { loaders }) {
    const page = pageOfSessions(await loaders.sessionsOf.load(id), request);
    return toConnection(page.sessions, page, encodeSessionCursor);
  },
  unreadMessageCount: ({ id }, _, { loaders }) => loaders.unreadOf.load(id),
} satisfies UserResolvers;
