/** Subscriptions over HTTP with the clients of front ends. */
import { ApolloClient, type ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { fetchExchange, Client as UrqlClient } from '@urql/core';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { content position }
}`;

describe('clients of subscriptions over HTTP', () => {
  let service: TestService;
  /** Each test has a conversation of its own. */
  let id: string;
  beforeAll(async () => {
    service = await startTestService();
  });
  beforeEach(async () => {
    id = newId();
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await service.query('alice', create, { input: { id, name: 'Streams', memberIds: ['bob'] } });
  });
  afterEach(() => eventually(async () => expect(await subscriptions()).toBe(0)));
  afterAll(() => service.close());

  async function send(content: string): Promise<string> {
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { position } }';
    const { data } = await service.query('alice', text, { input: { conversationId: id, content } });
    return data.sendMessage.position;
  }
  const contentsOf = (events: readonly Data[]): string[] =>
    events.map(({ messageReceived }) => messageReceived.content);

  /** Subscriptions this node carries, whatever carries them. */
  async function subscriptions(): Promise<number> {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const lines = text.matchAll(/^realtime_subscriptions\{transport="\w+"\} (\d+)$/gm);
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  const headers = async () => ({ authorization: `Bearer ${await service.token('bob')}` });

  it.each(['POST', 'GET'] as const)('graphql-sse, by %s', async (method) => {
    const client = createSseClient({
      url: `${service.url}/graphql`,
      headers: await headers(),
      ...(method === 'GET' ? { method } : {}),
    } as Parameters<typeof createSseClient>[0]);
    const position = await send('before');
    await send('missed');
    const events: Data[] = [];
    client.subscribe(
      { query: RECEIVED, variables: { ids: [id], after: [position] } },
      { next: ({ data }) => void events.push(data), error: (error) => events.push(error), complete: () => undefined },
    );
    await eventually(() => expect(events).toHaveLength(1));
    await send('live');
    await eventually(() => expect(contentsOf(events)).toEqual(['missed', 'live']));
    client.dispose();
  });

  async function throughApollo(link: ApolloLink): Promise<void> {
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const events: Data[] = [];
    const subscription = client
      .subscribe<Data>({ query: gql(RECEIVED), variables: { ids: [id] } })
      .subscribe({ next: ({ data, error }) => void events.push(data ?? error) });
    await eventually(async () => {
      expect(await subscriptions()).toBe(1);
    });
    for (const content of ['one', 'two']) await send(content);
    await eventually(() => expect(contentsOf(events)).toEqual(['one', 'two']));
    subscription.unsubscribe();
    await eventually(async () => expect(await subscriptions()).toBe(0));
    client.stop();
  }

  it('Apollo Client, its own multipart reader', async () => {
    await throughApollo(new HttpLink({ uri: `${service.url}/graphql`, headers: await headers() }));
  });

  it('Apollo Client, its GraphQLWsLink', async () => {
    const url = service.wsUrl;
    const connectionParams = await headers();
    const client = createWsClient({ url, webSocketImpl: WebSocket, connectionParams });
    await throughApollo(new GraphQLWsLink(client));
    await client.dispose();
  });

  it('urql, with fetchSubscriptions', async () => {
    const fetchOptions = { headers: await headers() };
    const client = new UrqlClient({
      url: `${service.url}/graphql`,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      fetchOptions,
      preferGetMethod: false,
    });
    const events: Data[] = [];
    const { unsubscribe } = client
      .subscription(RECEIVED, { ids: [id] })
      .subscribe(({ data }) => void events.push(data));
    await eventually(async () => expect(await subscriptions()).toBe(1));
    for (const content of ['one', 'two']) await send(content);
    await eventually(() => expect(contentsOf(events)).toEqual(['one', 'two']));
    unsubscribe();
  });

  /** What each client is told by, for the recipe of docs/clients.md: subscribe again, with a fresh token, where it was. */
  type Heard = (event: { readonly data?: Data; readonly codes: readonly string[] }) => void;
  const codesOf = (errors: readonly { extensions?: Data }[] = []): string[] =>
    errors.map(({ extensions }) => extensions?.code);
  type Subscribe = (token: string, after: string[], heard: Heard) => () => void;
  const CLIENTS: Readonly<Record<string, Subscribe>> = {
    'graphql-sse': (token, after, heard) => {
      const client = createSseClient({ url: `${service.url}/graphql`, headers: { authorization: `Bearer ${token}` } });
      const next = ({ data, errors }: Data): void => heard({ data, codes: codesOf(errors) });
      client.subscribe({ query: RECEIVED, variables: { ids: [id], after } }, { next, error: next, complete() {} });
      return () => client.dispose();
    },
    urql: (token, after, heard) => {
      const client = new UrqlClient({
        url: `${service.url}/graphql`,
        exchanges: [fetchExchange],
        fetchSubscriptions: true,
        fetchOptions: { headers: { authorization: `Bearer ${token}` } },
      });
      const { unsubscribe } = client
        .subscription(RECEIVED, { ids: [id], after })
        .subscribe(({ data, error }) => heard({ data, codes: codesOf(error?.graphQLErrors) }));
      return unsubscribe;
    },
    'Apollo Client': (token, after, heard) => {
      const link = new HttpLink({ uri: `${service.url}/graphql`, headers: { authorization: `Bearer ${token}` } });
      const client = new ApolloClient({ link, cache: new InMemoryCache() });
      const subscription = client
        .subscribe<Data>({ query: gql(RECEIVED), variables: { ids: [id], after } })
        .subscribe(({ data, error }) => heard({ data, codes: codesOf((error as Data)?.errors) }));
      return () => {
        subscription.unsubscribe();
        client.stop();
      };
    },
  };

  it.each(Object.entries(CLIENTS))('%s continues after its token has expired, by the recipe', async (_, subscribe) => {
    const contents: string[] = [];
    const after = [await send('before')];
    let stop = (): void => undefined;
    const follow = async (): Promise<void> => {
      stop();
      stop = subscribe(await service.token('bob'), [...after], ({ data, codes }) => {
        if (codes.includes('UNAUTHENTICATED')) return isOver();
        if (data) {
          contents.push(data.messageReceived.content);
          after[0] = data.messageReceived.position;
        }
      });
    };
    let isOver = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    await follow();
    await send('one');
    await eventually(() => expect(contents).toEqual(['one']));
    service.clock.advance(3_600_000 + TIMES.clockToleranceMs);
    await over;
    await send('missed');
    await follow();
    await send('two');
    await eventually(() => expect(contents).toEqual(['one', 'missed', 'two']));
    stop();
  });
});
