/** A peer of the benchmark: graphql-ws with graphql-redis-subscriptions, as their documentation shows. */
import { createServer } from 'node:http';
import { buildSchema, type GraphQLObjectType } from 'graphql';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { useServer } from 'graphql-ws/use/ws';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';
import type { Command, Report } from './peers.ts';

const url = process.env['REDIS_URL'] ?? '';
const pubsub = new RedisPubSub({ publisher: new Redis(url), subscriber: new Redis(url) });
const schema = buildSchema(`
  type Message { id: ID! sequence: Int! content: String! }
  type Query { ok: Boolean }
  type Subscription { messageReceived: Message! }
`);
const { messageReceived } = (schema.getSubscriptionType() as GraphQLObjectType).getFields();
if (messageReceived) {
  messageReceived.subscribe = () => pubsub.asyncIterableIterator('message');
  messageReceived.resolve = (event) => event;
}
const http = createServer();
useServer({ schema }, new WebSocketServer({ server: http, path: '/graphql', perMessageDeflate: false }));
const send = (report: Report): void => void process.send?.(report);

http.listen(0, () => {
  const address = http.address();
  send({ kind: 'listening', port: typeof address === 'object' && address ? address.port : 0 });
});
process.on('message', (command: Command) => {
  if (command.kind === 'publish') {
    void pubsub.publish('message', { id: 'x'.repeat(30), sequence: command.sequence, content: command.content });
  } else send({ kind: 'cpu', ...process.cpuUsage() });
});
