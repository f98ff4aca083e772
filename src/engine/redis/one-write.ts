/**
 * The commands of one turn of the event loop leave in one write per server.
 *
 * Used instead of the library's automatic pipelines. Each of these is a client with all commands and scripts of its own, which
 * costs more than a command does, and the next one waits for the answer to the one before.
 */
import type { Writable } from 'node:stream';
import type { Command, Redis } from 'ioredis';

type Send = Redis['sendCommand'];

export function inOneWrite(client: Redis): Redis {
  // Looked up with each command: the tests that count commands wrap the class, also after a client was made.
  const library = Object.getPrototypeOf(client) as { sendCommand: Send };
  let held: Writable | null = null;

  function hold(stream: Writable): void {
    held = stream;
    stream.cork();
    setImmediate(() => {
      if (held === stream) held = null;
      stream.uncork();
    });
  }

  client.sendCommand = (command: Command, ...where) => {
    // Another one after each break, and none before the first connection.
    const stream: Writable | undefined = client.stream;
    if (stream && stream !== held) hold(stream);
    return library.sendCommand.call(client, command, ...where);
  };
  return client;
}
