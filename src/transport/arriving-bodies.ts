/**
 * Caps the bytes of all request bodies that have not come in full.
 *
 * Each body has a cap of its own; this one is of their sum. Over it the oldest body is
 * refused. An honest client sends its body at once, so slow bodies do not keep it out.
 */
import type { Readable } from 'node:stream';
import { Transform, type TransformCallback } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Passes a body on, and reports each chunk. */
class Arriving extends Transform {
  readonly #onBytes: () => void;
  bytes = 0;

  constructor(onBytes: () => void) {
    super();
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    this.#onBytes();
    done(null, chunk);
  }
}

export class ArrivingBodies {
  readonly #most: number;
  /** The oldest first. */
  readonly #bodies = new Set<Arriving>();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** For the metrics. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts the bodies of all routes. One that is here in full already takes no counting. */
  watch(app: FastifyInstance): void {
    app.addHook('preParsing', (request, reply, body, done) => {
      if (request.raw.complete) return done(null, body);
      const arriving = this.#count(body);
      // A client that is refused need not send the rest.
      arriving.once('error', () => reply.header('connection', 'close'));
      done(null, arriving);
    });
  }

  #count(body: Readable): Arriving {
    let counted = 0;
    const arriving = new Arriving(() => {
      this.#bytes += arriving.bytes - counted;
      counted = arriving.bytes;
      this.#makeRoom();
    });
    this.#bodies.add(arriving);
    const forget = (): void => {
      if (this.#bodies.delete(arriving)) this.#bytes -= counted;
    };
    arriving.once('end', forget).once('close', forget);
    body.once('error', (error) => arriving.destroy(error));
    body.once('close', forget);
    return body.pipe(arriving);
  }

  #makeRoom(): void {
    for (const oldest of this.#bodies) {
      if (this.#bytes <= this.#most) return;
      const refusal = new ServiceError('SERVICE_UNAVAILABLE', 'The body came too slowly.', { retryAfterMs: 1_000 });
      this.#bytes -= oldest.bytes;
      this.#bodies.delete(oldest);
      oldest.destroy(refusal);
    }
  }
}
