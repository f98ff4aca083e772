/** Consumers and their events. */
import type { ConsumerResolvers, MutationResolvers, QueryResolvers } from '../../__generated__/resolvers.ts';
import type { ConsumerProgress } from '../../domain/consumers.ts';
import type { ConsumerRecord } from '../../model.ts';
import type { Context } from '../context.ts';
import { toConnection } from '../relay-connection.ts';

export const Query = {
  consumers: (_, __, { domain, viewer }) => domain.consumers.list(viewer),
} satisfies QueryResolvers;

export const Mutation = {
  saveConsumer: (_, { input }, { domain, viewer }) => domain.consumers.save(viewer, input),
  deleteConsumer: (_, { name }, { domain, viewer }) => domain.consumers.delete(viewer, name),
  pullEvents: async (_, input, context) => {
    const batch = await context.domain.consumers.pull(context.viewer, input, () => context.isOver());
    return { ...batch, events: [...batch.events] };
  },
  ackEvents: (_, { consumer, ackToken, failed }, { domain, viewer }) =>
    domain.consumers.ack(viewer, consumer, ackToken, failed ?? []),
} satisfies MutationResolvers;

/** The progress of each consumer, read once for one result. */
const readings = new WeakMap<ConsumerRecord, Promise<ConsumerProgress>>();

function progressOf(consumer: ConsumerRecord, { domain, viewer }: Context): Promise<ConsumerProgress> {
  const reading = readings.get(consumer) ?? domain.consumers.progress(viewer, consumer.name);
  readings.set(consumer, reading);
  return reading;
}

export const Consumer = {
  events: ({ events }) => [...events],
  conversations: ({ conversations }) => conversations && [...conversations],
  topics: ({ topics }) => topics && [...topics],
  lag: async (consumer, _, context) => (await progressOf(consumer, context)).lag,
  pending: async (consumer, _, context) => (await progressOf(consumer, context)).pending,
  oldestPendingAt: async (consumer, _, context) => (await progressOf(consumer, context)).oldestPendingAt,
  async deadLetters({ name }, { first, after }, { domain, viewer }) {
    const { letters, hasNextPage } = await domain.consumers.deadLetters(viewer, name, first ?? 20, after);
    const keys = new Map(letters.map(({ event, key }) => [event, key] as const));
    const ends = { hasNextPage, hasPreviousPage: typeof after === 'string' };
    return toConnection([...keys.keys()], ends, (event) => keys.get(event) ?? '');
  },
} satisfies ConsumerResolvers;
