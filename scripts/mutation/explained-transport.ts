/** Mutants of `src/transport/` that change nothing that a test could observe, each with its reason. */
import type { Explained } from './explained.ts';

export const EXPLAINED_OF_TRANSPORT: readonly Explained[] = [
  {
    file: 'src/transport/http/plain-connections.ts',
    code: 'const visitor = handshakes?.get(portsOf(socket));',
    original: 'handshakes?.get',
    replacement: 'handshakes.get',
    because: 'Only a server with TLS reports secure connections, and it has the map.',
  },
  {
    file: 'src/transport/http/plain-connections.ts',
    code: 'if (!visitor) return;',
    original: '!visitor',
    replacement: 'false',
    because:
      'A connection is entered before anything arrives on it, and stays known until it closes or becomes a web socket.',
  },
  {
    file: 'src/transport/peers/outbox.ts',
    code: 'if (!this.#gate.isWaitedFor && !this.#run) this.#target.write(NOTHING, this.#onWritten);',
    original: '!this.#gate.isWaitedFor && !this.#run',
    replacement: 'true',
    because: 'A further empty write sends nothing, and only makes the queue be measured once more.',
  },
  {
    file: 'src/transport/streams/http-stream.ts',
    code: 'if (now >= this.#endsAt) return this.#interrupt(unavailable());',
    original: 'now >= this.#endsAt',
    replacement: 'now > this.#endsAt',
    because: 'The end is a random fraction of a millisecond, which no tick meets exactly.',
  },
  {
    file: 'src/transport/websocket/graphql-socket.ts',
    code: 'if (answer === null) return;',
    original: 'answer === null',
    replacement: 'false',
    because: 'The socket has been closed then: nothing more is sent or handled.',
  },
  {
    file: 'src/transport/websocket/graphql-socket.ts',
    code: 'get refusal(): null {',
    original: '{ return null; }',
    replacement: '{}',
    because: 'The refusal is read only of a caller without a token, and a socket has one by then.',
  },
  {
    file: 'src/transport/peers/arrival-turns.ts',
    code: 'const isUsedUp = !hasServed && performance.now() >= this.#endsAt;',
    original: 'performance.now() >= this.#endsAt',
    replacement: 'true',
    because: 'Arrivals that wait begin one turn later.',
  },
  {
    file: 'src/transport/raw/feed.ts',
    code: 'if (connection.viewer && read && read.size > 0)',
    original: 'connection.viewer && read',
    replacement: 'connection.viewer || read',
    because: 'Both are there: an admitted client was asked what it has read, and its answer comes once.',
  },
  {
    file: 'src/transport/websocket/graphql-ws.ts',
    code: 'const token = tokenOfConnectionInit(params, headers?.authorization);',
    original: 'headers?.authorization',
    replacement: 'headers.authorization',
    because: 'A socket is identified once, and keeps its headers until then.',
  },
  {
    file: 'src/transport/websocket/graphql-ws.ts',
    code: 'socket.standing = standingOf(secretOfConnectionInit(params, headers?.secret));',
    original: 'headers?.secret',
    replacement: 'headers.secret',
    because: 'A socket is identified once, and keeps its headers until then.',
  },
  {
    file: 'src/transport/websocket/mailbox.ts',
    code: 'if (this.#waiting === 0) this.#frames = null;',
    original: 'this.#waiting === 0',
    replacement: 'false',
    because: 'An empty list takes a little memory, and has no frame to handle either.',
  },
];
