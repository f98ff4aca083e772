/** Requests that are as large as the limits allow, each in another way. */
import { LIMITS } from '../../src/limits.ts';
import { DOCUMENTS } from '../../test/security/documents.ts';
import type { TestService } from '../../test/support/service.ts';

/** A request over HTTP, frames of one socket, or the bytes of many requests in one write. */
export interface Request {
  readonly name: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly protocol?: string;
  readonly frames?: readonly string[];
  /** How often the request is written before its first answer is read. */
  readonly ahead?: number;
}

const fill = <Item>(count: number, make: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Payloads of nearly `payloadBytes`, by their contents. */
const PAYLOADS: Readonly<Record<string, unknown>> = {
  numbers: fill(15_000, (n) => n % 10),
  fractions: fill(1_700, () => 0.123456789012345),
  texts: fill(8_000, () => ''),
  lists: fill(10_000, () => []),
  objects: fill(2_000, (n) => ({ [`k${n}`]: n })),
  text: 'x'.repeat(32_000),
  escapes: '"'.repeat(16_000),
  umlauts: 'ä'.repeat(16_000),
};
const SENT = 120;
const MEMBERS = 9_000;

/** Stores the data that the requests read. */
export async function prepare(service: TestService): Promise<void> {
  const ask = async (query: string, variables: object = {}): Promise<void> => {
    const { errors } = await service.query('alice', query, variables);
    if (errors) throw new Error(JSON.stringify(errors));
  };
  const create = (id: string): Promise<void> => ask(`mutation { createConversation(input: {id: "${id}"}) { id } }`);
  for (const [of, payload] of Object.entries(PAYLOADS)) {
    await create(of);
    for (let sent = 0; sent < SENT; sent += 1)
      await ask('mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }', {
        input: { conversationId: of, content: 'x', payload },
      });
  }
  await create('short');
  for (let sent = 0; sent < LIMITS.pageSize; sent += 100)
    await ask('mutation ($items: [SendMessageInput!]!) { sendMessages(items: $items) { outcome } }', {
      items: fill(100, (n) => ({ conversationId: 'short', content: `${sent + n}` })),
    });
  await create('many');
  for (let added = 0; added < MEMBERS; added += LIMITS.usersPerCall)
    await ask('mutation ($ids: [ID!]!) { addMembers(id: "many", userIds: $ids) { id } }', {
      ids: fill(LIMITS.usersPerCall, (n) => `user-${added + n}`),
    });
  for (let n = 0; n < 500; n += 1) await create(`room-${n}`);
}

const MESSAGE = 'id position sequence content payload timestamp user { id } conversation { id }';
const pageOf = (of: string, count: number): string =>
  `{ conversation(id: "${of}") { messages(last: ${count}) { nodes { ${MESSAGE} } } } }`;

function queries(): readonly (readonly [name: string, query: string, variables?: object])[] {
  const pages = Object.keys(PAYLOADS).flatMap((of) =>
    [20, 50, 110].map((count) => [`a page of ${count} payloads of ${of}`, pageOf(of, count)] as const),
  );
  const junk = (item: unknown, count: number): object => ({ junk: fill(count, () => item) });
  return [
    ...pages,
    ['a page of 1,000 messages', pageOf('short', 1_000)],
    [
      'pages of one conversation, 20 times',
      `{ ${fill(20, (n) => `a${n}: conversation(id: "short") { messages(last: 40) { nodes { ${MESSAGE} } } }`).join(' ')} }`,
    ],
    [
      'a page of 1,000 members',
      '{ conversation(id: "many") { members(first: 1000) { nodes { role joinedAt user { id status } } } } }',
    ],
    [
      '500 conversations',
      '{ viewer { conversations(first: 500) { id name kind lastMessage { id } unreadMessageCount } } }',
    ],
    [
      '1,000 entities',
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id status lastSeenAt } } }',
      { r: fill(1_000, (n) => ({ __typename: 'User', id: `user-${n}` })) },
    ],
    [
      '1,000 entities with claims of 900 KB',
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id } } }',
      { r: fill(1_000, (n) => ({ __typename: 'User', id: `user-${n}`, more: 'x'.repeat(900) })) },
    ],
    [
      'a conversation of 1,000 members',
      'mutation ($i: CreateConversationInput!) { createConversation(input: $i) { id } }',
      { i: { memberIds: fill(999, (n) => `user-${n}`) } },
    ],
    [
      '100 messages in one',
      'mutation ($items: [SendMessageInput!]!) { sendMessages(items: $items) { outcome } }',
      { items: fill(100, (n) => ({ conversationId: 'short', content: `${n}`.padEnd(8_000, 'x') })) },
    ],
    [
      '30 payloads of numbers in one',
      'mutation ($items: [SendMessageInput!]!) { sendMessages(items: $items) { outcome } }',
      { items: fill(6, () => ({ conversationId: 'room-1', content: 'x', payload: PAYLOADS['numbers'] })) },
    ],
    ['variables that are not asked for: numbers', '{ viewer { id } }', junk(1, 99_000)],
    ['variables that are not asked for: objects', '{ viewer { id } }', junk({}, 99_000)],
    ['variables that are not asked for: a text', '{ viewer { id } }', { junk: 'x'.repeat(1_000_000) }],
    ['variables that are not asked for: long numbers', '{ viewer { id } }', junk(0.12345678901234566, 40_000)],
    [
      'presence of 200 users',
      'query ($ids: [ID!]!) { presence(userIds: $ids) { status } }',
      { ids: fill(200, (n) => `user-${n}`) },
    ],
    [
      'introspection',
      '{ __schema { types { name description fields { name description args { name description type { name ofType { name } } } type { name kind ofType { name kind ofType { name } } } } inputFields { name description } enumValues { name description } } } }',
    ],
    ['the SDL 90 times', `{ ${fill(90, (n) => `a${n}: _service { sdl }`).join(' ')} }`],
  ];
}

/** Requests without a token. */
function bodiesOfNobody(): readonly (readonly [name: string, body: string])[] {
  const near = LIMITS.strangerBodyBytes - 200;
  return [
    ['the SDL', '{"query":"{ _service { sdl } }"}'],
    ['the SDL 90 times', JSON.stringify({ query: `{ ${fill(90, (n) => `a${n}: _service { sdl }`).join(' ')} }` })],
    [
      'introspection, 16 types deep',
      JSON.stringify({
        query: `{ __schema { types { ${'ofType { fields { type { '.repeat(3)} name ${'} } }'.repeat(3)} } } }`,
      }),
    ],
    ['64 KB of empty lists', `{"query":"{ _service { sdl } }","variables":[${'[],'.repeat(near / 3 - 20)}1]}`],
    ['64 KB of empty objects', `{"query":"{ _service { sdl } }","variables":{"a":[${'{},'.repeat(near / 3 - 20)}1]}}`],
    [
      '64 KB of lists in each other',
      `{"query":"{ _service { sdl } }","variables":{"a":${'['.repeat(near / 2 - 50)}${']'.repeat(near / 2 - 50)}}}`,
    ],
    [
      '64 KB of long numbers',
      `{"query":"{ _service { sdl } }","variables":{"a":[${'0.1234567890123456,'.repeat(near / 19 - 5)}1]}}`,
    ],
    ['64 KB of one number', `{"query":"{ _service { sdl } }","variables":{"a":1.${'1'.repeat(near - 60)}}}`],
    ['64 KB that is no JSON', '{'.repeat(near)],
    ['a document of 8 KB', JSON.stringify({ query: `{ __typename ${'#'.repeat(LIMITS.openDocumentBytes - 20)}\n}` })],
    ['a document of 500 tokens', JSON.stringify({ query: `{ ${'__typename '.repeat(490)} }` })],
    [
      'a refresh token of 8 KB',
      JSON.stringify({ query: `mutation { refreshSession(refreshToken: "${'x'.repeat(7_900)}") { accessToken } }` }),
    ],
  ];
}

export async function requestsOf(service: TestService): Promise<readonly Request[]> {
  const token = await service.token('alice');
  const headers = { authorization: `Bearer ${token}` };
  const init = JSON.stringify({ type: 'connection_init', payload: { token } });
  const subscribe = (n: number): string =>
    JSON.stringify({ id: `${n}`, type: 'subscribe', payload: { query: 'subscription { messageReceived { id } }' } });
  const ofUser = [...DOCUMENTS.map(([name, make]) => [name, make(1)] as const), ...queries()].map(
    ([name, query, variables]) => ({ name: `user: ${name}`, headers, body: JSON.stringify({ query, variables }) }),
  );
  const ofNobody = [
    ...DOCUMENTS.map(
      ([name, make]) => [`${name}, without a token`, JSON.stringify({ query: make(1) }).slice(0, 64_000)] as const,
    ),
    ...bodiesOfNobody(),
  ].map(([name, body]) => ({ name: `nobody: ${name}`, body }));
  const protocol = 'graphql-transport-ws';
  const pipelined = [10, 100, LIMITS.requestsAhead, 2 * LIMITS.requestsAhead].flatMap((ahead) => [
    { name: `nobody: health ${ahead} times in one write`, path: '/health', ahead },
    { name: `nobody: the SDL ${ahead} times in one write`, path: '/graphql?query={_service{sdl}}', ahead },
  ]);
  return [
    ...ofNobody,
    ...pipelined,
    ...ofUser,
    {
      name: 'nobody: 1,000 frames of 60 bytes',
      path: '/graphql',
      protocol,
      frames: fill(1_000, () => '{"type":"ping"}'.padEnd(60)),
    },
    { name: 'nobody: a token of 8 KB on /ws', path: `/ws?token=${'a'.repeat(7_000)}`, frames: ['{}'] },
    {
      name: 'user: 100 streams of all conversations',
      path: '/graphql',
      protocol,
      frames: [init, ...fill(100, subscribe)],
    },
    {
      name: 'user: 100 frames of 100 KB',
      path: `/ws?token=${token}`,
      frames: fill(30, () => JSON.stringify({ type: 'Ping', data: { a: fill(50_000, () => 1) } })),
    },
    { name: 'user: 900 frames of Ping', path: `/ws?token=${token}`, frames: fill(900, () => '{"type":"Ping"}') },
  ];
}
