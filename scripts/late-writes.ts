/**
 * Preloaded into a process: each write to a socket, and what a child process prints, comes late by a random time. Each
 * socket keeps its order, but facts that come on different sockets come in any order.
 */
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const LONGEST_MS = Number(process.env['LATE_MS'] ?? 20);

/** Node's own names. */
interface Inner extends Socket {
  readonly fd?: number;
  readonly _handle: { readonly constructor: { readonly name: string } } | null;
  _writeGeneric(...words: unknown[]): unknown;
}
const inner = Socket.prototype as Inner;

/** Others, as those of TLS, write through a plain one. */
const isPlain = (socket: Socket): boolean => socket.constructor === Socket;
const lateMs = (): number => (Math.random() < 0.5 ? 0 : Math.random() * LONGEST_MS);

/** The write of a socket that is waiting: a socket has one at a time. */
const waiting = new WeakMap<Socket, () => void>();
const write = inner._writeGeneric;
inner._writeGeneric = function (this: Inner, ...words) {
  const isOutput = this.fd !== undefined && this.fd >= 0 && this.fd <= 2;
  if (!isPlain(this) || isOutput) return write.apply(this, words);
  const now = (): void => {
    if (waiting.delete(this)) write.apply(this, words);
  };
  waiting.set(this, now);
  void wait(lateMs()).then(now);
  return undefined;
};

const destroy = inner._destroy;
inner._destroy = function (this: Inner, ...words) {
  waiting.get(this)?.();
  return destroy.apply(this, words);
};

/** What is printed follows what was printed before. */
const printed = new WeakMap<Socket, Promise<void>>();
const push = inner.push;
inner.push = function (this: Inner, ...words) {
  if (!isPlain(this) || this._handle?.constructor.name !== 'Pipe') return push.apply(this, words);
  const before = printed.get(this);
  const after = (before ?? Promise.resolve()).then(() => wait(lateMs())).then(() => void push.apply(this, words));
  printed.set(this, after);
  return true;
};
