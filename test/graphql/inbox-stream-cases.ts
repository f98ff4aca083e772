/** The stream of a user's inbox: live events, and missed ones. */
import { encodePosition } from '../../src/domain/cursor.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import type { TestClient, TestSubscription } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import type { Nodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const EVENTS = `__typename
  ... on MessageSent { message { id conversationId content position } }
  ... on MessageChanged { change message { id conversationId content position } }
  ... on MessageExtended { conversationId messageId offset text }
  ... on MessageStopRequested { message { id conversationId } }
  ... on ConversationJoined { conversation { id name } }
  ... on ConversationLeft { conversationId reason }
  ... on ConversationChanged { conversation { id name } }
  ... on ConversationReset { conversationId resetReason: reason }
  ... on ReadMoved { conversationId userId sequence readAt }
  ... on TypingChanged { typing { conversationId userId isTyping } }
  ... on Checkpoint { position isLive unreadMessageCount }`;
const INBOX = `subscription ($after: [ID!]) { inbox(after: $after) { ${EVENTS} } }`;
/** Of a log that nobody has. */
const PLACE = Buffer.from('~inbox~1~elsewhere~1').toString('base64url');

/** That a sender has read what they sent is told to whoever joins about then, or not. */
const isOfSender = (short: string): boolean => short.startsWith('ReadMoved dave');

/** An event in a few words. */
function shortOf({ __typename, ...event }: Data): string {
  const { conversationId = '', message, conversation, change, reason, resetReason, sequence, userId, typing } = event;
  const parts = [change ?? reason ?? resetReason, message?.content ?? conversation?.name];
  if (__typename === 'ReadMoved') parts.push(userId, sequence);
  if (__typename === 'TypingChanged') parts.push(typing.userId, typing.isTyping);
  if (__typename === 'ConversationLeft' || __typename === 'ConversationReset') parts.push(conversationId.slice(0, 1));
  return [__typename, ...parts.filter((part) => part !== undefined)].join(' ');
}

export function describeInboxStreamOf(nodes: () => Pick<Nodes, 'here' | 'there' | 'clock'>): void {
  const ask = async (user: string, query: string, variables: object = {}): Promise<Data> => {
    const { data, errors } = await nodes().here.query(user, query, { ...variables });
    expect(errors).toBeUndefined();
    return Object.values(data)[0];
  };
  /** Named by its letter, by which its id begins. */
  async function group(letter: string, owner: string, ...memberIds: string[]): Promise<string> {
    const input = { id: `${letter}${newId().slice(1)}`, name: letter, memberIds };
    await ask(owner, 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }', {
      input,
    });
    return input.id;
  }
  const send = (user: string, conversationId: string, content: string): Promise<Data> =>
    ask(user, 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id position } }', {
      input: { conversationId, content },
    });
  const change = (user: string, field: string): Promise<Data> => ask(user, `mutation { ${field} }`);
  const people = (): [string, string] => [`dave-${newId()}`, `erin-${newId()}`];

  const told = ({ events }: TestSubscription): Data[] => events.map(({ inbox }) => inbox);
  const checkpointsOf = (stream: TestSubscription): Data[] =>
    told(stream).filter(({ __typename }) => __typename === 'Checkpoint');
  const shorts = (stream: TestSubscription): string[] =>
    told(stream)
      .filter(({ __typename }) => __typename !== 'Checkpoint')
      .map(shortOf)
      .filter((short) => !isOfSender(short));

  /** Accepted, and live. */
  async function open(client: TestClient, after: string[] = []): Promise<TestSubscription> {
    const stream = await client.subscribe(INBOX, { after });
    await eventually(() => expect([checkpointsOf(stream).length, stream.errors]).toEqual([1, []]));
    return stream;
  }
  async function nextCheckpoint(stream: TestSubscription): Promise<Data> {
    const before = checkpointsOf(stream).length;
    // What it follows was heard: it is due.
    nodes().clock.advance(TIMES.checkpointMs);
    await eventually(() => expect(checkpointsOf(stream).length).toBeGreaterThan(before));
    return checkpointsOf(stream).at(-1) as Data;
  }

  it('delivers every event of all the user’s conversations, including those created later', async () => {
    const [dave, erin] = people();
    const a = await group('a', dave, erin);
    const client = await nodes().there.connect(erin);
    const stream = await open(client);
    expect(told(stream)).toMatchObject([{ __typename: 'Checkpoint', isLive: true, unreadMessageCount: 0 }]);
    const { id } = await send(dave, a, 'one');
    await change(dave, `editMessage(id: "${id}", content: "two") { id }`);
    await change(dave, `addReaction(messageId: "${id}", emoji: "👍") { id }`);
    await change(erin, `markRead(conversationId: "${a}", sequence: 1) { id }`);
    await change(dave, `setTyping(conversationId: "${a}", isTyping: true)`);
    await change(dave, `updateConversation(id: "${a}", name: "new") { id }`);
    await eventually(() => expect(shorts(stream)).toHaveLength(6));
    expect(shorts(stream)).toEqual([
      'MessageSent one',
      'MessageChanged EDITED two',
      'MessageChanged REACTED two',
      `ReadMoved ${erin} 1`,
      `TypingChanged ${dave} true`,
      'ConversationChanged new',
    ]);
    const b = await group('b', dave, erin);
    await send(dave, b, 'three');
    await eventually(() => expect(shorts(stream).slice(6)).toEqual(['ConversationJoined b', 'MessageSent three']));
    await change(dave, `removeMember(id: "${b}", userId: "${erin}") { id }`);
    await send(dave, b, 'unheard');
    await change(erin, `leaveConversation(id: "${a}") { id }`);
    await eventually(() =>
      expect(shorts(stream).slice(8)).toEqual(['ConversationLeft REMOVED b', 'ConversationLeft LEFT a']),
    );
    expect(await nextCheckpoint(stream)).toMatchObject({ isLive: true, unreadMessageCount: 0 });
    await client.close();
  });

  it('G19: a returning client receives what it missed, each conversation in order, and then goes live', async () => {
    const [dave, erin] = people();
    const [a, b, c, d] = [
      await group('a', dave, erin),
      await group('b', dave, erin),
      await group('c', dave, erin),
      await group('d', dave, erin),
    ];
    const { id: edited } = await send(dave, b, 'first');
    const client = await nodes().there.connect(erin);
    const stream = await open(client);
    await send(dave, a, 'heard');
    await eventually(() => expect(shorts(stream)).toHaveLength(1));
    const { position } = await nextCheckpoint(stream);
    const since = await send(dave, a, 'heard since');
    await eventually(() => expect(shorts(stream)).toHaveLength(2));
    stream.stop();

    for (const content of ['one', 'two']) await send(dave, a, content);
    await change(dave, `editMessage(id: "${edited}", content: "second") { id }`);
    await change(dave, `markRead(conversationId: "${b}", sequence: 1) { id }`);
    await change(dave, `removeMember(id: "${c}", userId: "${erin}") { id }`);
    await send(dave, c, 'unheard');
    await change(dave, `deleteConversation(id: "${d}")`);
    const e = await group('e', dave, erin);
    await send(dave, e, 'three');
    const gone = await group('f', dave, erin);
    await change(dave, `removeMember(id: "${gone}", userId: "${erin}") { id }`);

    const back = await open(client, [position, since.position]);
    const of = (id: string): string[] =>
      told(back)
        .filter((event) => (event.conversationId ?? event.message?.conversationId ?? event.conversation?.id) === id)
        .map(shortOf)
        .filter((short) => !isOfSender(short));
    expect(of(a)).toEqual(['MessageSent one', 'MessageSent two']);
    expect(of(b)).toEqual(expect.arrayContaining(['MessageChanged EDITED second']));
    expect([of(c), of(d), of(gone)]).toEqual([
      ['ConversationLeft REMOVED c'],
      ['ConversationLeft DELETED d'],
      ['ConversationLeft REMOVED f'],
    ]);
    expect(of(e)).toEqual(['ConversationJoined e', 'MessageSent three']);
    expect(told(back).at(-1)).toMatchObject({ __typename: 'Checkpoint', isLive: true });
    await send(dave, a, 'live');
    await eventually(() => expect(of(a).at(-1)).toBe('MessageSent live'));

    // Where nothing happened there is nothing to tell.
    const again = await open(client, [(await nextCheckpoint(back)).position]);
    expect(shorts(again)).toEqual([]);
    await client.close();
  });

  it('a conversation that cannot be replayed gets a ConversationReset, and the others go on', async () => {
    const [dave, erin] = people();
    const [a, b] = [await group('a', dave, erin), await group('b', dave, erin)];
    const { position } = await send(dave, b, 'heard');
    await send(dave, b, 'missed');
    const lost = encodePosition(a as ConversationId, { epoch: 'elsewhere', place: 3 });
    const client = await nodes().there.connect(erin);
    const stream = await open(client, [lost, position]);
    expect(shorts(stream).sort()).toEqual(['ConversationReset EPOCH a', 'MessageSent missed']);
    expect(told(stream).at(-1)).toMatchObject({ __typename: 'Checkpoint', isLive: true, unreadMessageCount: 2 });
    await send(dave, a, 'live');
    await eventually(() => expect(shorts(stream).at(-1)).toBe('MessageSent live'));
    await client.close();
  });

  it('over SSE a checkpoint carries its position as id, and Last-Event-ID resumes there', async () => {
    const [dave, erin] = people();
    const a = await group('a', dave, erin);
    const token = await nodes().there.token(erin);
    const begin = (headers: Record<string, string> = {}) =>
      openStream(nodes().there, token, { query: INBOX }, { accept: 'text/event-stream', ...headers });
    const first = await begin();
    const idOf = (text: string): string | undefined => /^id: (\S+)\ndata: .*"__typename":"Checkpoint"/m.exec(text)?.[1];
    await eventually(() => expect(idOf(first.text)).toBeDefined());
    const position = idOf(first.text) as string;
    expect(first.text).toContain(`"position":"${position}"`);
    first.stop();
    await send(dave, a, 'missed');
    const second = await begin({ 'last-event-id': position });
    await eventually(() => expect(second.text).toContain('"missed"'));
    await eventually(() => expect(idOf(second.text)).toBeDefined());
    second.stop();
  });

  it.each([
    ['no position', ['nothing']],
    ['two checkpoints', [PLACE, PLACE]],
    ['half a checkpoint', [Buffer.from('~inbox~1~e').toString('base64url')]],
    ['a conversation without a position', [Buffer.from('~inbox~1~e~1~name~e').toString('base64url')]],
  ])('refuses %s', async (_, after) => {
    const client = await nodes().there.connect(people()[1]);
    const stream = await client.subscribe(INBOX, { after });
    expect(stream.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    await client.close();
  });

  it('a checkpoint that the list’s log cannot continue is refused with POSITION_EXPIRED', async () => {
    const client = await nodes().there.connect(people()[1]);
    const stream = await client.subscribe(INBOX, { after: [PLACE] });
    expect(stream.errors).toMatchObject([{ extensions: { code: 'POSITION_EXPIRED', reason: 'EPOCH' } }]);
    expect(stream.errors[0]?.extensions['conversationId']).toBeUndefined();
    await client.close();
  });

  it('a checkpoint from the future, or of another user, is refused with POSITION_EXPIRED', async () => {
    const [dave, erin] = people();
    const a = await group('a', dave, erin);
    const client = await nodes().there.connect(erin);
    const { position } = checkpointsOf(await open(client))[0] as Data;
    await send(dave, a, 'unheard');
    const parts = Buffer.from(position, 'base64url').toString().split('~');
    const later = (nodes().clock.now() + TIMES.clocksApartMs * 2).toString(36);
    const toCome = Buffer.from(parts.with(2, later).join('~')).toString('base64url');
    const outcomes = async (reader: TestClient, after: string): Promise<unknown[]> => {
      const stream = await reader.subscribe(INBOX, { after: [after] });
      return [...stream.errors.map(({ extensions: { code, reason } }) => `${code} ${reason}`), ...told(stream)];
    };
    expect(await outcomes(client, toCome)).toEqual(['POSITION_EXPIRED DIVERGED']);
    const frank = await nodes().there.connect(`frank-${newId()}`);
    const elsewhere = await nodes().there.connect(erin, { tenant: 'other' });
    for (const other of [frank, elsewhere]) {
      expect(await outcomes(other, position)).toEqual(['POSITION_EXPIRED EPOCH']);
      await other.close();
    }
    await client.close();
  });
}
