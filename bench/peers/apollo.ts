/** Apollo Server with a resolver that stores a message in Redis and publishes it. */
import { randomUUID } from 'node:crypto';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { connectRedis } from './redis.ts';
import { report } from './report.ts';

interface Arguments {
  readonly input: { readonly conversationId: string; readonly content: string };
}

const redis = await connectRedis();

async function sendMessage(_root: unknown, { input: { conversationId, content } }: Arguments): Promise<object> {
  const sequence = await redis.incr(`sequence:${conversationId}`);
  const message = { id: randomUUID(), sequence, content };
  const text = JSON.stringify(message);
  await redis.pipeline().xadd(`messages:${conversationId}`, '*', 'message', text).publish(conversationId, text).exec();
  return message;
}

const server = new ApolloServer({
  typeDefs: `
    type Message { id: ID! sequence: Int! content: String! }
    input SendMessageInput { conversationId: ID! content: String! }
    type Query { ok: Boolean }
    type Mutation { sendMessage(input: SendMessageInput!): Message! }
  `,
  resolvers: { Mutation: { sendMessage } },
});
const { url } = await startStandaloneServer(server, { listen: { host: '127.0.0.1', port: 0 } });

report({ port: Number(new URL(url).port), publish() {} });
