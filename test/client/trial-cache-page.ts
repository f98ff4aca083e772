/** A page of the trial with a cache of its own: Apollo Client with our link or urql with our exchange, and all rooms open. */
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { cacheExchange, fetchExchange, subscriptionExchange, Client as UrqlClient } from '@urql/core';
import type { Client as Socket } from 'graphql-ws';
import { ResumingLink } from '../../client/src/apollo/index.ts';
import { resumingExchange } from '../../client/src/urql/index.ts';
import type { Data } from '../support/service.ts';
import { watchedSocket } from '../support/watched-socket.ts';
import type { Given } from './trial-page.ts';

const INBOX = `subscription ($after: [ID!]) {
  inbox(after: $after) {
    __typename
    ... on MessageSent { message { conversationId sequence senderId content timestamp position } }
    ... on ConversationReset { conversationId reason }
    ... on ReadMoved { conversationId userId sequence }
    ... on Checkpoint { position isLive }
  }
}`;
const ROOM = `query ($id: ID!, $after: String) { viewer { id } conversation(id: $id) {
  lastActivityAt lastSequence unreadMessageCount
  messages(first: 500, after: $after) { nodes { sequence senderId content } pageInfo { hasNextPage endCursor } }
} }`;
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
const READ = 'mutation ($id: ID!, $sequence: Int!) { markRead(conversationId: $id, sequence: $sequence) { id } }';
const TRY_AGAIN_MS = 200;

interface Client {
  ask(document: string, variables: object): Promise<Data>;
  follow(next: (data: Data) => void): void;
}

const page = globalThis as unknown as Given;
const given = new URLSearchParams(page.location.search);
const url = given.get('url') ?? '';
let status = 'connecting';
/** What the stream told and should not have. */
const faults: string[] = [];

function overApollo(socket: Socket): Client {
  const onReset = (_: unknown, extensions: object): unknown => faults.push(`reset: ${JSON.stringify(extensions)}`);
  const authorize = new SetContextLink(async () => ({ headers: { authorization: `Bearer ${await page.tokenOf()}` } }));
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      ApolloLink.from([new ResumingLink({ onReset }), new GraphQLWsLink(socket)]),
      ApolloLink.from([authorize, new HttpLink({ uri: url })]),
    ),
    cache: new InMemoryCache(),
  });
  return {
    async ask(document, variables) {
      const asked = gql(document);
      const { data } = document.startsWith('mutation')
        ? await client.mutate<Data>({ mutation: asked, variables })
        : await client.query<Data>({ query: asked, variables, fetchPolicy: 'network-only' });
      return data;
    },
    follow(next) {
      const ended = (why: unknown): unknown => faults.push(`the subscription ended: ${why}`);
      client.subscribe<Data>({ query: gql(INBOX), fetchPolicy: 'no-cache' }).subscribe({
        next: ({ data, error }) => (data ? next(data) : ended(error)),
        complete: () => ended('complete'),
      });
    },
  };
}

function overUrql(socket: Socket): Client {
  const client = new UrqlClient({
    url,
    preferGetMethod: false,
    fetch: async (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${await page.tokenOf()}` } }),
    exchanges: [
      cacheExchange,
      resumingExchange({ onReset: (_, extensions) => faults.push(`reset: ${JSON.stringify(extensions)}`) }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables as Data }, sink as Data),
          }),
        }),
      }),
    ],
  });
  return {
    async ask(document, variables) {
      const isMutation = document.startsWith('mutation');
      const answer = isMutation
        ? client.mutation<Data>(document, variables)
        : client.query<Data>(document, variables, { requestPolicy: 'network-only' });
      const { data, error } = await answer.toPromise();
      if (error) throw error;
      return data;
    },
    follow(next) {
      client
        .subscription<Data>(INBOX, {})
        .subscribe(({ data, error }) => (error ? faults.push(`the subscription ended: ${error}`) : next(data)));
    },
  };
}

/** Each try is a connection of its own, with the token of the moment. */
const socket = watchedSocket({
  url: url.replace('http', 'ws'),
  connectionParams: async () => ({ token: await page.tokenOf() }),
});
socket.on('closed', () => {
  status = 'offline';
});
const client = given.get('client') === 'urql' ? overUrql(socket) : overApollo(socket);

async function askUntilAnswered(document: string, variables: object): Promise<Data> {
  for (;;) {
    try {
      return await client.ask(document, variables);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

class Room {
  readonly id: string;
  readonly messages = new Map<number, readonly [sequence: number, senderId: string, content: string]>();
  #at = '';
  #last = 0;
  /** How far each user has read. */
  readonly #read = new Map<string, number>();
  /** The last that was told, once all of it is told. */
  #heard: number | null = null;

  constructor(id: string) {
    this.id = id;
  }

  get place(): string {
    return `${this.#at} ${this.id}`;
  }

  get unread(): number {
    return this.#last - (this.#read.get(me) ?? 0);
  }

  get last(): number {
    return this.#last;
  }

  sent({ sequence, senderId, content, timestamp }: Data, isBegun: boolean): void {
    if (isBegun && this.#heard !== null && sequence !== this.#heard + 1)
      faults.push(`${this.id}: ${sequence} was told after ${this.#heard}`);
    if (isBegun) this.#heard = sequence;
    this.messages.set(sequence, [sequence, senderId, content]);
    this.#now(timestamp, sequence);
    this.readTo(senderId, sequence);
  }

  readTo(userId: string, sequence: number): void {
    this.#read.set(userId, Math.max(sequence, this.#read.get(userId) ?? 0));
  }

  async load(): Promise<void> {
    for (let after: string | null = null; ; ) {
      const { viewer, conversation }: Data = await askUntilAnswered(ROOM, { id: this.id, after });
      me = viewer.id;
      for (const { sequence, senderId, content } of conversation.messages.nodes)
        this.messages.set(sequence, [sequence, senderId, content]);
      this.#now(conversation.lastActivityAt ?? '', conversation.lastSequence);
      this.readTo(me, conversation.lastSequence - conversation.unreadMessageCount);
      if (!conversation.messages.pageInfo.hasNextPage) return;
      after = conversation.messages.pageInfo.endCursor;
    }
  }

  #now(at: string, last: number): void {
    if (at > this.#at) this.#at = at;
    this.#last = Math.max(this.#last, last);
  }
}

let me = '';
let isBegun = false;
let isLoaded = false;
let unsent = 0;
const rooms = new Map((given.get('rooms') ?? '').split(',').map((id) => [id, new Room(id)]));
const roomOf = (id: string): Room => rooms.get(id) ?? new Room(id);

/** Once the stream is live: what it tells from here on is what the pages do not have. */
async function load(): Promise<void> {
  for (const room of rooms.values()) await room.load();
  isLoaded = true;
}

client.follow(({ inbox: event }) => {
  switch (event.__typename) {
    case 'MessageSent':
      return roomOf(event.message.conversationId).sent(event.message, isBegun);
    case 'ConversationReset':
      return void faults.push(`reset: ${JSON.stringify(event)}`);
    case 'ReadMoved':
      return roomOf(event.conversationId).readTo(event.userId, event.sequence);
    case 'Checkpoint':
      if (event.isLive) status = 'live';
      if (!event.isLive || isBegun) return;
      isBegun = true;
      void load();
  }
});

page.trial = {
  async write(texts) {
    for (const { room, text } of texts) {
      unsent += 1;
      const input = { conversationId: room, content: text, clientMessageId: crypto.randomUUID() };
      await askUntilAnswered(SEND, { input });
      unsent -= 1;
      page.localStorage.setItem(text, '');
    }
  },
  read(room) {
    void askUntilAnswered(READ, { id: room, sequence: roomOf(room).last });
  },
  now: () => ({ status: status === 'live' && !isLoaded ? 'connecting' : status, unsent }),
  failed: () => faults,
  async shown() {
    const inOrder = [...rooms.values()].sort((one, other) => (one.place < other.place ? 1 : -1));
    return {
      unread: inOrder.reduce((sum, { unread }) => sum + unread, 0),
      order: inOrder.map(({ id }) => id),
      rooms: [...rooms.values()].map(({ id, unread, messages }) => {
        const bySequence = [...messages.values()].sort(([one], [other]) => one - other);
        return { id, unread, messages: bySequence };
      }),
    };
  },
};
