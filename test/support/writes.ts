/** Counts what sockets of this process write. */
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** Writes in the turn of the event loop in which `work` asks for something, and at its end. */
export async function countWrites(work: () => void): Promise<number> {
  const { _write, _writev } = Socket.prototype;
  let count = 0;
  await turn();
  Socket.prototype._write = function (...chunk) {
    count += 1;
    return _write.apply(this, chunk);
  };
  Socket.prototype._writev = function (...chunks) {
    count += 1;
    return _writev?.apply(this, chunks);
  };
  try {
    work();
    await turn();
    return count;
  } finally {
    Object.assign(Socket.prototype, { _write, _writev });
  }
}
