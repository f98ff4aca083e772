/**
 * Closes a connection whose server sends nothing while commands wait for answers: the other end may be gone.
 *
 * Used instead of the library's `socketTimeout`, which runs before pending input is read. After a stall of this process,
 * such as a long garbage collection or a suspended machine, it closes a connection whose answers wait to be read, and
 * then no caller learns whether its change was made.
 */
import type { Redis } from 'ioredis';
import { deadline } from '../../clock.ts';

type Send = Redis['sendCommand'];

/** Looks within the allowed silence. A stall of this process counts as one look at most. */
const LOOKS = 4;

export function closedWhenSilent(client: Redis, silentMs: number): Redis {
  const send: Send = client.sendCommand;
  let stopWatching: (() => void) | null = null;

  function watch(): void {
    const { stream } = client;
    if (stream) look(stream, stream.bytesRead, LOOKS);
  }

  function look(stream: Redis['stream'], bytesRead: number, left: number): void {
    stopWatching = deadline(silentMs / LOOKS, () => {
      stopWatching = null;
      if (client.commandQueue.length === 0) return;
      if (client.stream !== stream || stream.bytesRead !== bytesRead) return watch();
      if (left > 1) return look(stream, bytesRead, left - 1);
      stream.destroy(new Error(`The Redis server sent nothing for ${silentMs} ms.`));
    });
  }

  client.sendCommand = (command, ...where) => {
    const answer = send.call(client, command, ...where);
    if (!stopWatching) watch();
    return answer;
  };
  client.on('close', () => {
    stopWatching?.();
    stopWatching = null;
  });
  return client;
}
