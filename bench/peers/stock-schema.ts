/** The schema of the stock peers, on graphql-redis-subscriptions as its documentation shows. */
import { buildSchema } from 'graphql';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { connectRedis } from './redis.ts';
import { TYPE_DEFINITIONS } from './schema.ts';

export const pubsub = new RedisPubSub({ publisher: await connectRedis(), subscriber: await connectRedis() });
export const schema = buildSchema(TYPE_DEFINITIONS);

const field = schema.getSubscriptionType()?.getFields()['messageReceived'];
if (field) {
  field.subscribe = (_root, { conversationIds }: { conversationIds: string[] }) =>
    pubsub.asyncIterableIterator(conversationIds);
}
