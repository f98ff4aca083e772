/** Apps with a cache of their own: a link of Apollo Client and an exchange of urql by which any subscription resumes. */
import { ApolloClient, ApolloLink, gql, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { HttpLink } from '@apollo/client/link/http';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { subscriptionExchange, Client as UrqlClient } from '@urql/core';
import { WebSocket } from 'ws';
import { ResumingLink } from '../../client/src/apollo/index.ts';
import { Place, resume } from '../../client/src/resuming.ts';
import { resumingExchange } from '../../client/src/urql/index.ts';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { watchedSocket } from '../support/watched-socket.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { conversationId content position }
}`;
const INBOX = `subscription ($after: [ID!]) {
  inbox(after: $after) {
    __typename
    ... on MessageSent { message { id conversationId content position } }
    ... on Checkpoint { position isLive }
  }
}`;

interface Heard {
  readonly events: Data[];
  readonly resets: Data[];
  stop(): void;
}
type Listen = (url: string, token: () => Promise<string>, query: string, variables: object) => Heard;

const PING_EVERY_MS = 300;
const PONG_WITHIN_MS = 2_000;

const socketOf = (url: string, token: () => Promise<string>) =>
  watchedSocket(
    {
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: async () => ({ token: await token() }),
    },
    PING_EVERY_MS,
    PONG_WITHIN_MS,
  );

const apolloOver =
  (carry: (url: string, token: () => Promise<string>) => ApolloLink): Listen =>
  (url, token, query, variables) => {
    const heard: { events: Data[]; resets: Data[] } = { events: [], resets: [] };
    const resuming = new ResumingLink({ onReset: (_name, extensions) => heard.resets.push(extensions) });
    const client = new ApolloClient({
      link: ApolloLink.from([resuming, carry(url, token)]),
      cache: new InMemoryCache(),
    });
    const subscription = client
      .subscribe<Data>({ query: gql(query), variables })
      .subscribe(({ data, error }) => heard.events.push(error ?? data));
    return {
      ...heard,
      stop() {
        subscription.unsubscribe();
        client.stop();
      },
    };
  };

const CLIENTS: Readonly<Record<string, Listen>> = {
  'Apollo Client on graphql-ws': apolloOver((url, token) => new GraphQLWsLink(socketOf(url, token))),
  'Apollo Client on multipart': apolloOver((url, token) =>
    ApolloLink.from([
      new SetContextLink(async () => ({ headers: { authorization: `Bearer ${await token()}` } })),
      new HttpLink({ uri: `${url}/graphql` }),
    ]),
  ),
  'urql on graphql-ws': (url, token, query, variables) => {
    const heard: { events: Data[]; resets: Data[] } = { events: [], resets: [] };
    const socket = socketOf(url, token);
    const client = new UrqlClient({
      url,
      preferGetMethod: false,
      exchanges: [
        resumingExchange({ onReset: (_operation, extensions) => heard.resets.push(extensions) }),
        subscriptionExchange({
          forwardSubscription: ({ query: text, variables: present }) => ({
            subscribe: (sink) => ({
              unsubscribe: socket.subscribe(
                { query: text ?? '', variables: present as Record<string, unknown> },
                sink as Data,
              ),
            }),
          }),
        }),
      ],
    });
    const subscription = client
      .subscription<Data>(query, variables)
      .subscribe(({ data, error }) => heard.events.push(error ?? data));
    return {
      ...heard,
      stop() {
        subscription.unsubscribe();
        void socket.dispose();
      },
    };
  },
};

describe.each(Object.entries(CLIENTS))('%s', (name, listen) => {
  let service: TestService;
  let proxy: TcpProxy;
  let alice: string;
  const heard: Heard[] = [];
  beforeAll(async () => {
    service = await startTestService();
    proxy = await startTcpProxy(service.service.port);
  });
  beforeEach(() => {
    alice = `alice-${newId()}`;
  });
  afterEach(() => {
    for (const { stop } of heard.splice(0)) stop();
  });
  afterAll(async () => {
    await proxy.close();
    await service.close();
  });
  const open = (query: string, variables: object): Heard => {
    const token = () => service.token(alice, { expiresAt: Math.floor(service.clock.now() / 1_000) + 60 });
    const one = listen(`http://127.0.0.1:${proxy.port}`, token, query, variables);
    heard.push(one);
    return one;
  };

  it('receives each message of two conversations once, over disconnects and an expired token', async () => {
    const by = user(service, alice);
    const [one, two] = [await createConversation(by), await createConversation(by)];
    const { events } = open(RECEIVED, { ids: [one.id, two.id], after: [one.position, two.position] });
    const contents = (): string[] => events.map((event: Data) => event.messageReceived?.content);
    const sent: string[] = [];
    const say = async (to: { id: string }, content: string): Promise<void> => {
      await send(by, to.id, content);
      sent.push(content);
    };
    await say(one, '1');
    await eventually(() => expect(contents()).toEqual(sent));
    proxy.redirect(1);
    await say(one, '2');
    proxy.redirect(service.service.port);
    await eventually(() => expect(contents()).toEqual(sent));
    // The second conversation was silent so far: it goes on from where the app said.
    proxy.redirect(1);
    await say(two, '3');
    proxy.redirect(service.service.port);
    await eventually(() => expect(contents()).toEqual(sent));
    service.clock.advance(100_000);
    await say(two, '4');
    await eventually(() => expect(contents()).toEqual(sent));
  });

  it('comes back from a connection that went silent, or that ended', async () => {
    const by = user(service, alice);
    const { id, position } = await createConversation(by);
    const { events } = open(RECEIVED, { ids: [id], after: [position] });
    const contents = (): string[] => events.map((event: Data) => event.messageReceived?.content);
    await send(by, id, 'before');
    await eventually(() => expect(contents()).toEqual(['before']));
    expect(proxy.silence()).toBeGreaterThan(0);
    await send(by, id, 'during');
    // Only a socket has pings: what reads a stream over HTTP waits for its end.
    if (!name.endsWith('graphql-ws')) proxy.redirect(service.service.port);
    await eventually(() => expect(contents()).toEqual(['before', 'during']));
  });

  it('receives each inbox event once, and goes on after a position that cannot be resumed', async () => {
    const by = user(service, alice);
    const { id } = await createConversation(by);
    const { events } = open(INBOX, {});
    const contents = (): string[] =>
      events.flatMap(({ inbox }: Data) => (inbox?.__typename === 'MessageSent' ? [inbox.message.content] : []));
    await eventually(() => expect(events.some(({ inbox }: Data) => inbox?.isLive)).toBe(true));
    const sent: string[] = [];
    for (let cut = 0; cut < 3; cut += 1) {
      await send(by, id, `before ${cut}`);
      sent.push(`before ${cut}`);
      await eventually(() => expect(contents()).toEqual(sent));
      proxy.redirect(1);
      await send(by, id, `during ${cut}`);
      sent.push(`during ${cut}`);
      proxy.redirect(service.service.port);
    }
    await eventually(() => expect(contents()).toEqual(sent));

    const [log, epoch, place] = Buffer.from((await createConversation(by)).position, 'base64url')
      .toString()
      .split('~');
    const forged = Buffer.from([log, `x${epoch}`, place].join('~')).toString('base64url');
    const lost = open(RECEIVED, { ids: [log], after: [forged] });
    await eventually(() => expect(lost.resets).toMatchObject([{ conversationId: log, reason: 'EPOCH' }]));
  });
});

describe('an error of a subscription', () => {
  it.each([
    ['SERVICE_UNAVAILABLE', 'begins again', []],
    ['RATE_LIMITED', 'begins again', []],
    ['INTERNAL_SERVER_ERROR', 'begins again', []],
    ['POSITION_EXPIRED', 'begins again', []],
    ['FORBIDDEN', 'ends', ['It failed.']],
    ['UNAUTHENTICATED', 'ends', ['It failed.']],
    [undefined, 'ends', ['It failed.']],
  ])('with the code %s: the subscription %s', (code, _, told) => {
    const heard: unknown[] = [];
    const stop = resume({
      variables: {},
      start(_variables, attempt) {
        attempt.error([{ message: 'It failed.', extensions: { code } }]);
        return () => undefined;
      },
      next: (result) => heard.push(result),
      error: (errors) => heard.push((errors as Data[])[0]?.message),
      complete: () => heard.push('complete'),
    });
    stop();
    expect(heard).toEqual(told);
  });
});

describe('the position of a subscription', () => {
  it('follows its events', () => {
    const place = new Place({ ids: ['a', 'b'], after: ['a1', 'b1'] });
    expect(place.variables['after']).toEqual(['a1', 'b1']);
    place.learn({ messageReceived: { conversationId: 'b', position: 'b2' } });
    expect(place.variables).toEqual({ ids: ['a', 'b'], after: ['a1', 'b2'] });
    place.clear();
    expect(place.variables).toEqual({ ids: ['a', 'b'], after: null });
  });

  it('of an inbox stays at its start until the first checkpoint', () => {
    const place = new Place({ after: ['c1'] });
    place.learn({ inbox: { message: { conversationId: 'a', position: 'a1' } } });
    expect(place.variables['after']).toEqual(['c1']);
    place.learn({ inbox: { position: 'c2', isLive: true } });
    place.learn({ inbox: { message: { conversationId: 'a', position: 'a2' } } });
    place.learn({ inbox: { message: { conversationId: 'b', position: 'b2' } } });
    expect(place.variables['after']).toEqual(['c2', 'a2', 'b2']);
    place.learn({ inbox: { __typename: 'ConversationLeft', conversationId: 'a' } });
    expect(place.variables['after']).toEqual(['c2', 'b2']);
  });
});
