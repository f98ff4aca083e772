/**
 * Counts the bodies of requests: while they arrive, while their sender is unknown, and until they are answered.
 *
 * Each body has a cap of its own; `UnhandledBytes` has the cap of all. An honest client
 * sends its body at once, so slow bodies do not keep it out.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Transform, type TransformCallback } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError, unavailable } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ByteSource, PeerBytes, UnhandledBytes } from '../peers/unhandled-bytes.ts';

/** Passes a body on, and reports each chunk. */
class Arriving extends Transform {
  readonly #onBytes: (bytes: number) => void;
  #bytes = 0;

  constructor(onBytes: (bytes: number) => void) {
    super();
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    this.#onBytes(this.#bytes);
    done(null, chunk);
  }
}

/** The length of the body by the headers; infinite when a body of unknown length follows. */
export function bytesToCome({ headers }: Pick<IncomingMessage, 'headers'>): number {
  if (headers['content-length'] !== undefined) return Number(headers['content-length']) || 0;
  return headers['transfer-encoding'] === undefined ? 0 : Number.POSITIVE_INFINITY;
}

/** The body of one request. */
class Body implements ByteSource {
  readonly #bytes: PeerBytes;
  #reject: ((refusal: ServiceError) => void) | null = null;

  constructor(unhandled: UnhandledBytes, toCome: number) {
    this.#bytes = unhandled.of(this);
    // Node reads this many bytes ahead of us.
    this.#bytes.update(Math.min(toCome, LIMITS.strangerBodyBytes), 0);
  }

  turnAway(): void {
    this.forget();
    this.#reject?.(
      new ServiceError('SERVICE_UNAVAILABLE', 'The request body arrived too slowly.', { retryAfterMs: 1_000 }),
    );
  }

  /** Resolves as `work` does, unless the body is refused first. */
  async until<Value>(work: Promise<Value>, onRefusal: () => void): Promise<Value> {
    try {
      return await Promise.race([
        work,
        new Promise<never>((_resolve, reject) => {
          this.#reject = (refusal) => {
            onRefusal();
            reject(refusal);
          };
        }),
      ]);
    } finally {
      this.#reject = null;
    }
  }

  arriving(body: Readable): Arriving {
    const arriving = new Arriving((bytes) => this.#bytes.update(bytes, 0));
    this.#reject = (refusal) => arriving.destroy(refusal);
    arriving.once('end', () => {
      this.#reject = null;
      this.take(this.#bytes.bytes);
    });
    body.once('error', (error) => arriving.destroy(error));
    return body.pipe(arriving);
  }

  get bytes(): number {
    return this.#bytes.bytes;
  }

  /** The body has arrived, and is being handled. */
  take(bytes: number): void {
    this.#bytes.update(0, bytes);
  }

  forget(): void {
    this.#bytes.update(0, 0);
  }
}

const bodies = new WeakMap<IncomingMessage, Body>();
/** Responses queued behind another one get no event when their connection ends. */
const ofSockets = new WeakMap<Socket, Set<Body>>();

function begin(raw: IncomingMessage, body: Body): void {
  bodies.set(raw, body);
  const { socket } = raw;
  const known = ofSockets.get(socket);
  if (known) return void known.add(body);
  const own = new Set([body]);
  ofSockets.set(socket, own);
  socket.once('close', () => {
    for (const each of own) each.forget();
  });
}

export function forgetBody(raw: IncomingMessage): void {
  const body = bodies.get(raw);
  if (!body) return;
  body.forget();
  bodies.delete(raw);
  ofSockets.get(raw.socket)?.delete(body);
}

/** The number of bytes of a request's body that have arrived. */
export const bytesOfBody = (raw: IncomingMessage): number => bodies.get(raw)?.bytes ?? 0;

/** Requests whose bodies had no room; they are not kept. */
const refused = new WeakSet<IncomingMessage>();

/** Counts the body of a request that begins or waits. */
export function countBody(raw: IncomingMessage, unhandled: UnhandledBytes): void {
  const toCome = bytesToCome(raw);
  if (toCome === 0 || bodies.has(raw) || refused.has(raw)) return;
  if (unhandled.hasRoomFor(toCome === Number.POSITIVE_INFINITY ? LIMITS.strangerBodyBytes : toCome))
    return begin(raw, new Body(unhandled, toCome));
  refused.add(raw);
  raw.resume();
}

/** Counts the bodies of all routes. */
export function watchBodies(app: FastifyInstance, unhandled: UnhandledBytes): void {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    countBody(raw, unhandled);
    if (!refused.has(raw)) return done();
    // A refused client need not send the rest.
    reply.header('connection', 'close');
    done(unavailable());
  });
  app.addHook('preParsing', (request, reply, stream, done) => {
    const body = bodies.get(request.raw);
    if (!body) return done(null, stream);
    if (request.raw.complete) {
      body.take(request.raw.readableLength);
      return done(null, stream);
    }
    const arriving = body.arriving(stream);
    arriving.once('error', () => reply.header('connection', 'close'));
    done(null, arriving);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    dropBody(reply);
    done(null, payload);
  });
}

/** Waits for `work` before the body is read. @throws {ServiceError} when its memory is needed for others meanwhile. */
export async function beforeBody<Value>(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  work: Promise<Value>,
): Promise<Value> {
  const body = bodies.get(raw);
  return body ? body.until(work, () => void reply.header('connection', 'close')) : work;
}

/** Releases the body of a request whose response has begun, since a stream may last long. */
export function dropBody({ request }: FastifyReply): void {
  forgetBody(request.raw);
  request.body = undefined;
}
