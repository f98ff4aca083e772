/** Pages of lists, whose size has no default in the SDL. */
import { isInterfaceType, isObjectType } from 'graphql';
import { createSchema } from '../../src/graphql/schema.ts';
import { startTestService, type TestService } from '../support/service.ts';

const ARGUMENTS = new Set(['first', 'last', 'after', 'before', 'max']);

describe('pages', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
    const memberIds = Array.from({ length: 60 }, (_, index) => `m${index}`);
    await service.query(
      'alice',
      'mutation ($m: [ID!]) { createConversation(input: {id: "c", memberIds: $m}) { id } sendMessage(input: {conversationId: "c", content: "x"}) { id } }',
      { m: memberIds },
    );
  });
  afterAll(() => service.close());

  it('no page argument has a default value: Cosmo refuses to compose it beside @listSize', () => {
    const withDefault = Object.values(createSchema().getTypeMap())
      .filter((type) => isObjectType(type) || isInterfaceType(type))
      .filter(({ name }) => !name.startsWith('__'))
      .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })))
      .flatMap(({ type, field }) =>
        field.args
          .filter(({ name, defaultValue }) => ARGUMENTS.has(name) && defaultValue !== undefined)
          .map(({ name }) => `${type.name}.${field.name}(${name}:)`),
      );
    expect(withDefault).toEqual([]);
  });

  async function walk(userId: string, path: string, node: string, size: number): Promise<string[]> {
    const found: string[] = [];
    let after: string | null = null;
    for (;;) {
      const query = `query ($n: Int, $a: String) { ${path.replace('PAGE', `(first: $n, after: $a) { edges { cursor } nodes { ${node} } pageInfo { hasNextPage hasPreviousPage endCursor } }`)} }`;
      const { data, errors } = await service.query(userId, query, { n: size, a: after });
      expect(errors).toBeUndefined();
      const [top] = Object.values(data) as Record<string, unknown>[];
      // biome-ignore lint/suspicious/noExplicitAny: a page of either kind.
      const [page] = Object.values(top ?? {}) as any[];
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
      found.push(
        ...page.nodes.map((node: { user?: { id: string }; deviceId?: string }) => node.user?.id ?? node.deviceId),
      );
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
      if (!page.pageInfo.hasNextPage) return found;
      after = page.pageInfo.endCursor;
    }
  }

  it('of read positions', async () => {
    for (const userId of ['m40', 'm3', 'm59', 'm7']) {
      await service.query(userId, 'mutation { markRead(conversationId: "c", sequence: 1) { id } }');
    }
    const all = ['alice', 'm3', 'm7', 'm40', 'm59'];
    for (const size of [1, 2, 50])
      expect(await walk('alice', 'conversation(id: "c") { readReceipts PAGE }', 'user { id }', size)).toEqual(all);
  });

  it('of sessions, latest first', async () => {
    const begun = [];
    for (let index = 0; index < 5; index += 1) {
      begun.unshift(`d${index}`);
      await service.query('sam', `mutation { createSession(input: {deviceId: "d${index}"}) { accessToken } }`);
      // Two of the same moment keep their places too.
      if (index !== 2) service.clock.advance(1_000);
    }
    for (const size of [1, 2, 50])
      expect((await walk('sam', 'viewer { sessions PAGE }', 'deviceId', size)).sort()).toEqual(begun.sort());
  });

  it('of the users of a reaction: 20 when left out', async () => {
    const { data } = await service.query('alice', '{ conversation(id: "c") { lastMessage { id } } }');
    const { id } = data.conversation.lastMessage;
    for (let index = 0; index < 25; index += 1) {
      await service.query(`m${index}`, 'mutation ($id: ID!) { addReaction(messageId: $id, emoji: "👍") { id } }', {
        id,
      });
    }
    const query =
      '{ conversation(id: "c") { lastMessage { reactions { count users { id } few: users(first: 2) { id } } } } }';
    const [reaction] = (await service.query('alice', query)).data.conversation.lastMessage.reactions;
    expect([reaction.count, reaction.users.length, reaction.few]).toEqual([25, 20, [{ id: 'm0' }, { id: 'm1' }]]);
  });

  it('of another user are null with FORBIDDEN, and the other fields are answered', async () => {
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User {
      id status conversations { id } sessions { nodes { id } } unreadMessageCount } } }`;
    const { data, errors } = await service.query('alice', query, { r: [{ __typename: 'User', id: 'm1' }] });
    expect(data._entities).toEqual([
      { id: 'm1', status: 'OFFLINE', conversations: null, sessions: null, unreadMessageCount: null },
    ]);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
  });

  it.each(['members', 'readReceipts', 'messages'])('a page of %s is at most 1,000', async (field) => {
    const over = await service.query(
      'alice',
      `{ conversation(id: "c") { ${field}(first: 1001) { nodes { __typename } } } }`,
    );
    expect(over.code).toBe('BAD_USER_INPUT');
    const cursor = await service.query(
      'alice',
      `{ conversation(id: "c") { ${field}(first: 1, after: "x") { nodes { __typename } } } }`,
    );
    expect(cursor.code).toBe('BAD_USER_INPUT');
  });
});
