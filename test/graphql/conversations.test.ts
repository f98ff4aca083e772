import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { TestClock } from '../support/test-clock.ts';
import { describeInboxOf } from './inbox-cases.ts';
import { describeInboxStreamOf } from './inbox-stream-cases.ts';

describe('conversations over GraphQL', () => {
  const clock = new TestClock();
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ clock });
  });
  afterAll(() => service.close());

  describeInboxOf(() => ({ here: service, there: service, clock }));
  describeInboxStreamOf(() => ({ here: service, there: service, clock }));

  const CREATE = `mutation ($input: CreateConversationInput!) {
    createConversation(input: $input) {
      id name kind createdAt createdBy { id } lastActivityAt lastSequence position viewerRole memberCount unreadMessageCount
      lastMessage { id } members { totalCount nodes { user { id } role joinedAt } pageInfo { hasNextPage } } typingUsers { id }
    }
  }`;
  const create = (user: string, input: object) => service.query(user, CREATE, { input });
  async function group(user: string, ...memberIds: string[]): Promise<string> {
    const { data } = await create(user, { name: 'Group', memberIds });
    return data.createConversation.id;
  }
  const send = async (user: string, conversationId: string, content: string): Promise<Data> => {
    const { data } = await service.query(
      user,
      `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence } }`,
      { input: { conversationId, content } },
    );
    return data.sendMessage;
  };

  it('creates a conversation; repeating its id returns it to its creator, and is CONFLICT for others', async () => {
    const id = newId();
    const first = await create('alice', { id, name: 'Plans', kind: 'GROUP', memberIds: ['bob', 'bob', 'alice'] });
    expect(first.data.createConversation).toMatchObject({
      id,
      name: 'Plans',
      kind: 'GROUP',
      createdBy: { id: 'alice' },
      lastActivityAt: null,
      lastSequence: 0,
      viewerRole: 'OWNER',
      memberCount: 2,
      unreadMessageCount: 0,
      lastMessage: null,
      typingUsers: [],
      members: {
        totalCount: 2,
        nodes: [
          { user: { id: 'alice' }, role: 'OWNER' },
          { user: { id: 'bob' }, role: 'MEMBER' },
        ],
        pageInfo: { hasNextPage: false },
      },
    });
    expect((await create('alice', { id, name: 'Other' })).data).toEqual(first.data);
    expect((await create('bob', { id })).code).toBe('CONFLICT');
  });

  it('opens one direct conversation for two users, whichever asks, also concurrently', async () => {
    const open = (user: string, other: string) =>
      service.query(user, `mutation { openDirectConversation(userId: "${other}") { id kind name memberCount } }`);
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? open('x1', 'x2') : open('x2', 'x1'))),
    );
    expect(new Set(all.map(({ data }) => data.openDirectConversation.id)).size).toBe(1);
    expect(all[0]?.data.openDirectConversation).toMatchObject({ kind: 'DIRECT', name: null, memberCount: 2 });
    expect((await open('x1', 'x1')).code).toBe('BAD_USER_INPUT');
    const { id } = all[0]?.data.openDirectConversation ?? {};
    expect((await create('mallory', { id })).code).toBe('BAD_USER_INPUT');
    expect((await service.query('x1', `mutation { leaveConversation(id: "${id}") { id } }`)).code).toBe('FORBIDDEN');
    expect((await service.query('x1', `mutation { addMembers(id: "${id}", userIds: ["x3"]) { id } }`)).code).toBe(
      'FORBIDDEN',
    );
    const again = await create('x1', { kind: 'DIRECT', memberIds: ['x2'] });
    expect(again.data.createConversation.id).toBe(id);
  });

  it('`peer` is the other user of a direct conversation, and null elsewhere', async () => {
    const opened = await service.query('p1', 'mutation { openDirectConversation(userId: "p2") { id peer { id } } }');
    const { id, peer } = opened.data.openDirectConversation;
    expect(peer).toEqual({ id: 'p2' });
    const room = await group('p1', 'p2');
    const query = `{ direct: conversation(id: "${id}") { peer { id } } group: conversation(id: "${room}") { peer { id } } }`;
    expect((await service.query('p2', query)).data).toEqual({ direct: { peer: { id: 'p1' } }, group: { peer: null } });
    const asAdmin = await service.query('root', query, {}, { scope: 'realtime:admin' });
    expect(asAdmin.data).toEqual({ direct: { peer: null }, group: { peer: null } });
    const list = await service.query('p1', '{ viewer { conversations { id peer { id } } } }');
    expect(list.data.viewer.conversations.map((each: Data) => each.peer?.id ?? null).sort()).toEqual([null, 'p2']);
  });

  it('shows nothing to non-members and other tenants: absent and forbidden look the same', async () => {
    const id = await group('alice');
    const { id: messageId } = await send('alice', id, 'secret');
    const look = (user: string, claims = {}) =>
      service.query(
        user,
        `query { conversation(id: "${id}") { id } message(id: "${messageId}") { content } }`,
        {},
        claims,
      );
    expect((await look('alice')).data).toMatchObject({ conversation: { id }, message: { content: 'secret' } });
    for (const answer of [await look('mallory'), await look('alice', { tenant: 'other' })]) {
      expect(answer).toMatchObject({ data: { conversation: null, message: null } });
      expect(answer.errors).toBeUndefined();
    }
    expect((await look('root', { scope: 'realtime:admin' })).data.conversation).toEqual({ id });
    expect((await look('root', { scope: 'realtime:admin', tenant: 'other' })).data.conversation).toBeNull();
    const mutations = [
      `sendMessage(input: { conversationId: "${id}", content: "x" }) { id }`,
      `markRead(conversationId: "${id}", sequence: 0) { id }`,
      `setTyping(conversationId: "${id}", isTyping: true)`,
      `updateConversation(id: "${id}", name: "x") { id }`,
      `joinConversation(id: "${id}") { id }`,
      `leaveConversation(id: "${id}") { id }`,
      `addMembers(id: "${id}", userIds: ["x"]) { id }`,
      `removeMember(id: "${id}", userId: "alice") { id }`,
      `setMemberRole(id: "${id}", userId: "alice", role: MEMBER) { id }`,
      `editMessage(id: "${messageId}", content: "x") { id }`,
      `deleteMessage(id: "${messageId}") { id }`,
      `addReaction(messageId: "${messageId}", emoji: ":x:") { id }`,
      `removeReaction(messageId: "${messageId}", emoji: ":x:") { id }`,
    ];
    for (const mutation of mutations) {
      const code = (await service.query('mallory', `mutation { ${mutation} }`)).code;
      const unknown = mutation.replaceAll(id, 'unknown').replaceAll(messageId, 'unknown');
      expect([mutation, code]).toEqual([mutation, 'NOT_FOUND']);
      expect([unknown, (await service.query('mallory', `mutation { ${unknown} }`)).code]).toEqual([
        unknown,
        'NOT_FOUND',
      ]);
    }
  });

  it('allows each role its actions, and no others', async () => {
    const id = await group('owner', 'mod', 'member');
    const run = async (user: string, mutation: string) => {
      const answer = await service.query(user, `mutation { ${mutation} }`);
      return answer.code ?? 'ok';
    };
    expect(await run('member', `setMemberRole(id: "${id}", userId: "member", role: OWNER) { id }`)).toBe('FORBIDDEN');
    expect(await run('owner', `setMemberRole(id: "${id}", userId: "mod", role: MODERATOR) { id }`)).toBe('ok');
    expect(await run('owner', `setMemberRole(id: "${id}", userId: "owner", role: MEMBER) { id }`)).toBe('CONFLICT');
    expect(await run('owner', `setMemberRole(id: "${id}", userId: "nobody", role: MEMBER) { id }`)).toBe('NOT_FOUND');
    expect(await run('member', `updateConversation(id: "${id}", name: "x") { id }`)).toBe('FORBIDDEN');
    expect(await run('mod', `updateConversation(id: "${id}", name: "x") { id }`)).toBe('ok');
    expect(await run('mod', `addMembers(id: "${id}", userIds: ["late"]) { id }`)).toBe('ok');
    expect(await run('mod', `removeMember(id: "${id}", userId: "owner") { id }`)).toBe('FORBIDDEN');
    expect(await run('mod', `removeMember(id: "${id}", userId: "late") { id }`)).toBe('ok');
    expect(await run('mod', `removeMember(id: "${id}", userId: "late") { id }`)).toBe('NOT_FOUND');
    expect(await run('owner', `leaveConversation(id: "${id}") { id viewerRole }`)).toBe('ok');
    const { data } = await service.query('mod', `{ conversation(id: "${id}") { viewerRole memberCount } }`);
    expect(data.conversation).toEqual({ viewerRole: 'OWNER', memberCount: 2 });
  });

  it('anyone of the tenant joins a room; a group only by being added', async () => {
    const { data } = await create('alice', { kind: 'ROOM', name: 'Lobby' });
    const room = data.createConversation.id;
    const join = (id: string, claims = {}) =>
      service.query('guest', `mutation { joinConversation(id: "${id}") { viewerRole memberCount } }`, {}, claims);
    expect((await join(room)).data.joinConversation).toEqual({ viewerRole: 'MEMBER', memberCount: 2 });
    expect((await join(room)).data.joinConversation).toEqual({ viewerRole: 'MEMBER', memberCount: 2 });
    expect((await join(room, { tenant: 'other' })).code).toBe('NOT_FOUND');
    const closed = await group('alice');
    expect((await join(closed)).code).toBe('NOT_FOUND');
    // An admin sees it, and is a member of it no more than others are.
    expect((await join(closed, { scope: 'realtime:admin' })).code).toBe('FORBIDDEN');
    expect(
      (await service.query('alice', `{ conversation(id: "${closed}") { memberCount } }`)).data.conversation,
    ).toEqual({
      memberCount: 1,
    });
  });

  it('counts unread messages, and sending resets the count', async () => {
    const id = await group('alice', 'bob');
    await send('alice', id, '1');
    await send('alice', id, '2');
    const unread = async (user: string) =>
      (await service.query(user, `{ conversation(id: "${id}") { unreadMessageCount } }`)).data.conversation
        .unreadMessageCount;
    expect([await unread('alice'), await unread('bob')]).toEqual([0, 2]);
    const mark = (sequence: number) =>
      service.query(
        'bob',
        `mutation { markRead(conversationId: "${id}", sequence: ${sequence}) { unreadMessageCount } }`,
      );
    expect((await mark(1)).data.markRead.unreadMessageCount).toBe(1);
    expect((await mark(0)).data.markRead.unreadMessageCount).toBe(1);
    expect((await mark(3)).code).toBe('BAD_USER_INPUT');
    expect((await mark(-1)).code).toBe('BAD_USER_INPUT');
    await send('bob', id, '3');
    expect([await unread('alice'), await unread('bob')]).toEqual([1, 0]);
  });

  it('lists a user’s conversations, latest activity first, page by page, for that user only', async () => {
    const ids = [await group('lister', 'x'), await group('lister'), await group('lister', 'x')];
    for (const id of [ids[1], ids[2], ids[0]]) {
      await send('lister', id ?? '', 'x');
      service.clock.advance(10);
    }
    const list = (user: string, args = '', claims = {}) =>
      service.query(
        user,
        `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User {
          id status conversations${args} { id name lastActivityAt unreadMessageCount } unreadMessageCount } } }`,
        { r: [{ __typename: 'User', id: 'lister' }] },
        claims,
      );
    const { data } = await list('lister');
    expect(data._entities[0]).toMatchObject({ id: 'lister', status: 'OFFLINE', unreadMessageCount: 0 });
    expect(data._entities[0].conversations.map(({ id }: Data) => id)).toEqual([ids[0], ids[2], ids[1]]);
    const second = await list('lister', `(first: 1, after: "${ids[0]}")`);
    expect(second.data._entities[0].conversations.map(({ id }: Data) => id)).toEqual([ids[2]]);
    expect((await list('lister', '(kind: ROOM)')).data._entities[0].conversations).toEqual([]);
    expect((await list('lister', '(first: -1)')).code).toBe('BAD_USER_INPUT');
    expect((await list('lister', '(after: "unknown")')).code).toBe('BAD_USER_INPUT');
    expect((await list('mallory')).code).toBe('FORBIDDEN');
    expect((await list('root', '', { scope: 'realtime:admin' })).data._entities[0].conversations).toHaveLength(3);
    const mixed = await service.query(
      'mallory',
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id conversations { id } } } }`,
      {
        r: [
          { __typename: 'User', id: 'lister' },
          { __typename: 'User', id: 'mallory' },
        ],
      },
    );
    expect(mixed).toMatchObject({
      code: 'FORBIDDEN',
      data: {
        _entities: [
          { id: 'lister', conversations: null },
          { id: 'mallory', conversations: [] },
        ],
      },
    });
  });

  it('pages members by cursor and refuses cursors of other lists', async () => {
    const id = await group('alice', ...Array.from({ length: 9 }, (_, index) => `m${index}`));
    const page = (args: string) =>
      service.query(
        'alice',
        `{ conversation(id: "${id}") { members${args} { nodes { user { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }`,
      );
    const first = (await page('(first: 4)')).data.conversation.members;
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const rest = (await page(`(first: 100, after: "${first.pageInfo.endCursor}")`)).data.conversation.members;
    expect(rest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect([...first.nodes, ...rest.nodes].map(({ user }: Data) => user.id)).toEqual([
      'alice',
      ...Array.from({ length: 9 }, (_, index) => `m${index}`),
    ]);
    expect((await page('(after: "garbage")')).code).toBe('BAD_USER_INPUT');
    expect((await page('(first: 1001)')).code).toBe('BAD_USER_INPUT');
  });

  it.each([
    ['an id with a space', { id: 'a b' }],
    ['an empty id', { id: '' }],
    ['an id of 129 characters', { id: 'x'.repeat(129) }],
    ['an empty name', { name: '' }],
    ['a name of 201 characters', { name: 'x'.repeat(201) }],
    ['a control character', { name: 'a\u0000b' }],
    ['a name of spaces', { name: ' ' }],
    ['a name of invisible characters', { name: '\u200b\u3164\u202e\u2800' }],
    ['a lone surrogate', { name: 'a\ud800b' }],
    ['a bad member id', { memberIds: ['a b'] }],
    ['1001 members', { memberIds: Array.from({ length: 1_001 }, (_, index) => `m${index}`) }],
    ['DIRECT with a name', { kind: 'DIRECT', name: 'x', memberIds: ['y'] }],
    ['DIRECT with two other members', { kind: 'DIRECT', memberIds: ['y', 'z'] }],
    ['an unknown kind', { kind: 'CLUB' }],
    ['an unknown field', { colour: 'red' }],
  ])('refuses %s and creates nothing', async (_, input) => {
    const user = `strict-${newId()}`;
    expect((await create(user, input)).code).toBe('BAD_USER_INPUT');
    const { data } = await service.query(user, '{ viewer { conversations { id } } }');
    expect(data.viewer.conversations).toEqual([]);
  });
});
