/** Topic policies. */
import type { MutationResolvers, QueryResolvers, TopicPolicyResolvers } from '../../__generated__/resolvers.ts';

export const Query = {
  topicPolicies: (_, __, { domain, viewer }) => domain.topicPolicies.list(viewer),
} satisfies QueryResolvers;

export const Mutation = {
  saveTopicPolicy: (_, { input }, { domain, viewer }) => domain.topicPolicies.save(viewer, input),
  deleteTopicPolicy: (_, { pattern }, { domain, viewer }) => domain.topicPolicies.delete(viewer, pattern),
} satisfies MutationResolvers;

export const TopicPolicy = {
  keepFor: ({ keepFor }) => keepFor?.text ?? null,
  schema: ({ schema }) => (schema === null ? null : JSON.parse(schema)),
  updatedBy: ({ updatedBy }) => ({ id: updatedBy }),
} satisfies TopicPolicyResolvers;
