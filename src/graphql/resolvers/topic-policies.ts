/** Topic policies. */
import type { MutationResolvers, QueryResolvers, TopicPolicyResolvers } from '../../__generated__/resolvers.ts';

export const Query: QueryResolvers = {
  topicPolicies: (_, __, { domain, viewer }) => domain.topicPolicies.list(viewer),
};

export const Mutation: MutationResolvers = {
  saveTopicPolicy: (_, { input }, { domain, viewer }) => domain.topicPolicies.save(viewer, input),
  deleteTopicPolicy: (_, { pattern }, { domain, viewer }) => domain.topicPolicies.delete(viewer, pattern),
};

export const TopicPolicy: TopicPolicyResolvers = {
  keepFor: ({ keepFor }) => keepFor?.text ?? null,
  schema: ({ schema }) => (schema === null ? null : JSON.parse(schema)),
  updatedBy: ({ updatedBy }) => ({ id: updatedBy }),
};
