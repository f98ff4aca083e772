/** What a client of each protocol sends to subscribe, and to stay subscribed. */
import { conversationName } from '../payload.ts';
import type { DialectName, Subscriber } from '../protocol.ts';

export const TEXT = 1;
export const BINARY = 2;

/** The reaction to a frame without a message. */
export interface Answer {
  readonly reply?: string;
  /** Whether the client is subscribed after this reply. */
  readonly isSubscribed?: boolean;
  readonly fault?: string;
}

export interface Dialect {
  readonly path: string;
  readonly subprotocol: string | null;
  readonly opcode: typeof TEXT | typeof BINARY;
  /** A frame may hold several messages. */
  readonly isBatched: boolean;
  /** The body of a plain request, answered by a stream of events; without it the connection is upgraded. */
  body?(subscriber: Subscriber): string;
  /** Headers of the upgrade or the request. */
  headers?(subscriber: Subscriber): readonly string[];
  greet(subscriber: Subscriber): string | null;
  answer(text: string, subscriber: Subscriber): Answer;
}

const SUBSCRIPTION = `subscription ($ids: [ID!]) {
  messageReceived(conversationIds: $ids) { id sequence content }
}`;

const TEXTS = `subscription ($ids: [ID!]) {
  messageStreamed(conversationIds: $ids) { messageId offset text }
}`;

const names = ({ conversations }: Subscriber): string[] => conversations.map(conversationName);

const overGraphql = (query: string, isBatched: boolean): Dialect => ({
  path: '/graphql',
  subprotocol: 'graphql-transport-ws',
  opcode: TEXT,
  isBatched,
  greet: ({ token }) => JSON.stringify({ type: 'connection_init', payload: token ? { token } : {} }),
  answer(text, subscriber) {
    if (text.includes('"connection_ack"')) {
      const payload = { query, variables: { ids: names(subscriber) } };
      return { reply: JSON.stringify({ id: 's', type: 'subscribe', payload }), isSubscribed: true };
    }
    // The event of a text that is still empty.
    if (text.includes('"messageStreamed"')) return {};
    if (text.includes('"ping"')) return { reply: '{"type":"pong"}' };
    return { fault: text };
  },
});

const raw: Dialect = {
  path: '/ws',
  subprotocol: null,
  opcode: TEXT,
  isBatched: false,
  headers: ({ token }) => [`Authorization: Bearer ${token}`],
  greet: (subscriber) => JSON.stringify({ type: 'Subscribe', data: { topics: names(subscriber) } }),
  answer: (text) => (text.includes('"Status"') ? { isSubscribed: text.includes('"subscribed"') } : { fault: text }),
};

/** GraphQL over server-sent events: one request for each subscription. */
const sse: Dialect = {
  path: '/graphql',
  subprotocol: null,
  opcode: TEXT,
  isBatched: true,
  headers: ({ token }) => [
    'Accept: text/event-stream',
    'Content-Type: application/json',
    ...(token ? [`Authorization: Bearer ${token}`] : []),
  ],
  body: (subscriber) => JSON.stringify({ query: SUBSCRIPTION, variables: { ids: names(subscriber) } }),
  greet: () => null,
  answer: () => ({}),
};

/** Centrifugo's protocol in JSON: a frame may hold several replies, one a line. */
const centrifugo: Dialect = {
  path: '/connection/websocket',
  subprotocol: null,
  opcode: TEXT,
  isBatched: true,
  greet: ({ token }) => JSON.stringify({ id: 1, connect: { token } }),
  answer(text, subscriber) {
    if (text.includes('"error"')) return { fault: text };
    if (text === '{}') return { reply: '{}' };
    if (!text.includes('"connect"')) return {};
    const commands = names(subscriber).map((channel, index) =>
      JSON.stringify({ id: index + 2, subscribe: { channel } }),
    );
    return { reply: commands.join('\n'), isSubscribed: true };
  },
};

/** Socket.IO protocol 5 over Engine.IO protocol 4. */
const socketIo: Dialect = {
  path: '/socket.io/?EIO=4&transport=websocket',
  subprotocol: null,
  opcode: TEXT,
  isBatched: false,
  greet: () => null,
  answer(text, subscriber) {
    if (text.startsWith('0')) return { reply: '40' };
    if (text === '2') return { reply: '3' };
    if (text.startsWith('40')) {
      return { reply: `42${JSON.stringify(['subscribe', names(subscriber)])}`, isSubscribed: true };
    }
    return { fault: text };
  },
};

const nats: Dialect = {
  path: '/',
  subprotocol: null,
  opcode: BINARY,
  isBatched: true,
  greet: () => 'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n',
  answer(text, subscriber) {
    if (text.startsWith('PONG')) {
      const subjects = names(subscriber).map((name, index) => `SUB ${name} ${index + 1}\r\n`);
      return { reply: subjects.join(''), isSubscribed: true };
    }
    if (text.startsWith('PING')) return { reply: 'PONG\r\n' };
    return text.startsWith('-ERR') ? { fault: text } : {};
  },
};

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  graphql: overGraphql(SUBSCRIPTION, false),
  streamed: overGraphql(TEXTS, true),
  raw,
  sse,
  'socket-io': socketIo,
  centrifugo,
  nats,
};
