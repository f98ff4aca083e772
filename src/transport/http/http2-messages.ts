/** Requests and responses of HTTP/2 with the interface of HTTP/1.1, so that one set of handlers serves both. */
import { EventEmitter } from 'node:events';
import {
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { ReadableOptions } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/**
 * The connection of one request, as its handlers see it. Destroying it resets this stream only. It emits no `end`
 * before `close`, since the end of a request's body does not half-close a connection.
 */
export class StreamSocket extends EventEmitter {
  readonly encrypted = true;
  /** The TLS connection under all streams of the session. */
  readonly carrier: TLSSocket;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, carrier: TLSSocket) {
    super();
    this.carrier = carrier;
    this.#stream = stream;
    stream.once('close', () => this.emit('close'));
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get remoteAddress(): string | undefined {
    return this.carrier.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.carrier.remotePort;
  }

  get localAddress(): string | undefined {
    return this.carrier.localAddress;
  }

  get localPort(): number | undefined {
    return this.carrier.localPort;
  }

  destroy(): void {
    breakOff(this.#stream);
  }
}

/**
 * The connection under a request: its socket in HTTP/1.1; in HTTP/2 the connection that its stream shares with others.
 */
export const carrierOf = (socket: object): object => (socket instanceof StreamSocket ? socket.carrier : socket);

/** Without an error the client would take the response for complete. */
const BROKEN_OFF = new Error('The response was interrupted.');

const breakOff = (stream: ServerHttp2Stream): unknown => stream.destroy(BROKEN_OFF);

/** The TLS connection of each session. `session.socket` is a proxy object, which is no key for a map. */
const carriers = new WeakMap<object, TLSSocket>();

export const carry = (session: ServerHttp2Session, carrier: TLSSocket): unknown => carriers.set(session, carrier);

function socketOf(stream: ServerHttp2Stream): StreamSocket {
  const carrier = carriers.get(stream.session ?? stream);
  if (!carrier) throw new Error('A stream begins in a session.');
  return new StreamSocket(stream, carrier);
}

export class Http2Request extends Http2ServerRequest {
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions,
    rawHeaders: readonly string[],
  ) {
    // The `Host` header as a proxy writes it that translates to HTTP/1.1 (RFC 9113, section 8.3.1, and RFC 9112,
    // section 6.3).
    const authority = headers.host ?? headers[':authority'];
    if (authority !== undefined) headers.host = authority;
    if (!stream.endAfterHeaders && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
    super(stream, headers, options, rawHeaders);
    Object.defineProperties(this, {
      socket: { value: socketOf(stream) },
      complete: { get: () => stream.endAfterHeaders || this.readableEnded || stream.destroyed },
    });
  }
}

/** HTTP/2 forbids headers about the connection (RFC 9113, section 8.2.2). */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'upgrade', 'transfer-encoding']);

export class Http2Response extends Http2ServerResponse<Http2Request> {
  constructor(stream: ServerHttp2Stream) {
    super(stream);
    Object.defineProperty(this, 'destroyed', { get: () => stream.destroyed });
  }

  override destroy(): this {
    breakOff(this.stream);
    return this;
  }

  override setHeader(name: string, value: number | string | readonly string[]): void {
    if (!OF_CONNECTION.has(name.toLowerCase())) super.setHeader(name, value);
  }

  override writeHead(statusCode: number, given?: unknown): this {
    // A late request may have been answered meanwhile.
    if (this.headersSent) return this;
    const headers: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries((given ?? {}) as OutgoingHttpHeaders))
      if (!OF_CONNECTION.has(name.toLowerCase())) headers[name] = value;
    return super.writeHead(statusCode, headers);
  }
}
