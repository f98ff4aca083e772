/** Relay's own compiler and runtime over examples/relay: operations that page, refetch and follow an inbox. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import { type ConcreteRequest, fetchQuery } from 'relay-runtime';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { type Carrier, relayEnvironment } from '../support/recipes.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const example = new URL('../../examples/relay/', import.meta.url).pathname;
const artifactOf = (name: string): ConcreteRequest =>
  createRequire(import.meta.url)(`${example}src/__generated__/${name}.graphql.js`);

/** Of each: the pages' connection in an answer, and the key of a node. */
const PAGES: readonly (readonly [string, (data: Data) => Data, (node: Data) => unknown])[] = [
  ['pagesInboxQuery', ({ viewer }) => viewer.inbox, ({ conversation }) => conversation.id],
  ['pagesMembersQuery', ({ conversation }) => conversation.members, ({ user }) => user.id],
  ['pagesReceiptsQuery', ({ conversation }) => conversation.readReceipts, ({ user }) => user.id],
  ['pagesRoomsQuery', ({ rooms }) => rooms, ({ id }) => id],
];

describe('examples/relay', () => {
  let service: TestService;
  beforeAll(async () => {
    await run('scripts/provide-relay.sh');
    const { stdout } = await run(process.execPath, ['--no-warnings', 'scripts/print-schema.ts', '--api'], {
      maxBuffer: 2 ** 24,
    });
    writeFileSync(`${example}realtime.graphql`, stdout);
    // The compiler does not make it.
    mkdirSync(`${example}src/__generated__`, { recursive: true });
    await run(process.execPath, ['node_modules/relay-compiler/cli.js'], { cwd: example });
    service = await startTestService();
  });
  afterAll(() => service.close());

  async function talkOf(...users: string[]): Promise<string> {
    const input = { id: newId(), kind: 'ROOM', name: `room ${newId()}`, memberIds: users.slice(1) };
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await service.query(users[0] ?? '', create, { input });
    for (const user of users) {
      const field = `sendMessage(input: { conversationId: "${input.id}", content: "by ${user}" }) { id }`;
      await service.query(user, `mutation { ${field} }`);
    }
    return input.id;
  }

  async function open(user: string) {
    const token = await service.token(user);
    const carrier = createClient({
      url: service.wsUrl,
      webSocketImpl: WebSocket,
      connectionParams: { token },
    }) as unknown as Carrier & { dispose(): Promise<void> };
    const url = `${service.url}/graphql`;
    const environment = relayEnvironment(url, async () => ({ authorization: `Bearer ${token}` }), carrier);
    const ask = async (name: string, variables: object): Promise<Data> => {
      // What a component reads is in fragments: the answer itself has it.
      const { text } = artifactOf(name).params;
      const { data, errors } = await service.query(user, text ?? '', variables);
      expect(errors).toBeUndefined();
      await fetchQuery(environment, artifactOf(name), variables).toPromise();
      return data;
    };
    return { environment, carrier, ask };
  }

  it.each(PAGES)('%s reads every node once, page by page', async (name, connectionOf, keyOf) => {
    const users = ['a', 'b', 'c'].map((letter) => `${letter}-${newId()}`);
    const id = await talkOf(...users);
    await talkOf(...users);
    await talkOf(...users);
    const { carrier, ask } = await open(users[0] ?? '');
    const keys: unknown[] = [];
    for (let cursor: string | null = null; ; ) {
      const { edges, pageInfo } = connectionOf(await ask(name, { id, count: 2, cursor }));
      keys.push(...edges.map(({ node }: Data) => keyOf(node)));
      if (!pageInfo.hasNextPage) break;
      cursor = pageInfo.endCursor;
    }
    expect(keys.length).toBeGreaterThanOrEqual(3);
    expect(new Set(keys).size).toBe(keys.length);
    await carrier.dispose();
  });

  it('pagesMessagesQuery continues before the shown messages; a live message has its edge’s cursor', async () => {
    const user = `a-${newId()}`;
    const id = await talkOf(user);
    const { carrier, ask } = await open(user);
    const heard: Data[] = [];
    const { text } = artifactOf('appReceivedSubscription').params;
    const variables = { ids: [id], after: [(await ask('appRoomQuery', { id })).conversation.position] };
    const stop = carrier.subscribe({ query: text ?? '', variables } as never, {
      next: ({ data }: Data) => void heard.push(data.messageReceived),
      error: () => undefined,
      complete: () => undefined,
    });
    const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    for (const content of ['two', 'three']) await service.query(user, send, { input: { conversationId: id, content } });
    await eventually(() => expect(heard.map(({ content }) => content)).toEqual(['two', 'three']));
    const { messages } = (await ask('pagesMessagesQuery', { id, count: 2, cursor: null })).conversation;
    expect(heard.map(({ cursor }) => cursor)).toEqual(messages.edges.map(({ cursor }: Data) => cursor));
    const before = (await ask('pagesMessagesQuery', { id, count: 2, cursor: heard[0].cursor })).conversation.messages;
    expect(before.edges.map(({ node }: Data) => node.content)).toEqual([`by ${user}`]);
    if (typeof stop === 'function') stop();
    await carrier.dispose();
  });
});
