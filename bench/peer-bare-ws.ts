/** A peer of the benchmark: `ws.send` of a prepared string to every socket, and nothing else. */
import { WebSocketServer } from 'ws';
import type { Command, Report } from './peers.ts';

const server = new WebSocketServer({ port: 0, perMessageDeflate: false });
const send = (report: Report): void => void process.send?.(report);

server.on('connection', (socket) => {
  socket.on('message', () => socket.send('{"type":"connection_ack"}'));
});
server.on('listening', () => {
  const address = server.address();
  send({ kind: 'listening', port: typeof address === 'object' && address ? address.port : 0 });
});
process.on('message', (command: Command) => {
  if (command.kind === 'publish') {
    const data = { messageReceived: { id: 'x'.repeat(30), sequence: command.sequence, content: command.content } };
    const text = JSON.stringify({ id: 's', type: 'next', payload: { data } });
    for (const socket of server.clients) socket.send(text);
  } else send({ kind: 'cpu', ...process.cpuUsage() });
});
