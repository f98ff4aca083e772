/** Clients of all transports, written by hand on TCP or TLS: they stop reading, and disconnect in any way. */
import { once } from 'node:events';
import { connect as connectHttp2, constants as HTTP2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { frameOf, OPCODES } from '../../support/tcp-web-socket.ts';
import type { Node } from './start-node.ts';

export const TRANSPORTS = ['graphql-ws', 'sse', 'multipart', 'callback', 'raw'] as const;
export type TransportName = (typeof TRANSPORTS)[number];
/** A stream of HTTP/2, where the service speaks TLS; elsewhere SSE. */
export const OVER_TLS = 'http2';

/** What a peer of any transport may do. */
export interface PeerClient {
  /** Whether it was told that its stream is open. */
  readonly isAccepted: boolean;
  /** Bytes it has read. */
  readonly read: number;
  readonly isGone: boolean;
  stopReading(): void;
  resumeReading(): void;
  /** Says goodbye in the words of its protocol. */
  leave(): void;
  /** Says that it sends nothing more, and nothing else. */
  halfClose(): void;
  /** Its TCP connection is reset. */
  reset(): void;
}

/** What is listened to. */
export const SUBJECTS = ['conversation', 'all', 'updates', 'inbox', 'topic', 'presence'] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Asked {
  readonly token: string;
  readonly conversationId: string;
  /** Null: live from now on. */
  readonly after: string | null;
  readonly subject?: Subject;
}

const DOCUMENTS: Record<Subject, string> = {
  conversation: `subscription ($ids: [ID!], $after: [ID!]) {
    messageReceived(conversationIds: $ids, after: $after) { id position content payload }
  }`,
  // Rendered for each viewer by itself, and with a read: such events queue.
  all: `subscription ($after: [ID!]) {
    messageReceived(after: $after) { id position content payload conversation { unreadMessageCount } }
  }`,
  updates: `subscription ($ids: [ID!], $after: [ID!]) {
    messageUpdated(conversationIds: $ids, after: $after) { id position content }
  }`,
  inbox: `subscription ($after: [ID!]) {
    inbox(after: $after) {
      ... on MessageSent { message { id position content payload conversation { unreadMessageCount } } }
      ... on ConversationLeft { conversationId reason }
      ... on ReadMoved { userId sequence }
      ... on Checkpoint { position isLive unreadMessageCount }
    }
  }`,
  topic: 'subscription { topicPublished(topics: ["news", "sports"]) { topic payload } }',
  presence: 'subscription { presenceUpdated(userIds: ["alice", "bob", "carol"]) { status } }',
};

export function operationOf({ conversationId, after, subject = 'conversation' }: Asked): object {
  const query = DOCUMENTS[subject];
  const variables = {
    ...(query.includes('$ids') ? { ids: [conversationId] } : {}),
    ...(after !== null && query.includes('$after') ? { after: [after] } : {}),
  };
  return { query, variables };
}

export async function openPeer(
  transport: Exclude<TransportName, 'callback'> | typeof OVER_TLS,
  node: Pick<Node, 'port'> & Partial<Pick<Node, 'isTls'>>,
  asked: Asked,
): Promise<PeerClient> {
  if (transport === OVER_TLS && node.isTls) return openHttp2(await dialTls(node.port, 'h2'), asked);
  const socket = node.isTls ? await dialTls(node.port, 'http/1.1') : await dial(node.port);
  if (transport === 'sse' || transport === OVER_TLS) return openHttp(socket, asked, 'text/event-stream');
  if (transport === 'multipart') return openHttp(socket, asked, 'multipart/mixed;subscriptionSpec=1.0');
  return transport === 'raw' ? openRaw(socket, asked) : openGraphqlWs(socket, asked);
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function dialTls(port: number, protocol: string): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: [protocol], rejectUnauthorized: false });
  // A handle of TLS cannot be reset. The kernel resets the connection if it holds what was not read.
  socket.resetAndDestroy = () => socket.destroy();
  await once(
    socket.on('error', () => undefined),
    'secureConnect',
  );
  return socket;
}

/** Stops reading its stream, and reads its connection all the same. */
function openHttp2(socket: TLSSocket, asked: Asked): PeerClient {
  const session = connectHttp2('https://localhost', { createConnection: () => socket }).on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/graphql',
    accept: 'text/event-stream',
    authorization: `Bearer ${asked.token}`,
    'content-type': 'application/json',
  });
  stream.on('error', () => undefined).end(JSON.stringify(operationOf(asked)));
  return peerOn(stream, /./, {
    leave: () => void stream.close(HTTP2.NGHTTP2_CANCEL),
    // It begins no other stream, and waits for this one.
    halfClose: () => void (session.closed || session.close()),
    reset: () => void socket.resetAndDestroy(),
  });
}

const onSocket = (socket: Socket, acceptance: RegExp, leave: () => void): PeerClient =>
  peerOn(socket, acceptance, {
    leave,
    halfClose: () => void socket.end(),
    // No socket is reset while its half close is on its way (libuv, `uv_tcp_close_reset`): it would stay open.
    reset: () => void (socket.writableEnded && !socket.writableFinished ? socket.destroy() : socket.resetAndDestroy()),
  });

/** How it reads is the same for all. */
function peerOn(
  stream: Duplex,
  acceptance: RegExp,
  ends: Pick<PeerClient, 'leave' | 'halfClose' | 'reset'>,
): PeerClient {
  let read = 0;
  let isAccepted = false;
  let start = '';
  stream.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (isAccepted) return;
    start = (start + chunk.toString('latin1')).slice(-100_000);
    isAccepted = acceptance.test(start);
  });
  return {
    get isAccepted() {
      return isAccepted;
    },
    get read() {
      return read;
    },
    get isGone() {
      return stream.destroyed;
    },
    stopReading: () => void stream.pause(),
    resumeReading: () => void stream.resume(),
    ...ends,
  };
}

function openHttp(socket: Socket, asked: Asked, accept: string): PeerClient {
  const body = JSON.stringify(operationOf(asked));
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${asked.token}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return onSocket(socket, /HTTP\/1.1 \d/, () => void socket.destroy());
}

/** A text frame; its mask is of zeros. */
const text = (value: object): Buffer => frameOf({ opcode: OPCODES.text, payload: JSON.stringify(value) });
const goodbye = (): Buffer => frameOf({ opcode: OPCODES.close, payload: Buffer.from([0x03, 0xe8]) });

function upgrade(socket: Socket, path: string, protocol: string | null): void {
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}\r\n`,
  );
}

function openGraphqlWs(socket: Socket, asked: Asked): PeerClient {
  upgrade(socket, '/graphql', 'graphql-transport-ws');
  socket.write(text({ type: 'connection_init', payload: { token: asked.token } }));
  // The answer to the query shows that the subscription before it was accepted.
  socket.write(text({ id: 'live', type: 'subscribe', payload: operationOf(asked) }));
  socket.write(text({ id: 'asked', type: 'subscribe', payload: { query: '{ __typename }' } }));
  return onSocket(socket, /"id":"(asked|live)"/, () => void socket.write(goodbye()));
}

function openRaw(socket: Socket, asked: Asked): PeerClient {
  upgrade(socket, `/ws?token=${asked.token}`, null);
  if (asked.subject === 'topic') socket.write(text({ type: 'Subscribe', data: { topics: ['news', 'sports'] } }));
  if (asked.subject === 'presence') socket.write(text({ type: 'Presence', data: { watch: ['alice', 'bob'] } }));
  if (asked.after !== null) socket.write(text({ type: 'Resume', data: { positions: [asked.after] } }));
  // Frames are handled one after the other: its answer shows that those before it were accepted.
  socket.write(text({ type: 'Ping', data: {} }));
  return onSocket(socket, /"type":"Pong"/, () => void socket.write(goodbye()));
}
