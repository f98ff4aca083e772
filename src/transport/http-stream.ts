/** One subscription carried by one HTTP response. */

import type { ServerResponse } from 'node:http';
import type { GraphQLFormattedError } from 'graphql';
import type { Clock } from '../clock.ts';
import type { Outlet, Payload } from '../delivery/rendered-stream.ts';
import { type ServiceError, slowReader } from '../errors.ts';
import type { FormatError } from '../graphql/errors.ts';
import type { Viewer } from '../model.ts';
import { closingError } from './closing-error.ts';
import { Lifetime } from './lifetime.ts';
import { Outbox } from './outbox.ts';
import type { StreamFormat } from './stream-format.ts';
import type { Peer } from './supervisor.ts';
import type { Holder, Unsent } from './unsent.ts';

export interface HttpStreamOptions {
  readonly viewer: Viewer;
  readonly format: StreamFormat;
  /** It is told of every end in words, by which it knows what to tell its own clients. */
  readonly isGateway: boolean;
  readonly formatError: FormatError;
  readonly clock: Clock;
  readonly maxQueuedBytes: number;
  readonly unsent: Unsent;
  /** Called for each event handed over. */
  readonly delivered: (event: object) => void;
}

const HEADERS = {
  'cache-control': 'no-cache, no-transform',
  // nginx holds back what it is given otherwise.
  'x-accel-buffering': 'no',
};

/** A stream that is over before it began. */
export function writeWhole(
  response: ServerResponse,
  { contentType, opening, ending }: StreamFormat,
  errors: readonly GraphQLFormattedError[],
): void {
  response.writeHead(200, { ...HEADERS, 'content-type': contentType });
  response.end(`${opening}${ending(errors)}`);
}

export class HttpStream implements Outlet, Peer, Holder {
  readonly viewer: Viewer;
  readonly lifetime: Lifetime;
  readonly #response: ServerResponse;
  readonly #options: HttpStreamOptions;
  readonly #outbox: Outbox;
  #lastHeartbeatAt: number | null = null;

  constructor(response: ServerResponse, options: HttpStreamOptions) {
    this.viewer = options.viewer;
    this.#response = response;
    this.#options = options;
    this.lifetime = new Lifetime(options.clock, () => this.cut());
    this.#outbox = new Outbox(response, {
      maxQueuedBytes: options.maxQueuedBytes,
      lifetime: this.lifetime,
      account: options.unsent.account(this),
      onOverflow: () => this.end(slowReader()),
    });
    // Its client may have gone while it was being identified: that is not told again.
    if (response.destroyed) this.lifetime.close();
    else response.once('close', () => this.lifetime.close());
    // Who says that they send nothing more is no client any more to `http`: it writes only what was written.
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

  /** Answers the request: from now on it is a stream. */
  open(): void {
    const { contentType, opening } = this.#options.format;
    this.#response.writeHead(200, { ...HEADERS, 'content-type': contentType });
    this.#response.write(opening);
  }

  tick(now: number): void {
    const { heartbeat, heartbeatMs } = this.#options.format;
    this.#lastHeartbeatAt ??= now;
    if (now - this.#lastHeartbeatAt < heartbeatMs || !this.isOpen || !this.#response.headersSent) return;
    this.#lastHeartbeatAt = now;
    this.#outbox.flush();
    this.#response.write(heartbeat);
  }

  deliver(payload: Payload, event: object): void {
    this.#outbox.write(this.#options.format.envelope, payload);
    this.#options.delivered(event);
  }

  end(error: ServiceError | null): void {
    // It has no room for a word, and comes back where it was. A gateway reads it in time, or is cut off then.
    if (error?.isSlowReader && !this.#options.isGateway) return this.cut();
    this.finish(error && [this.#options.formatError(error)]);
  }

  /** The last of the stream, with the errors for which it is over. */
  finish(errors: readonly GraphQLFormattedError[] | null): void {
    this.#write(this.#options.format.ending(errors));
  }

  close(code: number, reason: string): void {
    const { format, formatError, isGateway } = this.#options;
    const error = closingError(code, reason);
    const errors = [formatError(error)];
    if (isGateway || error.code === 'UNAUTHENTICATED') return this.finish(errors);
    const last = format.interruption(errors);
    if (last !== null) return this.#write(last);
    if (!this.isOpen) return;
    if (!this.#response.headersSent) return this.cut();
    this.#outbox.flush();
    this.lifetime.end();
    // Cut once what was written is on its way, and without the chunk that would end it well.
    this.#response.write('', () => this.#response.destroy());
  }

  retire(code: number, reason: string): void {
    this.close(code, reason);
  }

  onClose(closed: () => void): void {
    this.lifetime.onClose(closed);
  }

  isCongested(): boolean {
    return this.#outbox.isCongested();
  }

  onRoom(resume: () => void): () => void {
    return this.#outbox.onRoom(resume);
  }

  #write(last: string): void {
    if (!this.isOpen) return;
    // Ended before it began: its client is told in the same words.
    if (!this.#response.headersSent) this.open();
    this.#outbox.flush();
    if (!this.isOpen) return;
    this.lifetime.end();
    this.#response.end(last);
  }

  /** Without a word, and at once. */
  cut(): void {
    this.lifetime.end();
    this.#response.destroy();
  }
}
