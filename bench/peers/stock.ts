/** graphql-ws with graphql-redis-subscriptions, as their documentation shows. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { MESSAGE_ID } from '../payload.ts';
import { report } from './report.ts';
import { pubsub, schema } from './stock-schema.ts';

const http = createServer();
useServer({ schema }, new WebSocketServer({ server: http, path: '/graphql' }));
http.listen(0, '127.0.0.1');
await once(http, 'listening');

const isEdited = process.env['BENCH_EDITS'] === 'true';
const texts = new Map<string, string>();

/** An edit carries the whole text. */
function edited(conversation: string, content: string): string {
  const text = (texts.get(conversation) ?? '') + content;
  texts.set(conversation, text);
  return text;
}

report({
  port: (http.address() as AddressInfo).port,
  publish({ conversation, sequence, content }) {
    const text = isEdited ? edited(conversation, content) : content;
    void pubsub.publish(conversation, { messageReceived: { id: MESSAGE_ID, sequence, content: text } });
  },
});
