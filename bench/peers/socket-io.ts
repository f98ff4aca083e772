/** Socket.IO rooms with its Redis adapter, as its documentation shows. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';
import { MESSAGE_ID } from '../payload.ts';
import { connectRedis } from './redis.ts';
import { report } from './report.ts';

const http = createServer();
const io = new Server(http, { adapter: createAdapter(await connectRedis(), await connectRedis()) });
io.on('connection', (socket) => {
  socket.on('subscribe', (ids: string[]) => socket.join(ids));
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');

report({
  port: (http.address() as AddressInfo).port,
  publish({ conversation, sequence, content }) {
    io.to(conversation).emit('message', { id: MESSAGE_ID, sequence, content });
  },
});
