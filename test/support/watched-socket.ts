/** The recipe of docs/clients.md: a client of graphql-ws that notices a connection that has gone silent. */
import { type Client, type ClientOptions, createClient } from 'graphql-ws';

/** Ends a connection that answers no ping in time. It does not reconnect: the link or exchange resumes on a new one. */
export function watchedSocket(options: ClientOptions, pingEveryMs = 10_000, pongWithinMs = 5_000): Client {
  let late: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({ ...options, retryAttempts: 0, keepAlive: pingEveryMs });
  client.on('ping', (isReceived) => {
    if (!isReceived) late = setTimeout(() => client.terminate(), pongWithinMs);
  });
  client.on('pong', () => clearTimeout(late));
  client.on('closed', () => clearTimeout(late));
  return client;
}
