/** Services that act for users: who may, for whom, in which ways, and what they see. */
import { createConversation } from '../support/conversations.ts';
import { EVERY_SETTING, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Answer, type Data, newId, type TokenClaims } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';
import { type ActingNodes, SERVICE, startActingNodes } from './acting-nodes.ts';

const FIELDS = 'id senderId via content state clientMessageId deletedBy { id }';
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ${FIELDS} } }`;
const SEND_ALL = `mutation ($input: SendMessageInput!) { sendMessages(items: [$input]) {
  message { ${FIELDS} } error { code } outcome } }`;
const START = `mutation ($input: SendMessageInput!) { startMessage(input: $input) { ${FIELDS} } }`;
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!) {
  appendToMessage(id: $id, offset: $offset, text: $text) { length stopRequested } }`;
const FINISH = `mutation ($id: ID!) { finishMessage(id: $id) { ${FIELDS} } }`;
const EDIT = `mutation ($id: ID!) { editMessage(id: $id, content: "edited") { ${FIELDS} } }`;
const DELETE = `mutation ($id: ID!) { deleteMessage(id: $id) { ${FIELDS} } }`;
const MESSAGES = `query ($id: ID!) { conversation(id: $id) { messages(last: 50) { nodes { ${FIELDS} } } } }`;

interface Input {
  readonly conversationId: string;
  readonly onBehalfOf?: string;
  readonly clientMessageId?: string;
}

/** What came of an attempt: the error's code, or who sent it, and by which service. */
type Outcome = string | { readonly senderId: string; readonly via: string | null };

const outcomeOf = ({ data, code }: Pick<Answer, 'data' | 'code'>, field: string): Outcome =>
  code ?? { senderId: data[field].senderId, via: data[field].via };

describe.each(EVERY_SETTING)('services that act for users, %s', (setting) => {
  let nodes: ActingNodes;
  beforeAll(async () => {
    nodes = await startActingNodes(setting);
  });
  afterAll(() => nodes.close());

  const stored = async (id: string): Promise<Data[]> =>
    (await nodes.asUser('ann', MESSAGES, { id })).data.conversation.messages.nodes;

  /** Each way a message is sent by. */
  const WAYS: Record<string, (user: string, claims: TokenClaims, input: Input) => Promise<Outcome>> = {
    sendMessage: async (user, claims, input) =>
      outcomeOf(await nodes.ask(user, SEND, { input: { ...input, content: 'x' } }, claims), 'sendMessage'),
    startMessage: async (user, claims, input) =>
      outcomeOf(await nodes.ask(user, START, { input }, claims), 'startMessage'),
    async sendMessages(user, claims, input) {
      const { data, code } = await nodes.ask(user, SEND_ALL, { input: { ...input, content: 'x' } }, claims);
      const [result] = data?.sendMessages ?? [{ error: { code } }];
      return result.error?.code ?? outcomeOf({ data: result, code: undefined }, 'message');
    },
    async 'graphql-ws'(user, claims, input) {
      const client = await nodes.here.connect(user, claims);
      const { data, errors } = await client.query(SEND, { input: { ...input, content: 'x' } });
      await client.close();
      return outcomeOf({ data, code: errors?.[0]?.extensions.code }, 'sendMessage');
    },
    RoomMessage: (user, claims, input) => frame('RoomMessage', user, claims, input, 'room'),
    StartMessage: (user, claims, input) => frame('StartMessage', user, claims, input, 'conversation_id'),
  };

  async function frame(type: string, user: string, claims: TokenClaims, input: Input, name: string): Promise<Outcome> {
    const { conversationId, onBehalfOf: on_behalf_of, clientMessageId: client_message_id } = input;
    const raw = await connectRaw(nodes.here, user, claims);
    const answer = await raw.ask(type, { [name]: conversationId, content: 'x', on_behalf_of, client_message_id });
    await raw.close();
    if (answer.type === 'Error') return answer.data.code;
    const message = `query ($id: ID!) { message(id: $id) { senderId via } }`;
    return outcomeOf(
      { ...(await nodes.asUser('ann', message, { id: answer.data.message_id })), code: undefined },
      'message',
    );
  }

  describe.each(Object.keys(WAYS))('by %s', (name) => {
    const way = (user: string, claims: TokenClaims, input: Input): Promise<Outcome> =>
      WAYS[name]?.(user, claims, input) ?? Promise.reject(new Error(name));

    it.each<[string, string, TokenClaims, string, Outcome]>([
      ['a service for a member', 'bot', SERVICE, 'ben', { senderId: 'ben', via: 'bot' }],
      ['a service for itself, a member', 'helper', SERVICE, 'helper', { senderId: 'helper', via: null }],
      ['a service for itself, no member', 'bot', SERVICE, 'bot', 'NOT_FOUND'],
      ['a service for a user who is no member', 'bot', SERVICE, 'zoe', 'NOT_FOUND'],
      ['a service that is a member for a user who is not', 'helper', SERVICE, 'zoe', 'NOT_FOUND'],
      ['a service for nobody', 'bot', SERVICE, ' ', 'BAD_USER_INPUT'],
      [
        'a service and admin for a user who is no member',
        'bot',
        { scope: 'realtime:admin realtime:service' },
        'zoe',
        'NOT_FOUND',
      ],
      ['a service of another tenant', 'bot', { ...SERVICE, tenant: 'other' }, 'ben', 'NOT_FOUND'],
      ['an admin', 'root', { scope: 'realtime:admin' }, 'ben', 'FORBIDDEN'],
      ['a member for another', 'ann', {}, 'ben', 'FORBIDDEN'],
      ['a member for themselves', 'ann', {}, 'ann', 'FORBIDDEN'],
    ])('%s', async (_, user, claims, onBehalfOf, outcome) => {
      const id = await nodes.group('ben', 'helper');
      expect(await way(user, claims, { conversationId: id, onBehalfOf })).toEqual(outcome);
      expect(await stored(id)).toHaveLength(typeof outcome === 'string' ? 0 : 1);
    });

    it('keys of a service are separate from those of users and other services', async () => {
      const id = await nodes.group('ben');
      const input = { conversationId: id, clientMessageId: 'same' };
      const own = await way('ben', {}, input);
      const others = [];
      for (const bot of ['bot', 'bot', 'other']) others.push(await way(bot, SERVICE, { ...input, onBehalfOf: 'ben' }));
      expect([own, ...others]).toEqual([null, 'bot', 'bot', 'other'].map((via) => ({ senderId: 'ben', via })));
      expect((await stored(id)).map(({ via, clientMessageId }) => [via, clientMessageId])).toEqual(
        [null, 'bot', 'other'].map((via) => [via, 'same']),
      );
    });
  });

  it('a service may not do for a user what that user may not do', async () => {
    const direct = 'mutation { openDirectConversation(userId: "cat") { id } }';
    const { id } = (await nodes.asUser('dan', direct, {})).data.openDirectConversation;
    const input = { conversationId: id, content: 'x', onBehalfOf: 'dan' };
    expect((await nodes.ask('bot', SEND, { input })).code).toBeUndefined();
    const started = (await nodes.ask('bot', START, { input })).data.startMessage;
    await nodes.asUser('cat', 'mutation { blockUser(userId: "dan") }', {});
    expect((await nodes.ask('bot', SEND, { input })).code).toBe('FORBIDDEN');
    expect((await nodes.ask('bot', START, { input })).code).toBe('FORBIDDEN');
    // What was being written to the blocker is ended, whoever writes it.
    expect((await nodes.ask('bot', APPEND, { id: started.id, offset: 1, text: 'y' })).code).toBe('CONFLICT');
  });

  it('rules see the user as the sender; their copies have the user as sender and the service as via', async () => {
    const save = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
    const rule = (name: string, sender: string, action: object) => ({
      input: { name, match: { on: ['GROUP'], sender }, action },
    });
    const [dropped, copied, target] = [newId(), newId(), newId()];
    const admin = { scope: 'realtime:admin' };
    await nodes.ask('root', save, rule('Drop', dropped, { drop: true }), admin);
    await nodes.ask('root', save, rule('Copy', copied, { copy: { users: [target] } }), admin);
    const id = await nodes.group(dropped, copied);
    const send = (onBehalfOf: string): Promise<Answer> =>
      nodes.ask('bot', SEND, { input: { conversationId: id, content: 'ruled', onBehalfOf } });
    const { errors } = await send(dropped);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', reason: 'DROPPED' });
    expect((await send(copied)).data.sendMessage).toMatchObject({ senderId: copied, via: 'bot' });
    const own = `{ viewer { conversations(kind: DIRECT) { lastMessage { senderId via content } } } }`;
    const { data } = await nodes.here.query(target, own);
    expect(data.viewer.conversations).toEqual([{ lastMessage: { senderId: copied, via: 'bot', content: 'ruled' } }]);
    // What is written is dropped at its end by the rule, and by nobody.
    const started = await nodes.ask('bot', START, {
      input: { conversationId: id, content: 'ruled', onBehalfOf: dropped },
    });
    const { id: messageId } = started.data.startMessage;
    expect((await nodes.ask('bot', FINISH, { id: messageId })).code).toBe('FORBIDDEN');
    const gone = `query ($id: ID!) { message(id: $id) { deletedAt deletedBy { id } } }`;
    expect((await nodes.here.query('ann', gone, { id: messageId })).data.message).toEqual({
      deletedAt: expect.any(String),
      deletedBy: null,
    });
  });

  it('only the service continues, edits and deletes its messages, while its user is a member', async () => {
    const id = await nodes.group('ben');
    const input = { conversationId: id, onBehalfOf: 'ben' };
    const message = (await nodes.ask('bot', START, { input })).data.startMessage;
    const changes: [string, object][] = [
      [APPEND, { id: message.id, offset: 0, text: 'x' }],
      [FINISH, { id: message.id }],
      [EDIT, { id: message.id }],
      [DELETE, { id: message.id }],
    ];
    // Neither another service, nor the same user once it is a service no longer.
    for (const [query, variables] of changes) {
      expect((await nodes.ask('other', query, variables)).code).toBe('NOT_FOUND');
      expect((await nodes.ask('bot', query, variables, {})).code).toBe('NOT_FOUND');
    }
    // Nor its user: a message is written by one.
    for (const [query, variables] of changes.slice(0, 2))
      expect((await nodes.asUser('ben', query, variables)).code).toBe('FORBIDDEN');
    for (const [at, text] of ['so ', 'be', ' it'].entries()) {
      const offset = [0, 3, 5][at];
      expect((await nodes.ask('bot', APPEND, { id: message.id, offset, text })).code).toBeUndefined();
    }
    expect((await nodes.ask('bot', FINISH, { id: message.id })).data.finishMessage).toMatchObject({
      content: 'so be it',
      state: 'COMPLETE',
      senderId: 'ben',
      via: 'bot',
    });
    expect((await nodes.ask('bot', EDIT, { id: message.id })).data.editMessage).toMatchObject({ content: 'edited' });
    const kept = (await nodes.ask('bot', SEND, { input: { ...input, content: 'kept' } })).data.sendMessage;
    expect((await nodes.ask('bot', DELETE, { id: message.id })).data.deleteMessage).toMatchObject({
      senderId: 'ben',
      deletedBy: { id: 'bot' },
    });
    await nodes.asUser('ann', `mutation { removeMember(id: "${id}", userId: "ben") { id } }`, {});
    for (const query of [EDIT, DELETE]) expect((await nodes.ask('bot', query, { id: kept.id })).code).toBe('NOT_FOUND');
    expect((await nodes.asUser('ann', DELETE, { id: kept.id })).data.deleteMessage.deletedBy).toEqual({ id: 'ann' });
    expect((await stored(id)).map(({ deletedBy }) => deletedBy.id)).toEqual(['bot', 'ann']);
  });

  it('a service sees the message it sent, and of the conversation only what its own rights allow', async () => {
    const id = await nodes.group('ben');
    const secret = (await nodes.asUser('ann', SEND, { input: { conversationId: id, content: 'secret' } })).data
      .sendMessage;
    const input = { conversationId: id, content: 'x', onBehalfOf: 'ben', replyToId: secret.id };
    const replied = (field: string): string =>
      `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { content ${field} } }`;
    const around = 'conversation { name messages(last: 5) { nodes { content } } }';
    const started = (await nodes.ask('bot', START, { input: { conversationId: id, onBehalfOf: 'ben' } })).data
      .startMessage;
    const seen = [
      await nodes.ask('bot', replied('replyTo { content }'), { input }),
      await nodes.ask('bot', replied(around), { input }),
      await nodes.ask('bot', `mutation ($id: ID!) { finishMessage(id: $id) { ${around} } }`, { id: started.id }),
      await nodes.ask('bot', `mutation ($id: ID!) { editMessage(id: $id, content: "y") { ${around} } }`, {
        id: started.id,
      }),
      await nodes.ask('bot', `mutation ($id: ID!) { deleteMessage(id: $id) { ${around} } }`, { id: started.id }),
      await nodes.ask('bot', 'query ($id: ID!) { message(id: $id) { content } }', { id: started.id }),
    ];
    expect(JSON.stringify(seen)).not.toContain('secret');
    expect(seen.map(({ code }) => code)).toEqual([undefined, ...Array(4).fill('NOT_FOUND'), undefined]);
    expect((await nodes.ask('bot', `mutation { joinConversation(id: "${id}") { memberCount } }`, {})).data).toEqual({
      joinConversation: { memberCount: 3 },
    });
    expect(JSON.stringify(await nodes.ask('bot', replied(around), { input }))).toContain('secret');
  });

  it('a service may add itself to groups and rooms, never to direct conversations, and adds no users', async () => {
    const direct = 'mutation { openDirectConversation(userId: "cat") { id } }';
    const pair = (await nodes.asUser('dan', direct, {})).data.openDirectConversation.id;
    const join = (id: string): string => `mutation { joinConversation(id: "${id}") { memberCount } }`;
    const add = (id: string, ...users: string[]): string =>
      `mutation { addMembers(id: "${id}", userIds: ${JSON.stringify(users)}) { memberCount } }`;
    for (const way of [join, (id: string) => add(id, 'bot')]) {
      const id = await nodes.group('ben');
      expect((await nodes.ask('bot', way(id), {}, {})).code).toMatch(/FORBIDDEN|NOT_FOUND/);
      for (let times = 0; times < 2; times += 1) {
        const { data } = await nodes.ask('bot', way(id), {});
        expect((data.joinConversation ?? data.addMembers).memberCount).toBe(3);
      }
      expect((await nodes.ask('bot', way(pair), {})).code).toMatch(/FORBIDDEN|NOT_FOUND/);
      expect((await nodes.ask('bot', way(newId()), {})).code).toBe('NOT_FOUND');
    }
    const id = await nodes.group('ben');
    expect((await nodes.ask('bot', add(id, 'bot', 'zoe'), {})).code).toBe('NOT_FOUND');
    const raw = await connectRaw(nodes.here, 'bot', SERVICE);
    expect((await raw.ask('JoinRoom', { room: id })).data).toMatchObject({ status: 'joined', room: id });
    await raw.close();
  });

  it('members see which service sent a message, on every socket', async () => {
    const id = await nodes.group('ben');
    const reader = await connectRaw(nodes.there, 'ben');
    const client = await nodes.there.connect('ann');
    const received = await client.subscribe('subscription { messageReceived { senderId via } }');
    for (const query of [SEND, START]) {
      await nodes.ask('bot', query, { input: { conversationId: id, content: 'x', onBehalfOf: 'ben' } });
      expect((await received.next()).messageReceived).toEqual({ senderId: 'ben', via: 'bot' });
    }
    const frames = (await reader.received('RoomMessage', 2)).filter(({ room }) => room === id);
    expect(frames.map(({ sender_id, via }) => [sender_id, via])).toEqual([
      ['ben', 'bot'],
      ['ben', 'bot'],
    ]);
    await reader.close();
    await client.close();
  });
});

describe('acts of a service for a user use the rate of the service', () => {
  let nodes: Nodes;
  beforeAll(async () => {
    const rates = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_USER_MESSAGES: '2', RATE_LIMIT_SERVICE: '10' };
    nodes = await startNodes('embedded', rates, new StillClock());
  });
  afterAll(() => nodes.close());

  it('the user’s rate is unchanged, and exceeding the service’s rate closes no socket', async () => {
    const ann = await nodes.here.connect('ann');
    const { id } = await createConversation(ann, { memberIds: ['ben'] });
    const bot = await nodes.here.connect('bot', SERVICE);
    const input = { conversationId: id, content: 'x', onBehalfOf: 'ben' };
    const codes: unknown[] = [];
    for (let n = 0; n < 300; n += 1) {
      codes.push((await bot.query(SEND, { input })).errors?.[0]?.extensions.code);
    }
    // The socket was one of the ten.
    expect(codes.filter((code) => code === undefined)).toHaveLength(9);
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(291);
    expect(bot.closes).toEqual([]);
    const ben = { input: { conversationId: id, content: 'my own' } };
    const own = [];
    for (let n = 0; n < 3; n += 1) own.push((await nodes.here.query('ben', SEND, ben)).code);
    expect(own).toEqual([undefined, undefined, 'RATE_LIMITED']);
    await ann.close();
    await bot.close();
  });
});
