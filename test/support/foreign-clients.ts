/**
 * Clients of other languages as the bytes they send, and as the rules their readers follow.
 *
 * The bytes were taken from the programs on 2026-11-26; those of React Native are as its sources write them. `$TOKEN`, `$HOST`, `$LENGTH` and `$BODY` are filled in.
 */

const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n\r\n`;

/** A POST for a stream of server-sent events. */
export const POSTS = {
  'Python, httpx-sse 0.4 on httpx 0.28': lines(
    'POST /graphql HTTP/1.1',
    'Host: $HOST',
    'Accept-Encoding: gzip, deflate',
    'Connection: keep-alive',
    'User-Agent: python-httpx/0.28.1',
    'Authorization: Bearer $TOKEN',
    'Accept: text/event-stream',
    'Cache-Control: no-store',
    'Content-Length: $LENGTH',
    'Content-Type: application/json',
  ),
  'Java 17, HttpClient': lines(
    'POST /graphql HTTP/1.1',
    'Connection: Upgrade, HTTP2-Settings',
    'Content-Length: $LENGTH',
    'Host: $HOST',
    'HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA',
    'Upgrade: h2c',
    'User-Agent: Java-http-client/17.0.15',
    'Accept: text/event-stream',
    'Authorization: Bearer $TOKEN',
    'Content-Type: application/json',
  ),
  'Go 1.26, net/http': lines(
    'POST /graphql HTTP/1.1',
    'Host: $HOST',
    'User-Agent: Go-http-client/1.1',
    'Content-Length: $LENGTH',
    'Accept: text/event-stream',
    'Authorization: Bearer $TOKEN',
    'Content-Type: application/json',
    'Accept-Encoding: gzip',
  ),
  'Spring GraphQL 1.4, HttpGraphQlClient on Reactor Netty': lines(
    'POST /graphql HTTP/1.1',
    'accept-encoding: gzip',
    'user-agent: ReactorNetty/1.2.7',
    'host: $HOST',
    'Authorization: Bearer $TOKEN',
    'Content-Type: application/json',
    'Accept: text/event-stream',
    'content-length: $LENGTH',
  ),
  'okhttp-sse 4.12': lines(
    'POST /graphql HTTP/1.1',
    'Authorization: Bearer $TOKEN',
    'Accept: text/event-stream',
    'Content-Type: application/json; charset=utf-8',
    'Content-Length: $LENGTH',
    'Host: $HOST',
    'Connection: Keep-Alive',
    'Accept-Encoding: gzip',
    'User-Agent: okhttp/4.12.0',
  ),
} as const;

const KEY = 'Sec-WebSocket-Key: oowbBDYffcHKTnMPU99Fwg==';
const OFFER = ['Upgrade: websocket', 'Connection: Upgrade', KEY, 'Sec-WebSocket-Version: 13'];

/** A handshake for graphql-transport-ws. */
export const HANDSHAKES = {
  'Python, websockets 17': lines(
    'GET /graphql HTTP/1.1',
    'Host: $HOST',
    ...OFFER,
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    'User-Agent: Python/3.11 websockets/17.4',
  ),
  'Python, aiohttp 3.14': lines(
    'GET /graphql HTTP/1.1',
    'Host: $HOST',
    ...OFFER,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    'Accept: */*',
    'Accept-Encoding: gzip, deflate',
    'User-Agent: Python/3.11 aiohttp/3.14.5',
  ),
  'Java 17, HttpClient': lines(
    'GET /graphql HTTP/1.1',
    'Connection: Upgrade',
    'Content-Length: 0',
    'Host: $HOST',
    'Upgrade: websocket',
    'User-Agent: Java-http-client/17.0.15',
    KEY,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    'Sec-WebSocket-Version: 13',
  ),
  'Go, coder/websocket 1.8': lines(
    'GET /graphql HTTP/1.1',
    'Host: $HOST',
    'User-Agent: Go-http-client/1.1',
    'Connection: Upgrade',
    KEY.replace('WebSocket', 'Websocket'),
    'Sec-Websocket-Protocol: graphql-transport-ws',
    'Sec-Websocket-Version: 13',
    'Upgrade: websocket',
    'Accept-Encoding: gzip',
  ),
  'Go, gorilla/websocket 1.5': lines(
    'GET /graphql HTTP/1.1',
    'Host: $HOST',
    'User-Agent: Go-http-client/1.1',
    'Connection: Upgrade',
    KEY,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    'Sec-WebSocket-Version: 13',
    'Upgrade: websocket',
  ),
  'Spring GraphQL 1.4, WebSocketGraphQlClient on Reactor Netty': lines(
    'GET /graphql HTTP/1.1',
    'user-agent: ReactorNetty/1.2.7',
    'accept: */*',
    'host: $HOST',
    'upgrade: websocket',
    'connection: upgrade',
    KEY.replace('Sec-WebSocket-Key', 'sec-websocket-key'),
    'origin: http://$HOST',
    'sec-websocket-protocol: graphql-transport-ws',
    'sec-websocket-version: 13',
  ),
  'React Native on Android': lines(
    'GET /graphql HTTP/1.1',
    'Origin: http://$HOST',
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    ...OFFER,
    'Sec-WebSocket-Extensions: permessage-deflate',
    'Host: $HOST',
    'Accept-Encoding: gzip',
    'User-Agent: okhttp/4.12.0',
  ),
  'React Native on iOS': lines(
    'GET /graphql HTTP/1.1',
    'Host: $HOST',
    ...OFFER,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    'Origin: http://$HOST',
  ),
} as const;

interface Block {
  readonly event: string | null;
  /** Null: it has no such line. */
  readonly data: string | null;
  readonly retry: string | null;
}

/** What is between two empty lines; what comes after the last is not there yet. */
function blocksOf(text: string): Block[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const values = (name: string): string[] =>
        block.split('\n').flatMap((line) => new RegExp(`^${name}: ?(.*)$`).exec(line)?.[1] ?? []);
      const data = values('data');
      const [event = null, retry = null] = [values('event').at(-1), values('retry').at(-1)];
      return { event, data: data.length > 0 ? data.join('\n') : null, retry };
    });
}

type Meaning = 'next' | 'end' | 'nothing';

/** What a reader takes a block for. */
const READERS: Readonly<Record<string, (block: Block) => Meaning>> = {
  // `takeWhile(event -> "next".equals(event.event()))`: whatever else is a block is the end.
  Spring: ({ event }) => (event === 'next' ? 'next' : 'end'),
  // A block without data is no event.
  'okhttp-sse': ({ event, data }) => (data === null ? 'nothing' : event === 'next' ? 'next' : 'end'),
  // Any field makes an event; without a name it is a `message`, which the protocol does not have.
  'httpx-sse': ({ event, data, retry }) => {
    if (event === null && data === null && retry === null) return 'nothing';
    return event === 'next' ? 'next' : 'end';
  },
  'r3labs/sse': ({ event, data }) => {
    if (event === null && data === null) return 'nothing';
    return event === 'next' ? 'next' : 'end';
  },
  // An event without data is the end, whatever it is called.
  'Cosmo Router': ({ event, data }) => (event === 'next' && data ? 'next' : 'end'),
};

export interface Heard {
  readonly reader: string;
  readonly events: readonly unknown[];
  readonly isOver: boolean;
}

/** What each reader of server-sent events tells its user of this text. */
export function readByAll(text: string): Heard[] {
  const blocks = blocksOf(text);
  return Object.entries(READERS).map(([reader, meaningOf]) => {
    const end = blocks.findIndex((block) => meaningOf(block) === 'end');
    const before = end < 0 ? blocks : blocks.slice(0, end);
    const events = before.filter((block) => meaningOf(block) === 'next').map(({ data }) => JSON.parse(data ?? ''));
    return { reader, events, isOver: end >= 0 };
  });
}
