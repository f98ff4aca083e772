/**
 * The commands of one turn of the event loop leave in one write per server.
 *
 * Used instead of the library's automatic pipelines. Each pipeline is an object with all commands and scripts, which
 * costs more than a command, and each waits for the answer to the previous one.
 */
import type { Writable } from 'node:stream';
import type { Command, Redis } from 'ioredis';

type Send = Redis['sendCommand'];

export function inOneWrite(client: Redis): Redis {
  // Looked up at each command, since tests that count commands wrap the class after the client was created.
  const library = Object.getPrototypeOf(client) as { sendCommand: Send };
  let corked: Writable | null = null;

  function cork(stream: Writable): void {
    corked = stream;
    stream.cork();
    setImmediate(() => {
      if (corked === stream) corked = null;
      stream.uncork();
    });
  }

  client.sendCommand = (command: Command, ...where) => {
    // A new stream after each reconnect, and none before the first connection.
    const stream: Writable | undefined = client.stream;
    if (stream && stream !== corked) cork(stream);
    return library.sendCommand.call(client, command, ...where);
  };
  return client;
}
