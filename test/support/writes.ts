/** Counts what sockets of this process write. */
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** Writes, of sockets that count, until what `work` asks for is there, and to the end of that turn of the event loop. */
export async function countWrites(
  work: () => unknown,
  isCounted: (socket: Socket) => boolean = () => true,
): Promise<number> {
  const { _write, _writev } = Socket.prototype;
  let count = 0;
  await turn();
  Socket.prototype._write = function (...chunk) {
    if (isCounted(this)) count += 1;
    return _write.apply(this, chunk);
  };
  Socket.prototype._writev = function (...chunks) {
    if (isCounted(this)) count += 1;
    return _writev?.apply(this, chunks);
  };
  try {
    await work();
    await turn();
    return count;
  } finally {
    Object.assign(Socket.prototype, { _write, _writev });
  }
}
