/**
 * Connections that carry plain requests, or nothing yet: sockets and streams are counted elsewhere.
 *
 * Anyone may open one and send a header, a byte every second. So nothing is refused
 * for their sake: where there is no room, the one that was quiet longest goes, unless
 * this service is at work for it. It is told to ask again (RFC 9110, section 15.5.9).
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AddressOf } from './address.ts';

export interface PlainConnectionsOptions {
  readonly most: number;
  readonly mostPerAddress: number;
  readonly addressOf: AddressOf;
  readonly countTurnedAway: () => void;
}

interface Visitor {
  /** The socket of TCP, and the one of TLS in it once there is one. */
  readonly raw: Socket;
  socket: Socket;
  address: string | null;
  request: IncomingMessage | null;
  response: ServerResponse | null;
}

const AGAIN = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Whether a request is here in full and its answer is not: nobody but us can be waited for. */
function isAtWork({ request, response }: Visitor): boolean {
  return request !== null && response !== null && request.complete && !response.writableEnded && !response.destroyed;
}

/** Ends a connection at once, with a word where one may stand. */
function end({ raw, socket, response }: Visitor, word: string): void {
  if (response === null || response.writableFinished) socket.end(word);
  socket.destroy();
  raw.destroy();
}

/** By both ends of TCP: a socket of TLS does not say in which one it is. */
const portsOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export class PlainConnections {
  readonly #options: PlainConnectionsOptions;
  /** In the order in which they last began something. */
  readonly #visitors = new Set<Visitor>();
  readonly #byAddress = new Map<string, Set<Visitor>>();
  readonly #bySocket = new WeakMap<Duplex, Visitor>();

  constructor(options: PlainConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#visitors.size;
  }

  watch(server: Server): void {
    const handshakes = new Map<string, Visitor>();
    server.on('connection', (raw: Socket) => {
      const visitor: Visitor = {
        raw,
        socket: raw,
        address: this.#options.addressOf({ headers: {}, socket: raw }),
        request: null,
        response: null,
      };
      const ports = portsOf(raw);
      this.#bySocket.set(raw, visitor);
      handshakes.set(ports, visitor);
      raw.once('close', () => {
        handshakes.delete(ports);
        this.#remove(visitor);
      });
      this.#enter(visitor);
    });
    server.on('secureConnection', (socket: Socket) => {
      const visitor = handshakes.get(portsOf(socket));
      if (!visitor) return;
      visitor.socket = socket;
      this.#bySocket.set(socket, visitor);
    });
    server.on('request', (request, response) => this.#begin(request, response));
  }

  /** It is a socket or a stream from now on, and counted as such. */
  release(socket: Duplex): void {
    const visitor = this.#bySocket.get(socket);
    if (visitor) this.#remove(visitor);
  }

  /** Node takes those on which nothing was asked for busy until `headersTimeout`: they would hold a closing server. */
  closeUnused(): void {
    for (const { socket, raw } of this.#visitors) {
      if (socket.bytesRead > 0) continue;
      socket.destroy();
      raw.destroy();
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const visitor = this.#bySocket.get(request.socket);
    if (!visitor) return;
    // A gateway, of whom that is not known before it has asked something.
    if (visitor.request === null && visitor.address !== null && this.#options.addressOf(request) === null) {
      this.#leaveNeighbours(visitor);
      visitor.address = null;
    }
    visitor.request = request;
    visitor.response = response;
    this.#visitors.delete(visitor);
    this.#add(visitor);
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

  /** The one that began something longest ago; false: all are being worked for. */
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
