/** graphql-sse with graphql-redis-subscriptions, as their documentation shows. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHandler } from 'graphql-sse/lib/use/http';
import { MESSAGE_ID } from '../payload.ts';
import { report } from './report.ts';
import { pubsub, schema } from './stock-schema.ts';

const handler = createHandler({ schema });
const http = createServer((request, response) => void handler(request, response));
http.listen(0, '127.0.0.1');
await once(http, 'listening');

report({
  port: (http.address() as AddressInfo).port,
  publish({ conversation, sequence, content }) {
    void pubsub.publish(conversation, { messageReceived: { id: MESSAGE_ID, sequence, content } });
  },
});
