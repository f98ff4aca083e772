/** The caps on the documents of a socket's subscriptions in memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parse } from 'graphql';
import { LIMITS } from '../../src/limits.ts';
import type { UserId, Viewer } from '../../src/model.ts';
import { SocketCap, UserCaps } from '../../src/transport/peers/subscription-caps.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { OPCODES, openTcpWebSocket } from '../support/tcp-web-socket.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the documents of a socket’s subscriptions', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  const LENGTH = 4_000;
  const ROOM = Math.floor(LIMITS.subscribedCharactersPerSocket / LENGTH);
  const document = (n: number): string => `subscription { messageReceived { id } } #${n} `.padEnd(LENGTH, '#');

  it('G10: different ones have a cap, and the end of one makes room', async () => {
    const alice = await service.connect('alice');
    const open = [];
    for (let n = 0; n < ROOM; n += 1) open.push(await alice.subscribe(document(n)));
    expect(open.flatMap(({ errors }) => errors)).toEqual([]);
    const over = await alice.subscribe(document(ROOM));
    expect(over.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    open[0]?.stop();
    const next = await alice.subscribe(document(ROOM));
    expect(next.errors).toEqual([]);
    await alice.close();
  });

  it('a document with many subscriptions counts once, until the last of them ends', async () => {
    const alice = await service.connect('alice');
    const same = [];
    for (let n = 0; n < ROOM * 3; n += 1) same.push(await alice.subscribe(document(0)));
    expect(same.flatMap(({ errors }) => errors)).toEqual([]);
    const others = [];
    for (let n = 1; n < ROOM; n += 1) others.push(await alice.subscribe(document(n)));
    for (const { stop } of same.slice(1)) stop();
    expect((await alice.subscribe(document(ROOM))).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    same[0]?.stop();
    others.push(await alice.subscribe(document(ROOM)));
    expect(others.flatMap(({ errors }) => errors)).toEqual([]);
    await alice.close();
  });

  it('G10: variables have a cap as well', async () => {
    const alice = await service.connect('alice');
    const open = (n: number) =>
      alice.subscribe('subscription ($topics: [String!]!) { topicPublished(topics: $topics) { topic } }', {
        topics: Array.from({ length: 100 }, (_, each) => `${n}.${each}.`.padEnd(LIMITS.topicCharacters, 'a')),
      });
    const fit = Math.floor(LIMITS.subscribedVariablesPerSocket / (100 * (LIMITS.topicCharacters + 3)));
    const opened = [];
    for (let n = 0; n < fit; n += 1) opened.push(await open(n));
    expect(opened.flatMap(({ errors }) => errors)).toEqual([]);
    expect((await open(fit)).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    opened[0]?.stop();
    expect((await open(fit)).errors).toEqual([]);
    await alice.close();
  });

  it('G10: the names that all subscriptions of a user follow have a cap, over sockets and kinds', async () => {
    const HEAR = 'subscription ($names: [String!]!) { topicPublished(topics: $names) { topic } }';
    const WATCH = 'subscription ($names: [ID!]!) { presenceUpdated(userIds: $names) { status } }';
    const names = (n: number, count: number): string[] => Array.from({ length: count }, (_, each) => `n${n}.${each}`);
    const sockets = await Promise.all([service.connect('alice'), service.connect('alice')]);
    const [one, other] = sockets;
    const open = [];
    for (let followed = 0; followed + 200 <= LIMITS.followedNamesPerUser; followed += 100)
      open.push(await one.subscribe(HEAR, { names: names(followed, 100) }));
    expect(open.flatMap(({ errors }) => errors)).toEqual([]);
    const refused = async (socket: typeof one, query: string): Promise<string[]> =>
      (await socket.subscribe(query, { names: names(0, 100) })).errors.map(({ extensions }) => String(extensions.code));
    open.push(await other.subscribe(WATCH, { names: names(0, 100) }));
    for (const socket of sockets)
      for (const query of [HEAR, WATCH]) expect(await refused(socket, query)).toEqual(['BAD_USER_INPUT']);
    const bob = await service.connect('bob');
    expect(await refused(bob, HEAR)).toEqual([]);
    open[0]?.stop();
    await eventually(async () => expect(await refused(other, HEAR)).toEqual([]));
    await Promise.all([...sockets, bob].map((socket) => socket.close()));
  });

  it('G10: documents over gateways and HTTP are counted by user', () => {
    const rooms = new UserCaps({ sockets: 2, most: 1_000 });
    const viewer = { tenant: 'default', userId: 'alice' } as unknown as Viewer;
    const subscribed = (n: number) => ({ document: parse(document(n)) });
    const held = Array.from({ length: 2 * ROOM }, (_, n) => rooms.of(viewer).open(subscribed(n)));
    expect(() => rooms.of(viewer).open(subscribed(2 * ROOM))).toThrow(/characters/);
    rooms.of({ ...viewer, userId: 'bob' as UserId }).open(subscribed(2 * ROOM));
    rooms.of(viewer).close(held[0] as (typeof held)[number]);
    rooms.of(viewer).open(subscribed(2 * ROOM));
  });

  it.each([1, 2, 3])('G10: the cap of %i sockets is exact, and its error names it', (sockets) => {
    const characters = sockets * LIMITS.subscribedCharactersPerSocket;
    const variables = sockets * LIMITS.subscribedVariablesPerSocket;
    const message = `Subscriptions are of at most ${characters} characters of different documents, and ${variables} of variables.`;
    const alice = { tenant: 'default', userId: 'alice' } as unknown as Viewer;
    const capOf = () => (sockets === 1 ? new SocketCap() : new UserCaps({ sockets, most: 1_000 }).of(alice));
    const small = parse('subscription { messageReceived { id } }');
    const [documents, values] = [capOf(), capOf()];
    documents.open({ document: parse(document(0).padEnd(characters, '#')) });
    expect(() => documents.open({ document: small })).toThrow(message);
    // Beside the text are its name and quotes.
    const text = (length: number) => ({ a: 'x'.repeat(length - '{"a":""}'.length) });
    expect(() => values.open({ document: small, variableValues: text(variables + 1) })).toThrow(message);
    const held = values.open({ document: small, variableValues: text(variables) });
    expect(() => values.open({ document: small, variableValues: text(10) })).toThrow(message);
    values.close(held);
    values.open({ document: small, variableValues: text(10) });
  });

  it('G10: subscriptions of one user over gateways have a cap, and the end of one makes room', () => {
    const most = 2 * LIMITS.subscriptionsPerSocket;
    const rooms = new UserCaps({ sockets: 2, most: 2 * most });
    const of = (userId: string) => rooms.of({ tenant: 'default', userId } as unknown as Viewer);
    const subscribed = { document: parse(document(0)) };
    const held = Array.from({ length: most }, () => of('alice').open(subscribed));
    expect(() => of('alice').open(subscribed)).toThrow(expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }));
    of('bob').open(subscribed);
    of('alice').close(held[0] as (typeof held)[number]);
    of('alice').open(subscribed);
    expect(() => of('alice').open(subscribed)).toThrow(expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }));
  });

  it('G10: documents of all users over gateways have a cap, and the end of one makes room', () => {
    const rooms = new UserCaps({ sockets: 2, most: 3 });
    const open = (n: number) => {
      const room = rooms.of({ tenant: 'default', userId: `user-${n}` } as unknown as Viewer);
      const held = room.open({ document: parse(document(n)) });
      return () => room.close(held);
    };
    const [leave] = [0, 1, 2].map(open);
    expect(() => open(3)).toThrow(expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }));
    leave?.();
    leave?.();
    open(3);
    expect(() => open(4)).toThrow(expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }));
  });

  it('G10: a rendered event is released once it was sent, also while its state lasts', async () => {
    const MESSAGES = 10;
    const SHAPES = 20;
    const text = 'x'.repeat(LIMITS.writtenCharacters);
    await certainly(service, 'carol', 'mutation { createConversation(input: { id: "long" }) { id } }');
    const start = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id } }';
    for (let n = 0; n < MESSAGES; n += 1)
      await service.query('carol', start, { input: { conversationId: 'long', content: text } });
    const carol = await service.connect('carol');
    const held = (): number => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const before = held();
    for (let n = 0; n < SHAPES; n += 1) {
      const streamed = await carol.subscribe(
        `subscription { messageStreamed(conversationIds: ["long"]) { s${n}: text } }`,
      );
      await eventually(() => expect(streamed.events).toHaveLength(MESSAGES));
    }
    // Of all that was sent, no more than a quarter.
    await eventually(() => expect(held() - before).toBeLessThan((MESSAGES * SHAPES * text.length) / 4));
    const { data } = await service.query('carol', '{ conversation(id: "long") { lastMessage { state } } }');
    expect(data.conversation.lastMessage.state).toBe('STREAMING');
    await carol.close();
  });

  it('G10: unused variables of a subscription are not kept in memory', async () => {
    const token = await service.token('alice');
    const socket = await openTcpWebSocket(service.service.port, '/graphql', 'graphql-transport-ws');
    const send = (text: string): void => socket.send({ opcode: OPCODES.text, payload: text });
    send(JSON.stringify({ type: 'connection_init', payload: { token } }));
    const junk = JSON.stringify(Array(10_000).fill([[]]));
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const query = 'subscription { messageReceived { id } }';
    for (let n = 0; n < 30; n += 1)
      send(`{"id":"${n}","type":"subscribe","payload":{"query":"${query}","variables":{"junk":${junk}}}}`);
    send(JSON.stringify({ id: 'last', type: 'subscribe', payload: { query: '{ __typename }' } }));
    expect(await socket.text(1)).toContain('"last"');
    await eventually(() => {
      collectGarbage();
      // Parsed, they take thirty times a megabyte.
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
    });
    socket.socket.destroy();
  });

  it('a subscription that fails to open counts nothing', async () => {
    const alice = await service.connect('alice');
    const absent = (n: number): string =>
      `subscription { messageReceived(conversationIds: ["none"]) { id } } #${n} `.padEnd(LENGTH, '#');
    for (let n = 0; n < ROOM * 2; n += 1)
      expect((await alice.subscribe(absent(n))).errors[0]?.extensions.code).toBe('NOT_FOUND');
    expect((await alice.subscribe(document(0))).errors).toEqual([]);
    await alice.close();
  });
});
