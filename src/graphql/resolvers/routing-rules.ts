/** Routing rules. */
import type {
  MutationResolvers,
  QueryResolvers,
  RoutingRuleResolvers,
  RoutingTestResolvers,
} from '../../__generated__/resolvers.ts';

export const Query: QueryResolvers = {
  routingRules: (_, __, { domain, viewer }) => domain.routingRules.list(viewer),
  testRoutingRule: (_, { input, sample }, { domain, viewer }) => domain.routingRules.test(viewer, input, sample),
};

export const Mutation: MutationResolvers = {
  saveRoutingRule: (_, { input }, { domain, viewer }) => domain.routingRules.save(viewer, input),
  deleteRoutingRule: (_, { id }, { domain, viewer }) => domain.routingRules.delete(viewer, id),
};

export const RoutingRule: RoutingRuleResolvers = {
  updatedBy: ({ updatedBy }) => ({ id: updatedBy }),
};

export const RoutingTest: RoutingTestResolvers = {
  topics: ({ targets }) => [...targets.topics],
  users: ({ targets }) => targets.users.map((id) => ({ id })),
};
