/** G16: an operation is charged for its reads and its response, and ends when its budget is used up. */

import { LIMITS } from '../../src/limits.ts';
import { currentBudget } from '../../src/rates/budget.ts';
import { captureLog } from '../support/log.ts';
import { startTestService, type TestService } from '../support/service.ts';

/** Asked for whoever calls, before their operation. */
const OF_CALLERS = new Set<string>(['connect', 'disconnect', 'listen', 'readRefusal']);
const MEMBERS = 60;
const MESSAGES = 1_000;

const aliases = (count: number, field: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `a${index}: ${field(index)}`).join(' ');

describe('the budget of an operation', () => {
  const log = captureLog('error');
  let service: TestService;
  let asked: string[] = [];
  beforeAll(async () => {
    service = await startTestService({ log: log.log });
    const { engine } = service.service;
    const members = Array.from({ length: MEMBERS }, (_, index) => `member-${index}`);
    await service.query(
      'alice',
      'mutation ($m: [ID!]) { createConversation(input: {id: "c", memberIds: $m}) { id } }',
      {
        m: members,
      },
    );
    for (let index = 0; index < MESSAGES; index += 1) {
      await engine.appendMessage('default' as never, {
        conversationId: 'c' as never,
        senderId: 'alice' as never,
        content: `${index} ${'x'.repeat(index < 100 ? 7_000 : 40)}`,
        payload: null,
        replyToId: null,
        clientMessageId: null,
        key: null,
      });
    }
    for (const name of Object.keys(engine) as (keyof typeof engine)[]) {
      const ask = engine[name];
      if (typeof ask !== 'function' || OF_CALLERS.has(name)) continue;
      Object.assign(engine, {
        [name]: (...args: never[]) => {
          // What the service does by itself is no part of an operation.
          if (currentBudget()) asked.push(name);
          return (ask as (...args: never[]) => unknown)(...args);
        },
      });
    }
  }, 60_000);
  beforeEach(() => {
    asked = [];
  });
  afterAll(() => service.close());

  async function refused(query: string, variables: object = {}): Promise<void> {
    const over = await service.query('alice', query, variables);
    expect(over).toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(over.errors).toHaveLength(1);
    expect(over.data).toBeUndefined();
    const alice = await service.connect('alice');
    const onSocket = await alice.subscribe(query, { ...variables });
    const first = onSocket.errors[0] ?? (await onSocket.next().catch((error: unknown) => error));
    expect(JSON.stringify(first)).toContain('QUERY_TOO_COSTLY');
    await alice.close();
    expect(asked.length).toBeLessThan(2 * 1_100);
  }

  it('no more of a topic’s history is read than requested', async () => {
    const payload = 'x'.repeat(30_000);
    for (let index = 0; index < LIMITS.publicationsPerTopic; index += 1) {
      const publication = { id: `p${index}`, topic: 'long', payload, senderId: 'alice' } as never;
      await service.service.engine.publish('default' as never, publication);
    }
    const histories = (range: string) => `{ ${aliases(20, () => `topicHistory(topic: "long", ${range}) { id }`)} }`;
    for (const range of ['last: 1', 'first: 1']) {
      expect(await service.query('alice', histories(range))).toMatchObject({ code: undefined });
    }
    await refused(histories('last: 100'));
  });

  it('a page is charged whatever fields of it are selected', async () => {
    await refused(
      `{ conversation(id: "c") { ${aliases(199, () => 'messages(last: 1000) { pageInfo { endCursor } }')} } }`,
    );
    await refused(`{ conversation(id: "c") { ${aliases(199, () => 'members(first: 1000) { totalCount }')} } }`);
    expect(asked).toEqual([]);
  });

  it('an empty page is charged as a read', async () => {
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { ${aliases(190, () => 'conversations(first: 0) { id }')} } } }`;
    await refused(query, { r: Array.from({ length: 60 }, () => ({ __typename: 'User', id: 'alice' })) });
  });

  it('repeated fields of one user are read once', async () => {
    const query = `{ viewer { ${aliases(100, () => 'conversations(first: 1) { id }')} unreadMessageCount } }`;
    expect((await service.query('alice', query)).errors).toBeUndefined();
    expect(asked.length).toBeLessThan(10);
  });

  it('a variable left out counts as its default', async () => {
    const query = `query ($n: Int = 1000) { viewer { conversations(first: $n) { messages(first: $n) { nodes { id } } } } }`;
    await refused(query);
    expect(asked).toEqual([]);
  });

  it('root fields are counted through fragments', async () => {
    const fields = aliases(150, (index) => `markRead(conversationId: "c", sequence: ${index}) { id }`);
    await refused(`mutation { ...F } fragment F on Mutation { ${fields} }`);
    await refused(`mutation { ... { ...F } } fragment F on Mutation { ... on Mutation { ${fields} } }`);
    expect(asked).toEqual([]);
  });

  it('fields past the budget add no errors of their own', async () => {
    const { data } = await service.query('alice', '{ conversation(id: "c") { messages(last: 1) { nodes { id } } } }');
    const all = Array(LIMITS.representations).fill({
      __typename: 'Message',
      id: data.conversation.messages.nodes[0].id,
    });
    // Their number is affordable. The length of their names is not.
    const fields = Array.from({ length: 30 }, (_, index) => `${'a'.repeat(1_000)}${index}: state`).join(' ');
    const query = `query ($all: [_Any!]!) { _entities(representations: $all) { ... on Message { ${fields} } } }`;
    const before = process.memoryUsage().heapUsed;
    await refused(query, { all });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60e6);
  });

  it('entities past the budget are not logged as faults of the service', async () => {
    const query = `query ($all: [_Any!]!) { _entities(representations: $all) {
      ... on Conversation { lastMessage { id } members(first: 1) { nodes { role } } }
    } }`;
    await refused(query, { all: Array(LIMITS.representations).fill({ __typename: 'Conversation', id: 'c' }) });
    expect(log.lines().length).toBe(0);
  });

  it('fields of entities past the budget are refused before they are read', async () => {
    const { data } = await service.query('alice', '{ conversation(id: "c") { messages(last: 1) { nodes { id } } } }');
    const representation = { __typename: 'Message', id: data.conversation.messages.nodes[0].id };
    const query = `query ($all: [_Any!]!) { _entities(representations: $all) { ... on Message { ${aliases(180, () => 'state')} } } }`;
    const before = process.memoryUsage().heapUsed;
    const answer = await service.query('alice', query, { all: Array(LIMITS.representations).fill(representation) });
    expect(answer.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(150e6);
    // One field of the answer, or none, however often it is written.
    const all = Array(250).fill(representation);
    const ask = (fields: string) =>
      service.query(
        'alice',
        `query ($all: [_Any!]!, $no: Boolean = false) { _entities(representations: $all) { ... on Message { id @skip(if: $no) ${fields} } } }`,
        { all },
      );
    expect((await ask(aliases(180, () => 'state @include(if: $no)'))).errors).toBeUndefined();
    expect((await ask('state '.repeat(140))).errors).toBeUndefined();
    expect((await ask(aliases(180, () => 'state'))).errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY' } },
    ]);
    // Of another type nothing is asked.
    const others = Array(LIMITS.representations).fill({ __typename: 'User', id: 'alice' });
    const other = await service.query('alice', query, { all: others });
    expect([other.data?._entities, other.errors]).toEqual([others.map(() => ({})), undefined]);
  });

  it('a response has at most 4 MiB', async () => {
    const query = `{ conversation(id: "c") { messages(first: 100) { nodes { ${aliases(20, () => 'content')} } } } }`;
    await refused(query);
  });

  it('reads are charged, also when nothing of them is in the response', async () => {
    await refused(`{ conversation(id: "c") { ${aliases(30, () => 'messages(first: 100) { nodes { id } }')} } }`);
  });

  it('small fields are charged, too', async () => {
    await refused(`{ conversation(id: "c") { messages(last: 900) { nodes { ${aliases(180, () => 'sequence')} } } } }`);
  });

  it('nullable fields are charged, too, and refused with one error', async () => {
    await refused(`{ conversation(id: "c") { messages(last: 900) { nodes { ${aliases(180, () => 'editedAt')} } } } }`);
  });

  it('used up in an item of a list, it leaves no unhandled rejection', async () => {
    // Those before wait for their conversation, whose field is refused by then.
    const item = `${aliases(150, () => 'sequence')} conversation { id }`;
    await refused(`{ conversation(id: "c") { messages(last: 900) { nodes { ${item} } } } }`);
    await refused(`{ conversation(id: "c") { messages(last: 900) { nodes { conversation { id } ${item} } } } }`);
  });

  it('nothing more is read once it is used up', async () => {
    const page = 'fragment P on Conversation { messages(first: 1) { nodes { conversation { lastMessage { id } } } } }';
    const query = `${page} { conversation(id: "c") { ${aliases(199, () => 'lastMessage { conversation { ...P } }')} } }`;
    const { code } = await service.query('alice', query);
    expect([undefined, 'QUERY_TOO_COSTLY']).toContain(code);
    expect(asked.length).toBeLessThan(1_050);
  });

  it('a change is completed although its answer is over the budget', async () => {
    const costly = aliases(30, () => 'messages(first: 100) { nodes { content } }');
    const { code } = await service.query(
      'alice',
      `mutation { updateConversation(id: "c", name: "new") { ${costly} } }`,
    );
    expect(code).toBe('QUERY_TOO_COSTLY');
    expect((await service.query('alice', '{ conversation(id: "c") { name } }')).data.conversation.name).toBe('new');
  });

  it('allows the usual operations of an app', async () => {
    const message =
      '{ id content timestamp user { id status } reactions { emoji count viewerReacted } replyTo { id content } }';
    const query = `{ viewer { conversations { id name unreadMessageCount lastMessage ${message} members(first: 5) { nodes { user { id } } } } }
      conversation(id: "c") { messages(last: 50) { nodes ${message} pageInfo { hasPreviousPage } } } }`;
    expect((await service.query('alice', query)).errors).toBeUndefined();
    const large =
      '{ conversation(id: "c") { messages(last: 900) { nodes { id content sequence timestamp user { id } } } } }';
    expect((await service.query('alice', large)).errors).toBeUndefined();
  });
});
