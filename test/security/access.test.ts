/** Who may see what of a conversation. `attack/access.test.ts` tries the same over random histories. */
import { connectRaw } from '../support/raw-client.ts';
import { newId, startTestService, type TestService } from '../support/service.ts';

describe('access', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  const code = async (userId: string, mutation: string, scope = ''): Promise<string> =>
    (await service.query(userId, `mutation { ${mutation} }`, {}, { scope })).code ?? 'ok';

  /** A group of these, the first its owner, with a message of the owner. */
  async function group(owner: string, ...others: string[]): Promise<{ id: string; message: string }> {
    const id = newId();
    const members = others.map((userId) => `"${userId}"`).join(', ');
    await service.query(owner, `mutation { createConversation(input: {id: "${id}", memberIds: [${members}]}) { id } }`);
    const sent = `mutation { sendMessage(input: {conversationId: "${id}", content: "secret"}) { id } }`;
    return { id, message: (await service.query(owner, sent)).data.sendMessage.id };
  }

  it('a user who leaves gets the conversation’s id and kind, and nothing of its contents', async () => {
    const { id } = await group('ann', 'bob');
    const leave = (below: string) => service.query('bob', `mutation { leaveConversation(id: "${id}") { ${below} } }`);
    const { data, code: refused } = await leave('id name kind viewerRole unreadMessageCount lastMessage { content }');
    expect(data.leaveConversation).toMatchObject({
      id,
      name: null,
      kind: 'GROUP',
      viewerRole: null,
      lastMessage: null,
    });
    expect(refused).toBe('FORBIDDEN');
    for (const below of [
      'messages { nodes { content } }',
      'members { totalCount }',
      'readReceipts { nodes { sequence } }',
    ]) {
      await service.query('ann', `mutation { addMembers(id: "${id}", userIds: ["bob"]) { id } }`);
      expect(await leave(below)).toMatchObject({ data: null, code: 'FORBIDDEN' });
    }
    const raw = await connectRaw(service, 'ann');
    const own = await group('ann');
    const gone = await code('ann', `removeMember(id: "${own.id}", userId: "ann") { members { totalCount } }`);
    expect(gone).toBe('FORBIDDEN');
    expect((await raw.ask('CreateRoom', { room: own.id })).data.code).toBe('CONFLICT');
    await raw.close();
  });

  it('a creator who is no longer a member gets CONFLICT for the id, like anyone', async () => {
    const { id } = await group('ann', 'bob');
    const again = `createConversation(input: {id: "${id}"}) { messages { nodes { content } } }`;
    expect(await code('ann', again)).toBe('ok');
    expect(await code('ann', `setMemberRole(id: "${id}", userId: "bob", role: OWNER) { id }`)).toBe('ok');
    expect(await code('bob', `removeMember(id: "${id}", userId: "ann") { id }`)).toBe('ok');
    expect(await code('ann', again)).toBe('CONFLICT');
    expect(await code('cid', again)).toBe('CONFLICT');
    expect(await code('bob', `leaveConversation(id: "${id}") { id }`)).toBe('ok');
    expect(await code('ann', again)).toBe('CONFLICT');
  });

  it('a moderator may remove members, but no other moderator', async () => {
    const { id } = await group('ann', 'bob', 'cid', 'dan');
    for (const userId of ['bob', 'cid']) {
      await code('ann', `setMemberRole(id: "${id}", userId: "${userId}", role: MODERATOR) { id }`);
    }
    expect(await code('bob', `removeMember(id: "${id}", userId: "cid") { id }`)).toBe('FORBIDDEN');
    expect(await code('bob', `removeMember(id: "${id}", userId: "ann") { id }`)).toBe('FORBIDDEN');
    expect(await code('bob', `removeMember(id: "${id}", userId: "dan") { id }`)).toBe('ok');
  });

  it('a service sees only conversations of which it is a member; an admin sees all, and edits no message', async () => {
    const { id, message } = await group('ann', 'bob');
    const read = `{ conversation(id: "${id}") { id } message(id: "${message}") { id } }`;
    const seenBy = async (scope: string) => (await service.query('zed', read, {}, { scope })).data;
    expect(await seenBy('realtime:service')).toEqual({ conversation: null, message: null });
    expect(await seenBy('realtime:admin')).toEqual({ conversation: { id }, message: { id: message } });
    for (const change of [
      `editMessage(id: "${message}", content: "x") { id }`,
      `addReaction(messageId: "${message}", emoji: "👍") { id }`,
      `sendMessage(input: {conversationId: "${id}", content: "x"}) { id }`,
    ]) {
      expect(await code('zed', change, 'realtime:admin')).toBe('FORBIDDEN');
    }
    const lists =
      '{ viewer { id } _entities(representations: [{__typename: "User", id: "ann"}]) { ... on User { conversations { id } } } }';
    expect((await service.query('zed', lists, {}, { scope: 'realtime:service' })).code).toBe('FORBIDDEN');
  });

  it('a reply does not reveal whether a message exists that the sender may not see', async () => {
    const theirs = await group('ann');
    const own = await group('bob');
    const reply = async (to: string) => {
      const input = `{conversationId: "${own.id}", content: "x", replyToId: "${to}"}`;
      const { errors } = await service.query('bob', `mutation { sendMessage(input: ${input}) { id } }`);
      return errors?.[0]?.message;
    };
    expect(await reply(theirs.message)).toBe(await reply('none'));
    expect(await reply(own.message)).toBeUndefined();
    const into = async (to: string) =>
      code('bob', `sendMessage(input: {conversationId: "${theirs.id}", content: "x", replyToId: "${to}"}) { id }`);
    expect([await into(theirs.message), await into('none'), await into(own.message)]).toEqual(
      Array.from({ length: 3 }, () => 'NOT_FOUND'),
    );
  });
});
