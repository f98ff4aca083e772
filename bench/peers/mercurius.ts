/** Mercurius subscriptions on its Redis emitter, as its documentation shows. */
import { fastify } from 'fastify';
import { mercurius, type PubSub } from 'mercurius';
import createEmitter from 'mqemitter-redis';
import { MESSAGE_ID } from '../payload.ts';
import { connectRedis } from './redis.ts';
import { report } from './report.ts';
import { TYPE_DEFINITIONS } from './schema.ts';

interface Arguments {
  readonly conversationIds: string[];
}

// The emitter opens its connections in the same way if it has an address.
const pipelined = { enableAutoPipelining: true };
const emitter = createEmitter({ subConn: await connectRedis(pipelined), pubConn: await connectRedis(pipelined) });
const app = fastify();
await app.register(mercurius, {
  schema: TYPE_DEFINITIONS,
  resolvers: {
    Subscription: {
      messageReceived: {
        subscribe: (_root: unknown, { conversationIds }: Arguments, { pubsub }: { pubsub: PubSub }) =>
          pubsub.subscribe(conversationIds),
      },
    },
  },
  subscription: { emitter },
});
await app.listen({ host: '127.0.0.1', port: 0 });

report({
  port: app.addresses()[0]?.port ?? 0,
  publish({ conversation, sequence, content }) {
    const payload = { messageReceived: { id: MESSAGE_ID, sequence, content } };
    void app.graphql.pubsub.publish({ topic: conversation, payload });
  },
});
