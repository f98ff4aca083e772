/** Webhooks. */
import type { MutationResolvers, QueryResolvers } from '../../__generated__/resolvers.ts';

export const Query = {
  webhooks: (_, __, { domain, viewer }) => domain.webhooks.list(viewer),
} satisfies QueryResolvers;

export const Mutation = {
  saveWebhook: (_, { input }, { domain, viewer }) => domain.webhooks.save(viewer, input),
  deleteWebhook: (_, { consumer }, { domain, viewer }) => domain.webhooks.delete(viewer, consumer),
  redeliver: (_, { webhook, after }, { domain, viewer }) => domain.webhooks.redeliver(viewer, webhook, after),
} satisfies MutationResolvers;
