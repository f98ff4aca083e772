/**
 * HTTP/2 on the port that serves TLS: each stream becomes a request of the same server.
 *
 * Clients choose by ALPN. A session is a connection with up to `LIMITS.streamsPerSession` concurrent requests; without
 * any it ends after `KEEP_ALIVE`. A stream that is not read is reset alone. The session ends with it only when the
 * connection takes no more bytes.
 */
import { createServer, constants as HTTP2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import { Deadline } from '../peers/deadline.ts';
import { carry, Http2Request, Http2Response } from './http2-messages.ts';
import { bodyOfRefusal } from './refusal.ts';
import { REQUEST_LATE } from './unreadable-requests.ts';

export interface Http2Options {
  readonly clock: Clock;
  /** How long a session without a request lasts. */
  readonly keepAliveMs: number;
  /** The time within which a first request must begin. */
  readonly firstRequestMs: number;
  /** The time within which a request must arrive completely. */
  readonly requestMs: number;
}

export const ALPN_PROTOCOLS = ['h2', 'http/1.1'];

/** Limits for a peer. nghttp2 decides where Node has no option: see docs/security.md. */
const PROTECTION = {
  settings: { maxConcurrentStreams: LIMITS.streamsPerSession, maxHeaderListSize: LIMITS.headerBytes },
  // Streams that were refused for lack of room, and invalid frames.
  maxSessionRejectedStreams: 100,
  maxSessionInvalidFrames: 100,
  // Streams that the client resets (CVE-2023-44487): a burst, then a rate per second.
  streamResetBurst: LIMITS.streamsPerSession * 8,
  streamResetRate: LIMITS.streamsPerSession / 4,
} as const;

interface Session {
  readonly carrier: TLSSocket;
  streams: number;
  /** Whether the peer owes the acknowledgement of a ping. */
  isAsked: boolean;
}

export class Http2Sessions {
  readonly #sessions = new Map<ServerHttp2Session, Session>();
  readonly #carriers = new Set<TLSSocket>();
  readonly #first: Deadline<ServerHttp2Session>;
  readonly #idle: Deadline<ServerHttp2Session>;
  readonly #asked: Deadline<ServerHttp2Session>;
  readonly #late: Deadline<Http2Response>;
  /** Late requests, until their client has the answer. */
  readonly #answered: Deadline<Http2Response>;
  /** Connections that this side has ended, until their client closes them. */
  readonly #over: Deadline<TLSSocket>;
  #isLeaving = false;

  constructor({ clock, keepAliveMs, firstRequestMs, requestMs }: Http2Options) {
    this.#first = new Deadline(clock, firstRequestMs, (session) => session.destroy());
    this.#idle = new Deadline(clock, keepAliveMs, (session) => session.close());
    // A session that is destroyed waits until its bytes are read.
    this.#asked = new Deadline(clock, TIMES.terminateMs, (session) => this.#sessions.get(session)?.carrier.destroy());
    this.#late = new Deadline(clock, requestMs, (response) => this.#answerLate(response));
    this.#answered = new Deadline(clock, TIMES.terminateMs, (response) => response.destroy());
    this.#over = new Deadline(clock, TIMES.terminateMs, (carrier) => carrier.destroy());
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Takes the connections that chose HTTP/2 away from the server's own parser, and hands it their requests. */
  serve(server: Server): void {
    const sessions = createServer({
      ...PROTECTION,
      Http2ServerRequest: Http2Request,
      Http2ServerResponse: Http2Response,
    });
    let arriving: TLSSocket | null = null;
    sessions.on('session', (session) => {
      if (arriving) this.#begin(session, arriving);
    });
    sessions.on('request', (request, response) => {
      this.#beginRequest(request, response);
      server.emit('request', request, response);
    });
    // Node reports a stream in a later turn. A stream that was reset meanwhile has no session and needs no answer.
    const ofStreams = sessions.listeners('stream') as ((stream: ServerHttp2Stream, ...rest: unknown[]) => void)[];
    sessions.removeAllListeners('stream');
    sessions.on('stream', (stream: ServerHttp2Stream, ...rest: unknown[]) => {
      if (stream.destroyed) stream.on('error', () => undefined);
      else for (const listener of ofStreams) listener.call(sessions, stream, ...rest);
    });
    const ownListeners = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol !== 'h2') return void ownListeners.map((listener) => listener.call(server, socket));
      arriving = socket;
      sessions.emit('connection', socket);
      arriving = null;
    });
  }

  /** Tells every client to send its next request elsewhere (GOAWAY). Open streams go on. */
  leave(): void {
    this.#isLeaving = true;
    for (const session of this.#sessions.keys()) session.close();
  }

  /** Closes every connection at once. */
  cut(): void {
    this.#isLeaving = true;
    for (const carrier of this.#carriers) carrier.destroy();
  }

  #begin(session: ServerHttp2Session, carrier: TLSSocket): void {
    carry(session, carrier);
    this.#sessions.set(session, { carrier, streams: 0, isAsked: false });
    this.#carriers.add(carrier);
    this.#first.begin(session);
    session.on('stream', (stream) => this.#beginStream(session, stream));
    session.once('close', () => this.#end(session));
    // Node closes the session only with the connection, for which it waits without a limit.
    carrier.once('finish', () => this.#over.begin(carrier));
    carrier.once('close', () => {
      this.#carriers.delete(carrier);
      this.#over.end(carrier);
    });
  }

  #end(session: ServerHttp2Session): void {
    this.#sessions.delete(session);
    for (const deadline of [this.#first, this.#idle, this.#asked]) deadline.end(session);
  }

  #beginStream(session: ServerHttp2Session, stream: ServerHttp2Stream): void {
    const known = this.#sessions.get(session);
    if (!known) return;
    known.streams += 1;
    this.#first.end(session);
    this.#idle.end(session);
    if (this.#isLeaving) session.close();
    stream.once('close', () => {
      known.streams -= 1;
      if (session.destroyed) return;
      if (known.streams === 0 && !session.closed) this.#idle.begin(session);
      if (stream.rstCode === HTTP2.NGHTTP2_INTERNAL_ERROR) this.#askForLife(session, known);
    });
  }

  /** After a stream was reset, its bytes may still wait in a connection that is not read. */
  #askForLife(session: ServerHttp2Session, known: Session): void {
    if (known.isAsked) return;
    known.isAsked = true;
    this.#asked.begin(session);
    session.ping((fault) => {
      if (fault) return;
      known.isAsked = false;
      this.#asked.end(session);
    });
  }

  #beginRequest(request: Http2Request, response: Http2Response): void {
    if (request.complete) return;
    this.#late.begin(response);
    const { stream } = request;
    stream.once('end', () => this.#late.end(response));
    stream.once('close', () => {
      this.#late.end(response);
      this.#answered.end(response);
    });
  }

  #answerLate(response: Http2Response): void {
    if (response.headersSent) return void response.destroy();
    this.#answered.begin(response);
    response.writeHead(REQUEST_LATE.status, { 'content-type': 'application/json; charset=utf-8' });
    // Its client need not send the rest (RFC 9113, section 8.1).
    response.end(bodyOfRefusal(REQUEST_LATE), () => response.stream.close(HTTP2.NGHTTP2_NO_ERROR));
  }
}
