/**
 * Connections that carry plain requests, or nothing yet. Sockets and streams are counted elsewhere.
 *
 * Anyone may open one and send a header slowly, a byte a second. Such connections must not exclude others: when there
 * is no room, the connection whose last request began longest ago is closed with 408 (RFC 9110, section 15.5.9). A
 * connection whose request is being handled is never closed for this.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket, Server as TlsServer } from 'node:tls';
import type { AddressOf } from '../peers/address.ts';
import { carrierOf } from './http2-messages.ts';

export interface PlainConnectionsOptions {
  readonly most: number;
  readonly mostPerAddress: number;
  readonly addressOf: AddressOf;
  readonly countTurnedAway: () => void;
}

interface Visitor {
  /** The TCP socket. `socket` is the TLS socket on it, once there is one. */
  readonly raw: Socket;
  socket: Socket;
  address: string | null;
  hasAsked: boolean;
  /** The requests that are not answered yet: several in HTTP/2, and in HTTP/1.1 while the client pipelines. */
  readonly exchanges: Map<ServerResponse, IncomingMessage>;
  /** The sockets of requests that are counted as streams. */
  readonly streams: Set<object>;
}

const AGAIN = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Whether this service has a whole request and has not answered it yet. */
function isAtWork({ exchanges }: Visitor): boolean {
  for (const [response, request] of exchanges)
    if (request.complete && !response.writableEnded && !response.destroyed) return true;
  return false;
}

/** Closes a connection at once. Writes `word` first, unless a response is half written or the connection is HTTP/2. */
function end({ raw, socket, exchanges }: Visitor, word: string): void {
  const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
  if (!isHttp2 && [...exchanges.keys()].every(({ headersSent }) => !headersSent)) socket.end(word);
  socket.destroy();
  raw.destroy();
}

/** Identifies a TCP connection by its peer, since a TLS socket does not tell its TCP socket. */
const portsOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export class PlainConnections {
  readonly #options: PlainConnectionsOptions;
  /** Ordered by the start of their last request, or of the connection. */
  readonly #visitors = new Set<Visitor>();
  readonly #byAddress = new Map<string, Set<Visitor>>();
  readonly #bySocket = new WeakMap<object, Visitor>();

  /** One function for all connections; `this` is the connection. */
  readonly #onClose: (this: Socket) => void;

  constructor(options: PlainConnectionsOptions) {
    this.#options = options;
    const closed = (raw: Socket): void => {
      const visitor = this.#bySocket.get(raw);
      if (visitor) this.#remove(visitor);
    };
    this.#onClose = function onClose() {
      closed(this);
    };
  }

  get size(): number {
    return this.#visitors.size;
  }

  watch(server: Server): void {
    // Without TLS a connection is its own socket.
    const handshakes = server instanceof TlsServer ? new Map<string, Visitor>() : null;
    server.on('connection', (raw: Socket) => {
      const visitor: Visitor = {
        raw,
        socket: raw,
        address: this.#options.addressOf({ headers: {}, socket: raw }),
        hasAsked: false,
        exchanges: new Map(),
        streams: new Set(),
      };
      this.#bySocket.set(raw, visitor);
      raw.on('close', this.#onClose);
      if (handshakes) {
        const ports = portsOf(raw);
        handshakes.set(ports, visitor);
        raw.once('close', () => handshakes.delete(ports));
      }
      this.#enter(visitor);
    });
    server.on('secureConnection', (socket: Socket) => {
      const visitor = handshakes?.get(portsOf(socket));
      if (!visitor) return;
      visitor.socket = socket;
      this.#bySocket.set(socket, visitor);
    });
    server.on('request', (request, response) => this.#begin(request, response));
  }

  /** Stops counting the connection while it carries the stream that answers on this socket. */
  release(socket: Duplex): void {
    const visitor = this.#bySocket.get(carrierOf(socket));
    if (!visitor) return;
    visitor.streams.add(socket);
    this.#remove(visitor);
  }

  /** Drops the connection: it became a WebSocket and carries no further request. */
  leave(socket: Duplex): void {
    const visitor = this.#bySocket.get(socket);
    if (!visitor) return;
    this.#remove(visitor);
    visitor.raw.off('close', this.#onClose);
    this.#bySocket.delete(visitor.raw);
    this.#bySocket.delete(socket);
  }

  /** Closes connections that sent nothing. Node would keep them until `headersTimeout`, and the server with them. */
  closeUnused(): void {
    for (const { socket, raw } of this.#visitors) {
      if (socket.bytesRead > 0) continue;
      socket.destroy();
      raw.destroy();
    }
  }

  /** Closes all connections at once, including upgraded ones, which the server no longer tracks. */
  cut(): void {
    for (const { socket, raw } of this.#visitors) {
      socket.destroy();
      raw.destroy();
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const visitor = this.#bySocket.get(carrierOf(socket));
    if (!visitor) return;
    // A gateway is not counted by address, and only its first request shows that it is a gateway.
    if (!visitor.hasAsked && visitor.address !== null && this.#options.addressOf(request) === null) {
      this.#leaveNeighbours(visitor);
      visitor.address = null;
    }
    visitor.hasAsked = true;
    visitor.exchanges.set(response, request);
    response.once('close', () => {
      visitor.exchanges.delete(response);
      visitor.streams.delete(socket);
      this.#return(visitor);
    });
    if (visitor.streams.size > 0) return;
    this.#visitors.delete(visitor);
    this.#add(visitor);
  }

  /** Counts a connection again after its last stream ended, while it is kept alive. */
  #return(visitor: Visitor): void {
    if (visitor.streams.size > 0) return;
    const isGone = visitor.raw.destroyed || visitor.socket.destroyed;
    if (!isGone && !this.#visitors.has(visitor)) this.#enter(visitor);
  }

  #add(visitor: Visitor): void {
    this.#visitors.add(visitor);
    const { address } = visitor;
    if (address === null) return;
    const neighbours = this.#byAddress.get(address) ?? new Set();
    neighbours.delete(visitor);
    this.#byAddress.set(address, neighbours.add(visitor));
  }

  #enter(visitor: Visitor): void {
    const { most, mostPerAddress, countTurnedAway } = this.#options;
    const { address } = visitor;
    const neighbours = address === null ? undefined : this.#byAddress.get(address);
    const hasRoom =
      (!neighbours || neighbours.size < mostPerAddress || this.#sendAway(neighbours)) &&
      (this.#visitors.size < most || this.#sendAway(this.#visitors));
    if (hasRoom) return this.#add(visitor);
    countTurnedAway();
    end(visitor, BUSY);
  }

  /**
   * Closes the connection whose last request began longest ago. False when requests of all connections are being
   * handled.
   */
  #sendAway(those: ReadonlySet<Visitor>): boolean {
    for (const visitor of those) {
      if (isAtWork(visitor)) continue;
      this.#remove(visitor);
      this.#options.countTurnedAway();
      end(visitor, AGAIN);
      return true;
    }
    return false;
  }

  #remove(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    this.#leaveNeighbours(visitor);
  }

  #leaveNeighbours(visitor: Visitor): void {
    const { address } = visitor;
    const neighbours = address === null ? undefined : this.#byAddress.get(address);
    if (address === null || !neighbours) return;
    neighbours.delete(visitor);
    if (neighbours.size === 0) this.#byAddress.delete(address);
  }
}
