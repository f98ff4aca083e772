/** The API of a user's inbox, rooms, deletion and blocking, in every setting. */
import { eventually } from '../support/eventually.ts';
import type { Nodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const PAGE = `totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node {
  conversation { id } unreadMessageCount peer { id } mutedUntil isArchived isPinned isMarkedUnread } }`;

export function describeInboxOf(nodes: () => Pick<Nodes, 'here' | 'there' | 'clock'>): void {
  const ask = async (user: string, query: string, claims?: object): Promise<Data> => {
    const { data, code } = await nodes().here.query(user, query, {}, claims);
    return code === undefined ? data : { code, data };
  };
  const group = async (owner: string, members: string[], kind = 'GROUP', name = 'N'): Promise<string> => {
    const memberIds = JSON.stringify(members);
    const { createConversation } = await ask(
      owner,
      `mutation { createConversation(input: { kind: ${kind}, name: "${name}", memberIds: ${memberIds} }) { id } }`,
    );
    return createConversation.id;
  };
  const send = async (user: string, id: string): Promise<void> => {
    nodes().clock.advance(2);
    await ask(user, `mutation { sendMessage(input: { conversationId: "${id}", content: "x" }) { id } }`);
  };
  const inbox = async (user: string, args = ''): Promise<Data> => {
    const { data, errors } = await nodes().there.query(user, `{ viewer { inbox${args} { ${PAGE} } } }`);
    expect(errors).toBeUndefined();
    return data.viewer.inbox;
  };
  const ids = async (user: string, args = ''): Promise<string[]> =>
    (await inbox(user, args)).edges.map(({ node }: Data) => node.conversation.id);
  const people = (): [string, string, string] => [`d-${newId()}`, `e-${newId()}`, `f-${newId()}`];

  it('an inbox has pins first, then the latest activity, with the user’s settings of each conversation', async () => {
    const [dave, erin] = people();
    const [one, two, three] = [await group(erin, [dave]), await group(erin, [dave]), await group(dave, [erin])];
    for (const id of [one, two, three]) await send(erin, id);
    const entry = '{ isPinned isArchived isMarkedUnread mutedUntil unreadMessageCount conversation { id } }';
    expect(await ask(dave, `mutation { pinConversation(id: "${one}", isPinned: true) ${entry} }`)).toEqual({
      pinConversation: {
        isPinned: true,
        isArchived: false,
        isMarkedUnread: false,
        mutedUntil: null,
        unreadMessageCount: 1,
        conversation: { id: one },
      },
    });
    expect(await ids(dave)).toEqual([one, three, two]);
    const first = await inbox(dave, '(first: 2)');
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    expect(await ids(dave, `(first: 2, after: "${first.pageInfo.endCursor}")`)).toEqual([two]);
    const until = '2031-01-01T00:00:00.000Z';
    expect(await ask(dave, `mutation { muteConversation(id: "${two}", until: "${until}") ${entry} }`)).toMatchObject({
      muteConversation: { mutedUntil: until },
    });
    await ask(dave, `mutation { archiveConversation(id: "${two}", isArchived: true) ${entry} }`);
    expect([await ids(dave), await ids(dave, '(filter: { archived: true })')]).toEqual([[one, three], [two]]);
    expect(await ids(dave, '(filter: { archived: null })')).toEqual([one, three, two]);
    await ask(dave, `mutation { markRead(conversationId: "${three}", sequence: 1) { id } }`);
    expect(await ids(dave, '(filter: { unread: true })')).toEqual([one]);
    await ask(dave, `mutation { markUnread(id: "${three}") ${entry} }`);
    expect([await ids(dave, '(filter: { unread: true })'), await ids(dave, '(filter: { kind: ROOM })')]).toEqual([
      [one, three],
      [],
    ]);
    await send(erin, two);
    expect(await ids(dave)).toEqual([one, two, three]);
    expect((await inbox(dave)).edges[1].node).toMatchObject({ mutedUntil: until, unreadMessageCount: 2 });
  });

  it('a mute expires in every read, and a mute until a past time is refused', async () => {
    const [dave, erin] = people();
    const id = await group(dave, [erin]);
    const now = (): number => nodes().clock.now();
    const mute = (until: number): Promise<Data> =>
      ask(dave, `mutation { muteConversation(id: "${id}", until: "${new Date(until).toISOString()}") { mutedUntil } }`);
    const muted = async (): Promise<Data> => (await inbox(dave)).edges.map(({ node }: Data) => node.mutedUntil);
    const until = now() + 60_000;
    expect((await mute(until)).muteConversation).toEqual({ mutedUntil: new Date(until).toISOString() });
    for (const past of [now(), now() - 1, 0, -1_000])
      expect([past, (await mute(past)).code]).toEqual([past, 'BAD_USER_INPUT']);
    expect(await muted()).toEqual([new Date(until).toISOString()]);
    nodes().clock.advance(60_000);
    expect(await muted()).toEqual([null]);
    const pinned = await ask(dave, `mutation { pinConversation(id: "${id}", isPinned: true) { mutedUntil isPinned } }`);
    expect(pinned.pinConversation).toEqual({ mutedUntil: null, isPinned: true });
  });

  it('settings of a conversation are private to its member, and an inbox to its user', async () => {
    const [dave, erin, mallory] = people();
    const id = await group(dave, [erin]);
    for (const change of ['pinConversation(id: $, isPinned: true)', 'markUnread(id: $)', 'muteConversation(id: $)']) {
      const field = change.replace('$', JSON.stringify(id));
      expect(await ask(mallory, `mutation { ${field} { isPinned } }`)).toMatchObject({ code: 'NOT_FOUND' });
      const admin = { scope: 'realtime:admin' };
      expect(await ask(mallory, `mutation { ${field} { isPinned } }`, admin)).toMatchObject({ code: 'FORBIDDEN' });
    }
    const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { inbox { totalCount } } } }';
    const others = { r: [{ __typename: 'User', id: dave }] };
    const refused = await nodes().there.query(mallory, query, others);
    expect([refused.code, refused.data._entities]).toEqual(['FORBIDDEN', [{ inbox: null }]]);
    const shown = await nodes().there.query(mallory, query, others, { scope: 'realtime:admin' });
    expect(shown.data._entities).toEqual([{ inbox: { totalCount: 1 } }]);
    for (const bad of ['(after: "x")', '(first: -1)', '(first: 1001)']) {
      const { code } = await nodes().here.query(dave, `{ viewer { inbox${bad} { totalCount } } }`);
      expect([bad, code]).toEqual([bad, 'BAD_USER_INPUT']);
    }
  });

  it('rooms are listed for anyone, without their contents', async () => {
    const [dave, , mallory] = people();
    const name = `room ${newId()}`;
    const [one, two] = [await group(dave, [], 'ROOM', `${name} b`), await group(dave, [], 'ROOM', `${name} A`)];
    const query = (rest: string): string =>
      `{ rooms(search: "${name.toUpperCase()}"${rest}) { edges { cursor } pageInfo { hasNextPage } nodes { id name memberCount } } }`;
    const { rooms } = await ask(mallory, query(''));
    expect(rooms.nodes).toEqual([
      { id: two, name: `${name} A`, memberCount: 1 },
      { id: one, name: `${name} b`, memberCount: 1 },
    ]);
    const page = (await ask(mallory, query(`, first: 1, after: "${rooms.edges[0].cursor}"`))).rooms;
    expect([page.nodes[0].id, page.pageInfo.hasNextPage]).toEqual([one, false]);
    expect(await ask(mallory, '{ rooms(after: "x") { nodes { id } } }')).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('G08: owners and admins delete a conversation with its messages; a direct one is hidden until its next message', async () => {
    const [dave, erin] = people();
    const [gone, kept] = [await group(dave, [erin]), await group(dave, [erin])];
    await send(dave, gone);
    const reader = await nodes().there.connect(erin);
    const heard = await reader.subscribe(`subscription { messageReceived(conversationIds: ["${gone}"]) { content } }`);
    expect(await ask(erin, `mutation { deleteConversation(id: "${gone}") }`)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(dave, `mutation { deleteConversation(id: "${gone}") }`)).toEqual({ deleteConversation: true });
    await eventually(() => expect(JSON.stringify(heard.errors)).toContain('FORBIDDEN'));
    expect(await ask(dave, `mutation { deleteConversation(id: "${gone}") }`)).toMatchObject({ code: 'NOT_FOUND' });
    expect([await ids(erin), (await ask(erin, `{ conversation(id: "${gone}") { id } }`)).conversation]).toEqual([
      [kept],
      null,
    ]);
    const direct = (await ask(erin, `mutation { openDirectConversation(userId: "${dave}") { id } }`))
      .openDirectConversation.id;
    expect((await inbox(dave)).edges[0].node).toMatchObject({ conversation: { id: direct }, peer: { id: erin } });
    expect(await ask(dave, `mutation { deleteConversation(id: "${direct}") }`)).toEqual({ deleteConversation: true });
    expect([await ids(dave), await ids(erin)]).toEqual([[kept], [direct, kept]]);
    await send(erin, direct);
    expect(await ids(dave)).toEqual([direct, kept]);
    await reader.close();
  });

  it('a blocked user cannot reach the blocker, sees them offline, and gets the usual refusals', async () => {
    const [dave, mallory, erin] = people();
    const open = `mutation { openDirectConversation(userId: "${dave}") { id } }`;
    const direct = (await ask(mallory, open)).openDirectConversation.id;
    const group_ = await group(dave, [mallory, erin]);
    const startIn = (id: string): string =>
      `mutation { startMessage(input: { conversationId: "${id}", content: "a" }) { id } }`;
    const writing = (await ask(mallory, startIn(direct))).startMessage.id;
    const inGroup = (await ask(mallory, startIn(group_))).startMessage.id;
    const append = (id: string): string => `mutation { appendToMessage(id: "${id}", offset: 1, text: "b") { length } }`;
    const device = await nodes().here.connect(dave);
    const watcher = await nodes().there.connect(mallory);
    const seen = await watcher.subscribe(
      `subscription { presenceUpdated(userIds: ["${dave}"]) { status lastSeenAt devices { deviceId } } }`,
    );
    expect((await seen.next()).presenceUpdated.status).toBe('ONLINE');
    expect(await ask(dave, `mutation { blockUser(userId: "${mallory}") }`)).toEqual({ blockUser: true });
    expect(await ask(dave, `mutation { blockUser(userId: "${mallory}") }`)).toEqual({ blockUser: false });
    expect(await ask(dave, '{ blockedUsers { id } }')).toEqual({ blockedUsers: [{ id: mallory }] });
    const nobody = { status: 'OFFLINE', lastSeenAt: null, devices: [] };
    expect((await seen.next()).presenceUpdated).toEqual(nobody);
    const presence = `{ presence(userIds: ["${dave}"]) { status lastSeenAt devices { deviceId } } }`;
    expect((await ask(mallory, presence)).presence).toEqual([nobody]);
    expect((await ask(erin, presence)).presence).toMatchObject([{ status: 'ONLINE' }]);
    const refused = [
      `mutation { sendDirectMessage(userId: "${dave}", content: "x") { id } }`,
      `mutation { sendMessage(input: { conversationId: "${direct}", content: "x" }) { id } }`,
      `mutation { createConversation(input: { memberIds: ["${dave}", "${erin}"] }) { id } }`,
      `mutation { addMembers(id: "${await group(mallory, [])}", userIds: ["${dave}"]) { id } }`,
      `mutation { addReaction(messageId: "${writing}", emoji: ":words:") { id } }`,
      `mutation { stopMessage(id: "${writing}") }`,
      startIn(direct),
    ];
    // What was being written to the blocker ended there.
    expect((await ask(mallory, append(writing))).code).toBe('CONFLICT');
    expect((await ask(mallory, append(inGroup))).appendToMessage).toEqual({ length: 2 });
    const { message } = await ask(dave, `{ message(id: "${writing}") { content state } }`);
    expect(message).toEqual({ content: 'a', state: 'ABORTED' });
    for (const each of refused) expect([each, (await ask(mallory, each)).code]).toEqual([each, 'FORBIDDEN']);
    // To take back what one said, and to read, brings the blocker nothing new.
    const taken = [
      `markRead(conversationId: "${direct}", sequence: 1) { id }`,
      `removeReaction(messageId: "${writing}", emoji: "👍") { id }`,
      `deleteMessage(id: "${writing}") { id }`,
    ];
    for (const each of taken)
      expect([each, (await ask(mallory, `mutation { ${each} }`)).code]).toEqual([each, undefined]);
    // What both are in stays as it is, and the blocker may write.
    expect(
      (
        await ask(
          mallory,
          `mutation { sendMessage(input: { conversationId: "${group_}", content: "x" }) { sequence } }`,
        )
      ).sendMessage.sequence,
    ).toBe(2);
    expect(
      (await ask(dave, `mutation { sendDirectMessage(userId: "${mallory}", content: "x") { sequence } }`))
        .sendDirectMessage.sequence,
    ).toBe(2);
    expect(await ask(dave, `mutation { unblockUser(userId: "${mallory}") }`)).toEqual({ unblockUser: true });
    expect((await seen.next()).presenceUpdated.status).toBe('ONLINE');
    await eventually(async () => expect((await ask(mallory, refused[0] ?? '')).sendDirectMessage?.id).toBeTruthy());
    expect(await ask(dave, `mutation { blockUser(userId: "${dave}") }`)).toMatchObject({ code: 'BAD_USER_INPUT' });
    await Promise.all([device.close(), watcher.close()]);
  });

  it('after a block neither of the two sees the other typing in their direct conversation', async () => {
    const [dave, mallory, erin] = people();
    const open = `mutation { openDirectConversation(userId: "${dave}") { id } }`;
    const direct = (await ask(mallory, open)).openDirectConversation.id;
    const shared = await group(dave, [mallory, erin]);
    const type = async (user: string, id: string): Promise<void> => {
      const answer = await ask(user, `mutation { setTyping(conversationId: "${id}", isTyping: true) }`);
      // Nobody is told of a block.
      expect(answer).toEqual({ setTyping: true });
    };
    const typing = async (user: string, id: string): Promise<string[]> =>
      (await ask(user, `{ conversation(id: "${id}") { typingUsers { id } } }`)).conversation.typingUsers.map(
        (each: Data) => each.id,
      );
    await Promise.all([type(dave, direct), type(mallory, direct)]);
    expect([await typing(dave, direct), await typing(mallory, direct)]).toEqual([[mallory], [dave]]);
    await ask(dave, `mutation { blockUser(userId: "${mallory}") }`);
    expect([await typing(dave, direct), await typing(mallory, direct)]).toEqual([[], []]);
    for (const each of [direct, shared]) await Promise.all([type(dave, each), type(mallory, each)]);
    expect([await typing(dave, direct), await typing(mallory, direct)]).toEqual([[], []]);
    expect((await typing(erin, shared)).sort()).toEqual([dave, mallory].sort());
    await ask(dave, `mutation { unblockUser(userId: "${mallory}") }`);
    await Promise.all([type(dave, direct), type(mallory, direct)]);
    expect([await typing(dave, direct), await typing(mallory, direct)]).toEqual([[mallory], [dave]]);
  });
}
