/** Routing rules. */
import type {
  MutationResolvers,
  QueryResolvers,
  RoutingRuleResolvers,
  RoutingTestResolvers,
} from '../../__generated__/resolvers.ts';

export const Query = {
  routingRules: (_, __, { domain, viewer }) => domain.routingRules.list(viewer),
  testRoutingRule: (_, { input, sample }, { domain, viewer }) => domain.routingRules.test(viewer, input, sample),
} satisfies QueryResolvers;

export const Mutation = {
  saveRoutingRule: (_, { input }, { domain, viewer }) => domain.routingRules.save(viewer, input),
  deleteRoutingRule: (_, { id }, { domain, viewer }) => domain.routingRules.delete(viewer, id),
} satisfies MutationResolvers;

export const RoutingRule = {
  updatedBy: ({ updatedBy }) => ({ id: updatedBy }),
} satisfies RoutingRuleResolvers;

export const RoutingTest = {
  topics: ({ targets }) => [...targets.topics],
  users: ({ targets }) => targets.users.map((id) => ({ id })),
} satisfies RoutingTestResolvers;
