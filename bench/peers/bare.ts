/** `ws.send` of a prepared string to every subscriber of a conversation; nothing else. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { MESSAGE_ID } from '../payload.ts';
import { report } from './report.ts';

interface ClientMessage {
  readonly type: string;
  readonly payload?: { readonly variables?: { readonly ids: readonly string[] } };
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const audiences = new Map<string, Set<WebSocket>>();

function subscribe(socket: WebSocket, ids: readonly string[]): void {
  for (const id of ids) {
    const audience = audiences.get(id) ?? new Set();
    audiences.set(id, audience.add(socket));
  }
}

server.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { type, payload } = JSON.parse(data.toString()) as ClientMessage;
    if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
    else subscribe(socket, payload?.variables?.ids ?? []);
  });
});
await once(server, 'listening');

report({
  port: (server.address() as AddressInfo).port,
  publish({ conversation, sequence, content }) {
    const data = { messageReceived: { id: MESSAGE_ID, sequence, content } };
    const text = JSON.stringify({ id: 's', type: 'next', payload: { data } });
    for (const socket of audiences.get(conversation) ?? []) socket.send(text);
  },
});
