/** Documents and variables, over each way in (Q36 to Q56). */
import { type BadInput, input, type Target } from './input.ts';
import { type Codes, codesBy, everywhere, type Request } from './ways.ts';

const times = (count: number, part: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => part(n)).join(' ');
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

const SYNTAX = 'GRAPHQL_PARSE_FAILED';
const INVALID = 'GRAPHQL_VALIDATION_FAILED';
const BAD = 'BAD_USER_INPUT';
const TOO_LARGE = 'PAYLOAD_TOO_LARGE';
const COSTLY = 'QUERY_TOO_COSTLY';
/** Over the cap of a frame, which is less than that of a body. */
const FRAME: Codes = { 'graphql-ws': '1009' };
/** What Apollo Server and the protocol of sockets say of a request that is none. */
const NO_REQUEST: Codes = { 'graphql-ws': '4400' };

const CONVERSATION = 'query ($id: ID!) { conversation(id: $id) { id } }';
const MEMBERS = 'query ($n: Int) { conversation(id: "c") { members(first: $n) { totalCount } } }';
const PUBLISH = 'mutation ($p: JSON!) { publish(topic: "t", payload: $p) { id } }';
const PRESENCE = 'query ($ids: [ID!]!) { presence(userIds: $ids) { status } }';
const ENTITIES = 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }';
const SUBSCRIBE = 'subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) { status } }';
const INBOX = 'subscription ($after: [ID!]) { inbox(after: $after) { __typename } }';
const EXPIRED = 'POSITION_EXPIRED';
/** Of a stream that is not begun by a question for one answer. */
const NO_STREAM: Codes = { JSON: BAD };
/** Where a reader was: of one conversation, or, beginning with nothing, of an inbox. */
const position = (...parts: readonly string[]): string => Buffer.from(parts.join('~')).toString('base64url');
const checkpoint = (...parts: readonly string[]): string => position('', 'inbox', ...parts);
const inboxAfter = (...after: readonly unknown[]): Request => ({ query: INBOX, variables: { after } });
/** Twice as many fields with each: 2^30. */
const DOUBLING = `${times(30, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)}
  fragment F30 on Query { __typename } { ...F0 }`;
const ALIASED_LOGIN = (count: number): string =>
  `mutation { ${times(count, (n) => `a${n}: refreshSession(refreshToken: "x") { accessToken }`)} }`;

type Row = readonly [title: string, request: Request, code: string, exceptions?: Codes];

const ROWS: readonly Row[] = [
  ['Q36: 20,000 braces', { query: '{a'.repeat(20_000) }, SYNTAX],
  ['Q36: 20,000 braces in 60 KB', { query: '{'.repeat(20_000) }, SYNTAX],
  ['Q37: 15,001 tokens', { query: `{${'a '.repeat(15_000)}}` }, SYNTAX],
  ['Q37: a comment of 1 MB', { query: `#${'x'.repeat(1_000_000)}\n{` }, TOO_LARGE, FRAME],
  ['Q37: white space of 1 MB', { query: `${' '.repeat(1_000_000)}{` }, TOO_LARGE, FRAME],
  ['Q38: 1,000 aliases of one field', { query: `{ ${times(1_000, (n) => `a${n}: __typename`)} }` }, COSTLY],
  ['Q39: 1,000 tries of a refresh token', { query: ALIASED_LOGIN(1_000) }, SYNTAX],
  ['Q39: 200 tries of a refresh token', { query: ALIASED_LOGIN(200) }, COSTLY],
  [
    'Q40: fragments in a circle',
    { query: 'fragment A on Query { ...B } fragment B on Query { ...A } { ...A }' },
    INVALID,
  ],
  ['Q41: fragments that double 30 times', { query: DOUBLING }, COSTLY],
  [
    'Q41: one fragment spread 500 times in each of 500',
    {
      query: `{ ${times(500, () => '...A')} } fragment A on Query { ${times(500, () => '...B')} } fragment B on Query { __typename }`,
    },
    COSTLY,
  ],
  ['Q42: 10,000 directives', { query: `{ __typename ${'@a'.repeat(10_000)} }` }, SYNTAX],
  ['Q42: 2,000 directives', { query: `{ __typename ${'@a'.repeat(2_000)} }` }, INVALID],
  [
    'Q43: an operation there is not',
    { query: 'query A { __typename }', operationName: 'B' },
    'OPERATION_RESOLUTION_FAILURE',
  ],
  ['Q43: two operations and no name', { query: '{ __typename } { __typename }' }, INVALID],
  ['Q43: a document of a comment', { query: '# nothing' }, SYNTAX],
  ['Q43: an empty document', { query: '' }, 'BAD_USER_INPUT', { SSE: SYNTAX, callback: SYNTAX, 'graphql-ws': SYNTAX }],
  ['Q44: a list for variables', { query: CONVERSATION, variables: ['x'] }, 'BAD_USER_INPUT', NO_REQUEST],
  ['Q44: a text for variables', { query: CONVERSATION, variables: 'x' }, 'BAD_USER_INPUT', NO_REQUEST],
  ['Q44: a variable left out', { query: CONVERSATION }, BAD],
  ['Q44: 2^31 for an Int', { query: MEMBERS, variables: { n: 2 ** 31 } }, BAD],
  ['Q44: 1e400', `{"query":${JSON.stringify(MEMBERS)},"variables":{"n":1e400}}`, BAD],
  ['Q44: NaN as a text', { query: MEMBERS, variables: { n: 'NaN' } }, BAD],
  ['Q45: 1.5 for an Int', { query: MEMBERS, variables: { n: 1.5 } }, BAD],
  ['Q45: 1.0 for an Int in a document', { query: '{ viewer { conversations(first: 1.0) { id } } }' }, INVALID],
  ['Q45: an object for an id', { query: CONVERSATION, variables: { id: { $gt: '' } } }, BAD],
  ['Q45: an empty id', { query: PRESENCE, variables: { ids: [''] } }, BAD],
  ['Q45: an id of 10 KB', { query: PRESENCE, variables: { ids: ['x'.repeat(10_000)] } }, BAD],
  ['Q46: an enum in small letters', { query: 'mutation { setPresence(status: away) { status } }' }, INVALID],
  [
    'Q46: an enum in small letters, as a variable',
    { query: 'mutation ($s: PresenceStatus!) { setPresence(status: $s) { status } }', variables: { s: 'away' } },
    BAD,
  ],
  [
    'Q46: a field of an input there is not',
    { query: 'mutation { sendMessage(input: {conversationId: "c", content: "x", senderId: "bob"}) { id } }' },
    INVALID,
  ],
  ['Q46: __proto__ in a payload', `{"query":${JSON.stringify(PUBLISH)},"variables":{"p":{"a":{"__proto__":1}}}}`, BAD],
  ['Q46: __proto__ in a document', { query: 'mutation { publish(topic: "t", payload: {__proto__: 1}) { id } }' }, BAD],
  ['Q47: 100,000 items', { query: PRESENCE, variables: { ids: Array(100_000).fill('a') } }, BAD, FRAME],
  ['Q47: a list of 1,000 levels', `{"query":${JSON.stringify(PUBLISH)},"variables":{"p":${nested(1_000)}}}`, BAD],
  [
    'Q47: a list of 1,000 levels in a document',
    { query: `mutation { publish(topic: "t", payload: ${nested(1_000)}) { id } }` },
    BAD,
  ],
  ['Q48: first: -1', { query: '{ viewer { conversations(first: -1) { id } } }' }, BAD],
  ['Q48: first: 2147483647', { query: '{ viewer { conversations(first: 2147483647) { id } } }' }, BAD],
  [
    'Q49: an introspection that goes round',
    { query: '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }' },
    INVALID,
  ],
  ['Q51: 10,001 representations', { query: ENTITIES, variables: { r: Array(10_001).fill(0) } }, COSTLY],
  ['Q52: a type there is not', { query: ENTITIES, variables: { r: [{ __typename: 'Nothing', id: 'x' }] } }, BAD],
  [
    'Q52: a representation without its key',
    { query: ENTITIES, variables: { r: [{ __typename: 'Conversation' }] } },
    BAD,
  ],
  [
    'Q52: a key that is an object',
    { query: ENTITIES, variables: { r: [{ __typename: 'Conversation', id: { $gt: '' } }] } },
    BAD,
  ],
  [
    'Q55: a subscription of two root fields',
    { query: 'subscription { messageReceived { id } messageUpdated { id } }' },
    INVALID,
  ],
  [
    'Q55: a subscription whose root is skipped',
    { query: 'subscription { messageReceived @skip(if: true) { id } }' },
    INVALID,
  ],
  [
    'Q55: a subscription whose root is skipped by a variable',
    { query: 'subscription ($x: Boolean!) { messageReceived @skip(if: $x) { id } }', variables: { x: true } },
    INVALID,
  ],
  [
    'Q55: a subscription whose root is left out in a fragment',
    {
      query: 'subscription { ...F } fragment F on Subscription { ... @include(if: false) { messageReceived { id } } }',
    },
    INVALID,
  ],
  ['Q55: a subscription of ids that are none', { query: SUBSCRIBE, variables: { ids: ['a b'] } }, BAD],
  ['Q55: an inbox after what is no position', inboxAfter('\u0000', '{}'), BAD],
  ['Q55: an inbox after a number', inboxAfter(1.5), BAD],
  ['Q55: an inbox after a position of 1 MB', inboxAfter('x'.repeat(900_000)), BAD, FRAME],
  ['Q55: an inbox after a checkpoint of 15 KB', inboxAfter(checkpoint('1', 'x'.repeat(11_000), '1')), BAD],
  ['Q55: an inbox after half a checkpoint', inboxAfter(checkpoint('1', 'e')), BAD],
  ['Q55: an inbox after a checkpoint of a time that is none', inboxAfter(checkpoint('-1', 'e', '1')), BAD],
  ['Q55: an inbox after part of a conversation', inboxAfter(checkpoint('1', 'e', '1', 'name', 'e')), BAD],
  ['Q55: an inbox after two checkpoints', inboxAfter(...Array(2).fill(checkpoint('1', 'e', '1'))), BAD],
  [
    'Q55: an inbox after two places of one conversation',
    inboxAfter(position('c', 'e', '1'), position('c', 'f', '2')),
    BAD,
  ],
  ['Q55: an inbox after 100,000 positions', inboxAfter(...Array(100_000).fill('x')), BAD, FRAME],
  [
    'Q55: an inbox after a checkpoint of somebody else',
    inboxAfter(checkpoint('1', 'elsewhere', '1')),
    EXPIRED,
    NO_STREAM,
  ],
  [
    'Q55: an inbox after a checkpoint of the end of time',
    inboxAfter(checkpoint('z'.repeat(11), 'e', '1')),
    EXPIRED,
    NO_STREAM,
  ],
  ['Q56: 300 of @defer', { query: `{ ${times(300, () => '... @defer { __typename }')} }` }, COSTLY],
  [
    'Q56: @include of a variable that may be null',
    { query: 'query ($x: Boolean) { __typename @include(if: $x) }' },
    INVALID,
  ],
  [
    'Q56: @include of null',
    { query: 'query ($x: Boolean = true) { __typename @include(if: $x) }', variables: { x: null } },
    BAD,
  ],
];

/** Documents that nobody sends twice are not kept, or nobody could fill the memory with them. */
async function manyDocuments(target: Target): Promise<number[]> {
  const statuses = new Set<number>();
  for (let n = 0; n < 60; n += 1) {
    const query =
      n % 2 ? `{ ${times(4_800, (each) => `a${n}b${each}`)} }` : `{ viewer { id } } # ${n} ${'x'.repeat(250_000)}`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${target.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    await response.text();
    statuses.add(response.status);
  }
  return [...statuses].sort();
}

export const OPERATIONS: readonly BadInput[] = [
  ...ROWS.map(([title, request, code, exceptions]) =>
    input(`${title}: ${code}`, everywhere(code, exceptions), (target) => codesBy(target, request)),
  ),
  input('Q37: 60 large documents of nobody, none like another: refused, and not kept', [401], manyDocuments),
];
