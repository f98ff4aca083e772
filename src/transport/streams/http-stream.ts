/** One subscription carried by one HTTP response. */

import type { ServerResponse } from 'node:http';
import type { GraphQLFormattedError } from 'graphql';
import type { Clock } from '../../clock.ts';
import type { IdOf, Outlet, Payload } from '../../delivery/rendered-stream.ts';
import { type ServiceError, slowReader, unavailable } from '../../errors.ts';
import type { FormatError } from '../../graphql/errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Viewer } from '../../model.ts';
import { closingError } from '../peers/closing-error.ts';
import { Lifetime } from '../peers/lifetime.ts';
import { Outbox, type OutboxOwner } from '../peers/outbox.ts';
import type { Peer } from '../peers/supervisor.ts';
import type { AccountOwner, UnsentBytes } from '../peers/unsent-bytes.ts';
import type { StreamFormat } from './stream-format.ts';

export interface StreamTiming {
  /** The longest time without a heartbeat. */
  readonly heartbeatMs: number;
  /** A stream ends after this, since a client may vanish unnoticed; 0: never. */
  readonly lifetimeMs: number;
  /** A client that lost its stream reconnects after this. */
  readonly retryMs: number;
}

export interface HttpStreamOptions {
  readonly viewer: Viewer;
  readonly format: StreamFormat;
  /** A gateway gets every end as an error, which it passes on to its own clients. */
  readonly isGateway: boolean;
  readonly formatError: FormatError;
  readonly clock: Clock;
  readonly maxQueuedBytes: number;
  readonly unsent: UnsentBytes;
  readonly timing: StreamTiming;
  /** Called for each delivered event. */
  readonly delivered: (event: object) => void;
}

const HEADERS = {
  'cache-control': 'no-cache, no-transform',
  // nginx would buffer the response otherwise.
  'x-accel-buffering': 'no',
};

/** Writes a stream that ends before it begins. */
export function writeWhole(
  response: ServerResponse,
  { contentType, opening, ending }: StreamFormat,
  { retryMs }: StreamTiming,
  errors: readonly GraphQLFormattedError[],
): void {
  response.writeHead(200, { ...HEADERS, 'content-type': contentType });
  response.end(`${opening(retryMs)}${ending(errors)}`);
}

/** Random per stream, so that streams opened together after a restart do not end together (G15). */
function endOf(openedAt: number, { lifetimeMs }: StreamTiming): number {
  if (lifetimeMs === 0) return Number.POSITIVE_INFINITY;
  return openedAt + lifetimeMs * (1 + Math.random() * LIMITS.streamLifetimeSpread);
}

export class HttpStream implements Outlet, Peer, AccountOwner, OutboxOwner {
  readonly viewer: Viewer;
  readonly lifetime: Lifetime;
  readonly #response: ServerResponse;
  readonly #options: HttpStreamOptions;
  readonly #outbox: Outbox;
  readonly #endsAt: number;
  /** Null: events are sent without ids. */
  #idOf: IdOf | null = null;
  #lastHeartbeatAt: number;

  constructor(response: ServerResponse, options: HttpStreamOptions) {
    this.viewer = options.viewer;
    this.#response = response;
    this.#options = options;
    this.#lastHeartbeatAt = options.clock.elapsed();
    this.#endsAt = endOf(this.#lastHeartbeatAt, options.timing);
    this.lifetime = new Lifetime(options.clock, this);
    this.#outbox = new Outbox(response, {
      maxQueuedBytes: options.maxQueuedBytes,
      lifetime: this.lifetime,
      account: options.unsent.account(this),
      owner: this,
    });
    // The client may have gone while it was being identified; that event does not repeat.
    if (response.destroyed) this.lifetime.close();
    else response.once('close', () => this.lifetime.close());
    // After a half-close by the client, `http` no longer reports its end and only flushes.
    const { socket } = response.req;
    const ended = (): void => this.lifetime.end();
    socket.once('end', ended);
    this.lifetime.onClose(() => socket.off('end', ended));
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  get isOpen(): boolean {
    return this.lifetime.isOpen;
  }

  /** Sends the headers: from now on the response is a stream. */
  open(): void {
    const { format, timing, clock } = this.#options;
    this.#response.writeHead(200, { ...HEADERS, 'content-type': format.contentType });
    this.#response.write(format.opening(timing.retryMs));
    this.#lastHeartbeatAt = clock.elapsed();
  }

  /** From now on events have these ids, if the format supports ids. */
  identify(idOf: IdOf | null): void {
    // A gateway resumes by arguments, and may not understand `id` lines.
    if (!this.#options.isGateway) this.#idOf = idOf;
  }

  tick(now: number): void {
    const { format, timing } = this.#options;
    if (now >= this.#endsAt) return this.#interrupt(unavailable());
    // Due early, since the next tick may be too late for a client with a strict timeout.
    const due = timing.heartbeatMs - Math.min(TIMES.sweepMs, timing.heartbeatMs / 2);
    if (now - this.#lastHeartbeatAt <= due || !this.isOpen || !this.#response.headersSent) return;
    this.#lastHeartbeatAt = now;
    this.#outbox.flush();
    this.#response.write(format.heartbeat);
  }

  deliver(payload: Payload, event: object): void {
    const { envelope, identified } = this.#options.format;
    const id = identified && this.#idOf?.(event);
    this.#outbox.write(identified && id ? identified(id) : envelope, payload);
    this.#options.delivered(event);
  }

  end(error: ServiceError | null): void {
    if (error?.isSlowReader) return this.#interrupt(error);
    this.finish(error && [this.#options.formatError(error)]);
  }

  /** Writes the last bytes of the stream, with the errors that end it. */
  finish(errors: readonly GraphQLFormattedError[] | null): void {
    this.#write(this.#options.format.ending(errors));
  }

  close(code: number, reason: string): void {
    const error = closingError(code, reason);
    if (error.code === 'UNAUTHENTICATED') return this.finish([this.#options.formatError(error)]);
    this.#interrupt(error);
  }

  retire(code: number, reason: string): void {
    this.close(code, reason);
  }

  onOverflow(): void {
    this.#interrupt(slowReader());
  }

  onClose(closed: (peer: Peer) => void): void {
    this.lifetime.onClose(() => closed(this));
  }

  isCongested(): boolean {
    return this.#outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#outbox.onRoom(resume);
  }

  /**
   * The client shall reconnect at its position. Proxies may hide that the response broke off, so the stream also says
   * it.
   */
  #interrupt(error: ServiceError): void {
    const { format, formatError, isGateway } = this.#options;
    if (!this.isOpen) return;
    if (isGateway) return this.finish([formatError(error)]);
    this.#write(format.interruption([formatError(error)]), format.breaksOff);
  }

  #write(last: string, breaksOff = false): void {
    if (!this.isOpen) return;
    // A stream that ends before it began sends the same error.
    if (!this.#response.headersSent) this.open();
    this.#outbox.flush();
    if (!this.isOpen) return;
    this.lifetime.end();
    if (!breaksOff) this.#response.end(last);
    // Closes after the written bytes are sent, without the chunk that would end the response normally.
    else this.#response.write(last, () => this.#response.destroy());
  }

  /** Ends the stream silently and at once. */
  cut(): void {
    this.lifetime.end();
    this.#response.destroy();
  }
}
