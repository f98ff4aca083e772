/** Clients with default options over a restart: which of them reconnect, and the errors that the others get. */
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { cacheExchange, fetchExchange, Client as UrqlClient } from '@urql/core';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { carriedBy, type Restart, startRestart } from '../support/restart.ts';
import { type Data, newId } from '../support/service.ts';

const RECEIVED = 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { content } }';
const VIEWER = '{ viewer { id } }';

/** What a client gives its user: a message, an error's codes, or the end. */
type Tell = (event: { readonly content?: string; readonly codes?: readonly string[] }) => void;

interface Started {
  /** The answer to a query. */
  viewer(): Promise<Data>;
  subscribe(ids: readonly string[], tell: Tell): void;
  stop(): void | Promise<void>;
}
type Start = (url: string, token: string) => Started;

const eventOf = ({ data, errors }: Data) => ({
  ...(data?.messageReceived ? { content: data.messageReceived.content } : {}),
  codes: (errors ?? []).map(({ extensions }: Data) => extensions?.code),
});

const CLIENTS: Readonly<Record<string, readonly [comesBack: boolean, start: Start]>> = {
  'graphql-ws': [
    true,
    (url, token) => {
      const socketUrl = url.replace('http', 'ws');
      const client = createWsClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { token } });
      return {
        viewer: async () => (await client.iterate({ query: VIEWER }).next()).value,
        subscribe: (ids, tell) =>
          void client.subscribe(
            { query: RECEIVED, variables: { ids } },
            { next: (value) => tell(eventOf(value)), error: (errors) => tell(eventOf({ errors })), complete() {} },
          ),
        stop: () => client.dispose(),
      };
    },
  ],
  'graphql-sse': [
    true,
    (url, token) => {
      const client = createSseClient({ url, headers: { authorization: `Bearer ${token}` } });
      return {
        viewer: async () => (await client.iterate({ query: VIEWER }).next()).value,
        subscribe: (ids, tell) =>
          void client.subscribe(
            { query: RECEIVED, variables: { ids: [...ids] } },
            { next: (value) => tell(eventOf(value)), error: () => tell({}), complete() {} },
          ),
        stop: () => client.dispose(),
      };
    },
  ],
  'Apollo Client': [
    false,
    (uri, token) => {
      const link = new HttpLink({ uri, headers: { authorization: `Bearer ${token}` } });
      const client = new ApolloClient({ link, cache: new InMemoryCache() });
      const subscription: { unsubscribe?: () => void } = {};
      return {
        viewer: () => client.query({ query: gql(VIEWER), fetchPolicy: 'network-only' }),
        subscribe: (ids, tell) => {
          const observable = client.subscribe<Data>({ query: gql(RECEIVED), variables: { ids } });
          const next = ({ data, error }: Data): void => tell(eventOf({ data, errors: error?.errors }));
          subscription.unsubscribe = () => observed.unsubscribe();
          const observed = observable.subscribe({ next });
        },
        stop: () => {
          subscription.unsubscribe?.();
          client.stop();
        },
      };
    },
  ],
  urql: [
    false,
    (url, token) => {
      const client = new UrqlClient({
        url,
        exchanges: [cacheExchange, fetchExchange],
        // Without it a subscription needs an exchange of its own.
        fetchSubscriptions: true,
        fetchOptions: { headers: { authorization: `Bearer ${token}` } },
      });
      let unsubscribe = (): void => undefined;
      return {
        viewer: () => client.query(VIEWER, {}, { requestPolicy: 'network-only' }).toPromise(),
        subscribe: (ids, tell) => {
          ({ unsubscribe } = client.subscription(RECEIVED, { ids }).subscribe(({ data, error }) =>
            // With an error comes the last data once more.
            tell(eventOf({ data: error ? null : data, errors: error?.graphQLErrors })),
          ));
        },
        stop: () => unsubscribe(),
      };
    },
  ],
};

describe('a restart, with all defaults', () => {
  let nodes: Restart;
  beforeEach(async () => {
    nodes = await startRestart();
  });
  afterEach(() => nodes.close());

  it.each(Object.entries(CLIENTS))('%s', async (_, [comesBack, start]) => {
    const { old, next, url } = nodes;
    const id = newId();
    await next.query('bob', `mutation { createConversation(input: {id: "${id}"}) { id } }`);
    const send = (content: string) =>
      next.query('bob', `mutation { sendMessage(input: {conversationId: "${id}", content: "${content}"}) { id } }`);
    const contents: string[] = [];
    const codes: string[] = [];
    const client = start(url, await old.token('bob'));
    client.subscribe([id], (event) => {
      if (event.content !== undefined) contents.push(event.content);
      codes.push(...(event.codes ?? []));
    });
    await eventually(async () => expect(await carriedBy(old)).toBe(1));
    expect((await client.viewer()).data).toMatchObject({ viewer: { id: 'bob' } });
    await send('one');
    await eventually(() => expect(contents).toEqual(['one']));
    await nodes.restart();
    if (comesBack) {
      await eventually(async () => expect(await carriedBy(next)).toBe(1));
      await send('two');
      await eventually(() => expect(contents).toEqual(['one', 'two']));
    } else {
      await eventually(() => expect(codes).toEqual(['SERVICE_UNAVAILABLE']));
      expect([await carriedBy(next), contents]).toEqual([0, ['one']]);
    }
    expect((await client.viewer()).data).toMatchObject({ viewer: { id: 'bob' } });
    await client.stop();
  });
});
