/** Plain answers over HTTP that are not read: they count like what web sockets hold, and end in time. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { Account, Holder, Unsent } from '../peers/unsent.ts';

const SWEEP_MS = 1_000;

/** One TCP connection and the answers on it, of which there are several when its client asks ahead. */
class AnsweredSocket implements Holder {
  readonly #socket: Socket;
  readonly #account: Account;
  /** When the first of the answers that are unread began to be. */
  unreadSince = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, unsent: Unsent) {
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

  /** There is no word that could follow half an answer. */
  close(): void {
    this.cut();
  }

  cut(): void {
    this.#account.update(0);
    this.#socket.destroy();
  }
}

/** Counts each answer from when it is written until the kernel has taken all of it. */
export function countUnreadAnswers(app: FastifyInstance, unsent: Unsent, clock: Clock): void {
  const answered = new Map<Socket, AnsweredSocket>();
  const holderOf = (socket: Socket): AnsweredSocket => {
    const known = answered.get(socket);
    if (known) return known;
    const holder = new AnsweredSocket(socket, unsent);
    answered.set(socket, holder);
    // Answers that were to follow the one being written are not told of its end.
    socket.once('close', () => {
      answered.delete(socket);
      holder.cut();
    });
    return holder;
  };
  app.addHook('onSend', (request, { raw: response }, payload, done) => {
    const { socket } = request.raw;
    if ((typeof payload === 'string' || Buffer.isBuffer(payload)) && !socket.destroyed) {
      const holder = holderOf(socket);
      const bytes = Buffer.byteLength(payload);
      holder.add(bytes, clock.elapsed());
      response.once('close', () => holder.remove(bytes, clock.elapsed()));
    }
    done(null, payload);
  });
  clock.every(SWEEP_MS, () => {
    const before = clock.elapsed() - TIMES.unreadAnswerMs;
    for (const holder of answered.values()) if (holder.unreadSince <= before) holder.cut();
  });
}
