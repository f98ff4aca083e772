import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

describe('messages over GraphQL', () => {
  let service: TestService;
  let group: string;
  beforeAll(async () => {
    service = await startTestService();
    group = await createGroup('alice', 'bob');
  });
  afterAll(() => service.close());

  async function createGroup(user: string, ...memberIds: string[]): Promise<string> {
    const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
    return (await service.query(user, create, { input: { memberIds } })).data.createConversation.id;
  }
  const FIELDS = `id conversationId sequence content payload senderId timestamp clientMessageId
    conversation { id } user { id } replyTo { id content } reactions { emoji } editedAt deletedAt position`;
  const send = (user: string, input: object) =>
    service.query(user, `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ${FIELDS} } }`, {
      input: { conversationId: group, ...input },
    });

  it('sends a message with all its fields', async () => {
    const first = (await send('alice', { content: 'café\u0301' })).data.sendMessage;
    expect(first).toMatchObject({
      content: 'caf\u00e9\u0301',
      senderId: 'alice',
      conversation: { id: group },
      payload: null,
    });
    const message = {
      payload: { kind: 'poll', options: [1, 'two', null] },
      replyToId: first.id,
      clientMessageId: 'c-1',
    };
    const { data } = await send('bob', message);
    expect(data.sendMessage).toMatchObject({
      content: '',
      payload: { kind: 'poll', options: [1, 'two', null] },
      replyTo: { id: first.id },
      clientMessageId: 'c-1',
      user: { id: 'bob' },
      sequence: first.sequence + 1,
      reactions: [],
      editedAt: null,
      deletedAt: null,
    });
    const { kind, options } = message.payload;
    expect((await send('bob', { ...message, content: '', payload: { options, kind } })).data).toEqual(data);
  });

  it('only a service sends on behalf of a member, who is then the sender', async () => {
    const mutation = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { senderId via deletedBy { id } } }`;
    const input = { conversationId: group, content: 'by mail', onBehalfOf: 'bob' };
    const sent = await service.query('bot', mutation, { input }, { scope: 'realtime:service' });
    expect(sent.data.sendMessage).toEqual({ senderId: 'bob', via: 'bot', deletedBy: null });
    expect((await service.query('alice', mutation, { input })).code).toBe('FORBIDDEN');
  });

  it.each([
    ['content', { content: 'b' }],
    ['a payload', { payload: [1, 3] }],
    ['no payload', { payload: null }],
    ['a reply target', { replyToId: true }],
  ])('G02: the same clientMessageId with another %s is a CONFLICT, and stores nothing', async (what, other) => {
    const target = (await send('bob', { content: 'target' })).data.sendMessage;
    const message = { content: 'a', payload: [1, 2], clientMessageId: `other-${what.replaceAll(' ', '-')}` };
    const { id, sequence } = (await send('alice', message)).data.sendMessage;
    const another = { ...message, ...other, ...('replyToId' in other && { replyToId: target.id }) };
    expect(await send('alice', another)).toMatchObject({ data: { sendMessage: null }, code: 'CONFLICT' });
    expect((await send('alice', { ...message, content: 'a' })).data.sendMessage.id).toBe(id);
    expect((await send('alice', { content: 'next' })).data.sendMessage.sequence).toBe(sequence + 1);
  });

  it('G02: the same holds for each of several messages, and for a streamed one', async () => {
    const many = `mutation ($items: [SendMessageInput!]!) { sendMessages(items: $items) {
      message { sequence } error { code } outcome } }`;
    const start = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { sequence state } }';
    const item = { conversationId: group, content: 'a', clientMessageId: 'of-several' };
    const items = [item, { ...item, content: 'b' }, item, { ...item, payload: 1 }];
    const { data } = await service.query('alice', many, { items });
    const { sequence } = data.sendMessages[0].message;
    const conflict = { message: null, error: { code: 'CONFLICT' }, outcome: 'FAILED' };
    expect(data.sendMessages).toEqual([
      { message: { sequence }, error: null, outcome: 'STORED' },
      conflict,
      { message: { sequence }, error: null, outcome: 'DUPLICATE' },
      conflict,
    ]);
    const input = { ...item, clientMessageId: 'streamed' };
    const started = (await service.query('alice', start, { input })).data;
    expect(started.startMessage).toEqual({ sequence: sequence + 1, state: 'STREAMING' });
    expect((await service.query('alice', start, { input })).data).toEqual(started);
    for (const other of [{ content: 'b' }, { payload: 1 }, { replyToId: 'x' }]) {
      expect((await service.query('alice', start, { input: { ...input, ...other } })).code).toBe('CONFLICT');
    }
    // A key is of both: neither takes the other's.
    expect((await send('alice', { content: 'c', clientMessageId: 'streamed' })).code).toBe('CONFLICT');
    expect((await send('alice', { content: 'next' })).data.sendMessage.sequence).toBe(sequence + 2);
  });

  it('Q59: fifty concurrent sends of one clientMessageId store one message', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, () => send('alice', { content: 'race', clientMessageId: 'race' })),
    );
    expect(new Set(all.map(({ data }) => data.sendMessage.id)).size).toBe(1);
  });

  it('a refused change does not affect the results of others in the same request', async () => {
    const { id, sequence } = (await send('alice', { content: 'first' })).data.sendMessage;
    const none = `${id}x`;
    const { data, errors } = await service.query(
      'alice',
      `mutation {
        sendMessage(input: { conversationId: "none", content: "x" }) { id }
        sendDirectMessage(userId: "bob", content: "") { id }
        editMessage(id: "${none}", content: "x") { id }
        deleteMessage(id: "${none}") { id }
        addReaction(messageId: "${none}", emoji: "👍") { id }
        removeReaction(messageId: "${none}", emoji: "👍") { id }
        markRead(conversationId: "none", sequence: 1) { id }
        publish(topic: "$none", payload: 1) { id }
        read: markRead(conversationId: "${group}", sequence: ${sequence}) { id }
      }`,
    );
    const { read, ...refused } = data;
    expect(read).toEqual({ id: group });
    expect(Object.values(refused)).toEqual(Array.from({ length: 8 }, () => null));
    expect(errors).toHaveLength(8);
  });

  it('only the sender edits; the sender and moderators delete; a deleted message stays deleted', async () => {
    const { id } = (await send('bob', { content: 'draft' })).data.sendMessage;
    const edit = (user: string, content: string) =>
      service.query(user, `mutation ($c: String) { editMessage(id: "${id}", content: $c) { ${FIELDS} } }`, {
        c: content,
      });
    const remove = (user: string) => service.query(user, `mutation { deleteMessage(id: "${id}") { ${FIELDS} } }`);
    expect((await edit('alice', 'x')).code).toBe('FORBIDDEN');
    expect((await edit('bob', '')).code).toBe('BAD_USER_INPUT');
    expect((await edit('bob', 'final')).data.editMessage).toMatchObject({
      content: 'final',
      editedAt: expect.any(String),
    });
    const deleted = (await remove('alice')).data.deleteMessage;
    expect(deleted).toMatchObject({ content: '', payload: null, deletedAt: expect.any(String) });
    expect((await remove('bob')).data.deleteMessage).toEqual(deleted);
    expect((await edit('bob', 'x')).code).toBe('CONFLICT');
    const { id: owners } = (await send('alice', { content: 'mine' })).data.sendMessage;
    expect((await service.query('bob', `mutation { deleteMessage(id: "${owners}") { id } }`)).code).toBe('FORBIDDEN');
    const react = await service.query('bob', `mutation { addReaction(messageId: "${id}", emoji: ":x:") { id } }`);
    expect(react.code).toBe('CONFLICT');
  });

  it('counts reactions per emoji and user', async () => {
    const { id } = (await send('alice', { content: 'react' })).data.sendMessage;
    const react = (user: string, verb: string, emoji: string) =>
      service.query(
        user,
        `mutation ($e: String!) { ${verb}Reaction(messageId: "${id}", emoji: $e) { reactions { emoji count viewerReacted users { id } } } }`,
        { e: emoji },
      );
    await react('alice', 'add', '👍');
    await react('bob', 'add', '👍');
    const { data } = await react('bob', 'add', '👍');
    expect(data.addReaction.reactions).toEqual([
      { emoji: '👍', count: 2, viewerReacted: true, users: [{ id: 'alice' }, { id: 'bob' }] },
    ]);
    expect((await react('alice', 'remove', '👍')).data.removeReaction.reactions).toEqual([
      { emoji: '👍', count: 1, viewerReacted: false, users: [{ id: 'bob' }] },
    ]);
    for (const emoji of ['', ' ', 'a b', 'x'.repeat(65)]) {
      expect((await react('alice', 'add', emoji)).code).toBe('BAD_USER_INPUT');
    }
  });

  it('pages through messages in both directions by cursor (Relay)', async () => {
    const id = await createGroup('pager');
    for (let n = 1; n <= 7; n += 1) await send('pager', { conversationId: id, content: `${n}` });
    const page = async (args: string): Promise<Data> => {
      const query = `{ conversation(id: "${id}") { messages${args} {
        edges { cursor node { content } } nodes { sequence }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;
      const answer = await service.query('pager', query);
      return answer.data?.conversation?.messages ?? answer.code;
    };
    const contents = ({ edges }: Data): string => edges.map(({ node }: Data) => node.content).join('');
    const first = await page('(first: 3)');
    expect(contents(first)).toBe('123');
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await page(`(first: 3, after: "${first.pageInfo.endCursor}")`);
    expect(contents(second)).toBe('456');
    expect(contents(await page(`(first: 3, after: "${second.pageInfo.endCursor}")`))).toBe('7');
    const last = await page('(last: 3)');
    expect(contents(last)).toBe('567');
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(contents(await page(`(last: 3, before: "${last.pageInfo.startCursor}")`))).toBe('234');
    expect(
      contents(await page(`(first: 2, after: "${first.edges[0].cursor}", before: "${last.edges[0].cursor}")`)),
    ).toBe('23');
    expect(contents(await page(''))).toBe('1234567');
    expect(await page('(first: 0)')).toMatchObject({ edges: [], pageInfo: { startCursor: null, endCursor: null } });
    for (const args of [
      '(first: -1)',
      '(last: -1)',
      '(first: 1001)',
      '(first: 1, last: 1)',
      '(after: "x")',
      '(before: "")',
    ]) {
      expect([args, await page(args)]).toEqual([args, 'BAD_USER_INPUT']);
    }
    const members = `{ conversation(id: "${id}") { members { pageInfo { endCursor } } } }`;
    const foreign = (await service.query('pager', members)).data.conversation.members.pageInfo.endCursor;
    expect(await page(`(first: 1, after: "${foreign}")`)).toBe('BAD_USER_INPUT');
  });

  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

  it.each([
    ['nothing', {}],
    ['empty content', { content: '' }],
    ['only spaces', { content: ' \n ' }],
    ['only invisible characters', { content: '\u200b\u2060 \u3164' }],
    ['8001 characters', { content: 'x'.repeat(8_001) }],
    ['a control character', { content: 'a\u0007' }],
    ['a lone surrogate', { content: '\ud800' }],
    ['a payload of 33 KiB', { payload: 'x'.repeat(33 * 1_024) }],
    ['a payload of 21 levels', { payload: nested(21) }],
    ['a payload with a lone surrogate', { payload: { list: ['a\udc00'] } }],
    ['a payload with a lone surrogate in a key', { payload: { 'a\ud800': 1 } }],
    ...['__proto__', '_jsonata_lambda', '_jsonata_function'].map((key): [string, object] => [
      `a payload that ${key} makes something else of`,
      { payload: JSON.parse(`{"a": [{"${key}": true}]}`) },
    ]),
    ['an empty clientMessageId', { content: 'x', clientMessageId: '' }],
    ['a clientMessageId of 129', { content: 'x', clientMessageId: 'x'.repeat(129) }],
    ['a reply to an unknown message', { content: 'x', replyToId: 'unknown' }],
    ['an invalid conversation id', { content: 'x', conversationId: '{}' }],
  ])('refuses %s, and stores nothing', async (_, input) => {
    const before = await service.query('alice', `{ conversation(id: "${group}") { lastSequence position } }`);
    expect((await send('alice', input)).code).toBe('BAD_USER_INPUT');
    expect((await service.query('alice', `{ conversation(id: "${group}") { lastSequence position } }`)).data).toEqual(
      before.data,
    );
  });

  it('CRLF and CR become LF', async () => {
    const { data } = await send('alice', { content: 'a\r\nb\rc\n\r\nd' });
    expect(data.sendMessage.content).toBe('a\nb\nc\n\nd');
  });

  it('accepts a message just within the limits', async () => {
    for (const input of [
      { content: '🎉'.repeat(8_000) },
      { payload: nested(20) },
      { payload: 'x'.repeat(32 * 1_024 - 2) },
      { content: 'a\n\tb', clientMessageId: 'A-z0.9_:@-' },
    ]) {
      expect((await send('alice', input)).errors).toBeUndefined();
    }
  });

  it('a reply to a message of another conversation is refused', async () => {
    const other = await createGroup('alice');
    const { id } = (await send('alice', { conversationId: other, content: 'there' })).data.sendMessage;
    expect((await send('alice', { content: 'here', replyToId: id })).code).toBe('BAD_USER_INPUT');
  });

  it('setTyping and setPresence answer with the new state', async () => {
    const typing = await service.query('alice', `mutation { setTyping(conversationId: "${group}", isTyping: true) }`);
    expect(typing.data).toEqual({ setTyping: true });
    const { data } = await service.query('bob', `{ conversation(id: "${group}") { typingUsers { id } } }`);
    expect(data.conversation.typingUsers).toEqual([{ id: 'alice' }]);
    const user = `shy-${newId()}`;
    const set = await service.query(
      user,
      'mutation { setPresence(status: AWAY, statusText: "brb") { status statusText devices { deviceId connectionType } } }',
    );
    expect(set.data.setPresence).toEqual({
      status: 'AWAY',
      statusText: 'brb',
      devices: [{ deviceId: 'http', connectionType: 'HTTP' }],
    });
    const read = await service.query('bob', `{ presence(userIds: ["${user}", "never", "${user}"]) { userId status } }`);
    expect(read.data.presence).toEqual([
      { userId: user, status: 'AWAY' },
      { userId: 'never', status: 'OFFLINE' },
      { userId: user, status: 'AWAY' },
    ]);
    service.clock.advance(61_000);
    expect((await service.query('bob', `{ presence(userIds: ["${user}"]) { status } }`)).data.presence).toEqual([
      { status: 'OFFLINE' },
    ]);
    const hide = 'mutation { setPresence(status: OFFLINE, statusText: "gone") { status statusText } }';
    const told = (await service.query(user, hide)).data.setPresence;
    expect(told).toEqual({ status: 'OFFLINE', statusText: null });
    const asked = await service.query(user, `{ presence(userIds: ["${user}"]) { status statusText } }`);
    expect(asked.data.presence).toEqual([told]);
    const say = 'mutation ($s: String) { setPresence(status: AWAY, statusText: $s) { statusText } }';
    for (const s of ['x'.repeat(201), ' ', '\u200b\u2060', '\u2800', 'a\u0007']) {
      expect([s, (await service.query(user, say, { s })).code]).toEqual([s, 'BAD_USER_INPUT']);
    }
    expect((await service.query(user, say, { s: '' })).data.setPresence).toEqual({ statusText: null });
  });
});
