/** The libraries of front ends, set up as docs/federation.md says: how late messages come, and which errors the libraries show. */
import { setTimeout as wait } from 'node:timers/promises';
import { ApolloClient, type ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { cacheExchange, fetchExchange, subscriptionExchange, Client as Urql } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { type Client, createClient } from 'graphql-ws';
import { Observable } from 'relay-runtime';
import { WebSocket } from 'ws';
import type { Asked, Data, Heard } from './client.ts';

export type Listen = (url: string, token: string | null, asked: Asked) => Heard;

const authorization = (token: string | null, key: string): Record<string, string> =>
  token === null ? {} : { [key]: `Bearer ${token}` };

const socketOf = (url: string, token: string | null): Client =>
  createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: async () => authorization(token, 'Authorization'),
  });

const sseOf = (url: string, token: string | null) =>
  createSse({ url, headers: async () => authorization(token, 'authorization'), retryAttempts: 0 });

interface Sink {
  next(result: Data): void;
  error(error: Data): void;
  complete(): void;
}

/** Notes a result, or an error in whichever form the library gives it. */
function sinkOf(heard: Heard): Sink {
  const errorsOf = (error: Data): Data[] => {
    const all = Array.isArray(error) ? error : (error.graphQLErrors ?? error.errors ?? error.source?.errors ?? []);
    return all.length > 0 ? all : [error];
  };
  return {
    next: ({ data, errors, error }) => {
      const said = errors ?? (error ? errorsOf(error) : []);
      if (said.length > 0) heard.errors.push(...said);
      else if (data) heard.data.push(data);
    },
    error: (error) => {
      heard.errors.push(...errorsOf(error));
      heard.end = 'error';
    },
    complete: () => {
      heard.end ??= 'complete';
    },
  };
}

function listening(start: (sink: Sink) => () => void): Heard {
  let stop = (): void => undefined;
  const heard: Heard = { data: [], errors: [], end: null, stop: () => stop() };
  stop = start(sinkOf(heard));
  return heard;
}

function byApollo(link: ApolloLink, { query, variables }: Asked): Heard {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return listening((sink) => {
    const subscription = client.subscribe({ query: gql(query), variables: variables ?? {} }).subscribe(sink);
    return () => {
      subscription.unsubscribe();
      client.stop();
    };
  });
}

type Source = Pick<Client, 'subscribe'> | ReturnType<typeof sseOf>;

function byUrql(source: Source, url: string, { query, variables }: Asked): Heard {
  const forwardSubscription = (request: { query?: string | undefined }) => ({
    subscribe: (sink: never) => ({ unsubscribe: source.subscribe({ query: '', ...request } as never, sink) }),
  });
  const exchanges = [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })];
  const client = new Urql({ url, exchanges });
  return listening((sink) => client.subscription(query, variables ?? {}).subscribe(sink.next).unsubscribe);
}

function byRelay(source: Source, { query, variables }: Asked): Heard {
  const subscribe = ({ text }: { readonly text: string | null }, given: object) =>
    Observable.create((sink) => source.subscribe({ query: text ?? '', variables: given } as never, sink as never));
  return listening((sink) => {
    const subscription = subscribe({ text: query }, variables ?? {}).subscribe(sink);
    return () => subscription.unsubscribe();
  });
}

type FrontEnd = readonly [name: string, listen: Listen];

export const FRONT_ENDS: readonly FrontEnd[] = [
  ['Apollo Client, GraphQLWsLink', (url, token, asked) => byApollo(new GraphQLWsLink(socketOf(url, token)), asked)],
  [
    'Apollo Client, multipart',
    (url, token, asked) => byApollo(new HttpLink({ uri: url, headers: authorization(token, 'authorization') }), asked),
  ],
  ['urql, graphql-ws', (url, token, asked) => byUrql(socketOf(url, token), url, asked)],
  ['urql, graphql-sse', (url, token, asked) => byUrql(sseOf(url, token), url, asked)],
  ['graphql-sse', (url, token, asked) => listening((sink) => sseOf(url, token).subscribe(asked, sink as never))],
  ['Relay, graphql-ws', (url, token, asked) => byRelay(socketOf(url, token), asked)],
  ['Relay, graphql-sse', (url, token, asked) => byRelay(sseOf(url, token), asked)],
];

const ROUNDS = 3;
/** Longer than every delay of a router that was seen, which is 10 s. */
const PATIENCE_MS = 20_000;

/** Sends messages one at a time, and returns how long each took to arrive. */
export async function delays(heard: Heard, say: (text: string) => Promise<unknown>): Promise<string> {
  const all: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = `round ${round}`;
    const isHeard = (): boolean => JSON.stringify(heard.data.at(-1) ?? null).includes(text);
    const at = performance.now();
    await say(text);
    while (!isHeard() && performance.now() - at < PATIENCE_MS) await wait(2);
    all.push(Math.round(performance.now() - at));
  }
  return `${all.join(', ')} ms`;
}
