/** Unread plain HTTP responses: their bytes count like those of WebSockets, and they have a deadline. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Account, AccountOwner, UnsentBytes } from '../peers/unsent-bytes.ts';

const SWEEP_MS = 1_000;

/** One TCP connection and its responses; several when the client pipelines. */
class AnsweredSocket implements AccountOwner {
  readonly #socket: Socket;
  readonly #account: Account;
  /** The time at which the oldest unread response began to wait. */
  unreadSince = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, unsent: UnsentBytes) {
    this.#socket = socket;
    this.#account = unsent.account(this);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  add(bytes: number, now: number): void {
    if (this.#account.bytes === 0) this.unreadSince = now;
    this.#account.update(this.#account.bytes + bytes);
  }

  remove(bytes: number, now: number): void {
    this.#account.update(Math.max(this.#account.bytes - bytes, 0));
    this.unreadSince = this.#account.bytes === 0 ? Number.POSITIVE_INFINITY : now;
  }

  /** No other message can follow half a response. */
  close(): void {
    this.cut();
  }

  cut(): void {
    this.#account.update(0);
    this.#socket.destroy();
  }
}

/** Counts each response from its first write until the kernel has taken all of it. */
export function countUnreadAnswers(app: FastifyInstance, unsent: UnsentBytes, clock: Clock): void {
  const answered = new Map<Socket, AnsweredSocket>();
  const answeredBy = (socket: Socket): AnsweredSocket => {
    const known = answered.get(socket);
    if (known) return known;
    const peer = new AnsweredSocket(socket, unsent);
    answered.set(socket, peer);
    // Responses queued behind the one being written get no event when it ends.
    socket.once('close', () => {
      answered.delete(socket);
      peer.cut();
    });
    return peer;
  };
  app.addHook('onSend', (request, { raw: response }, payload, done) => {
    const { socket } = request.raw;
    if ((typeof payload !== 'string' && !Buffer.isBuffer(payload)) || socket.destroyed) return done(null, payload);
    // Node holds three bytes for each character of a string that waits to be sent.
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const peer = answeredBy(socket);
    peer.add(bytes.length, clock.elapsed());
    response.once('close', () => peer.remove(bytes.length, clock.elapsed()));
    done(null, bytes);
  });
  clock.every(SWEEP_MS, () => {
    const before = clock.elapsed() - TIMES.unreadAnswerMs;
    for (const peer of answered.values()) if (peer.unreadSince <= before) peer.cut();
  });
}
