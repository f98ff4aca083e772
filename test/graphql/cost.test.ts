/** The budget of an operation, over HTTP and over a socket. */
import {
  type DocumentNode,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  getOperationAST,
  isListType,
  isObjectType,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
import { costOf } from '../../src/graphql/cost.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { startTestService, type TestService } from '../support/service.ts';

describe('the cost of an operation', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
    await service.query('alice', 'mutation { createConversation(input: {id: "c"}) { id } }');
  });
  afterAll(() => service.close());

  const PAGES = `query ($n: Int, $m: Int) { viewer { conversations(first: $n) { messages(first: $m) { nodes { id user { id } } } } } }`;
  const page = 'fragment P on Conversation { messages(first: 1000) { nodes { id } } }';
  const costly: [string, string, object][] = [
    ['a thousand in each of a thousand', PAGES, { n: 1_000, m: 1_000 }],
    ['the same by fragments', `${page} { viewer { conversations(first: 1000) { ...P } } }`, {}],
    [
      'aliases of a page',
      `{ viewer { ${Array.from({ length: 20 }, (_, n) => `a${n}: conversations(first: 1000) { members(first: 1000) { nodes { role } } }`).join(' ')} } }`,
      {},
    ],
    ['many aliases', `{ viewer { ${Array.from({ length: 201 }, (_, n) => `a${n}: id`).join(' ')} } }`, {}],
    [
      'many directives',
      `{ viewer { ${Array.from({ length: 21 }, (_, n) => `...F${n}`).join(' ')} } } ${Array.from({ length: 21 }, (_, n) => `fragment F${n} on User { ${'id @include(if: true) '.repeat(10)} }`).join(' ')}`,
      {},
    ],
    ['many root fields', `{ ${Array.from({ length: 101 }, (_, n) => `a${n}: viewer { id }`).join(' ')} }`, {}],
  ];

  it.each(costly)('refuses %s', async (_name, query, variables) => {
    const { status, code } = await service.query('alice', query, variables);
    expect([status, code]).toEqual([400, 'QUERY_TOO_COSTLY']);
    const alice = await service.connect('alice');
    const subscription = await alice.subscribe(query, { ...variables });
    expect(subscription.errors[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
    await alice.close();
  });

  it.each<[string, string, object]>([
    [
      'a page of a thousand',
      '{ conversation(id: "c") { messages(first: 1000) { nodes { id user { id } reactions { emoji } } } } }',
      {},
    ],
    [
      'pages of the default size in each of the default',
      '{ viewer { conversations { id members { nodes { user { id } } } messages { nodes { id } } } } }',
      {},
    ],
    ['an operation whose variables keep it small', PAGES, { n: 10, m: 10 }],
    [
      'two hundred presences',
      'query ($ids: [ID!]!) { presence(userIds: $ids) { status devices { deviceId } } }',
      { ids: Array.from({ length: 200 }, (_, n) => `u${n}`) },
    ],
  ])('allows %s', async (_name, query, variables) => {
    expect((await service.query('alice', query, variables)).errors).toBeUndefined();
  });

  it.each(['#', ' '])('a document over the cap of bytes is refused, whatever fills it (%j)', async (filling) => {
    const query = `{ viewer { id } }${filling.repeat(270_000)}`;
    expect(await service.query('alice', query)).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
    const roomy = await startTestService({ env: { MAX_MESSAGE_BYTES: '1MiB' } });
    const alice = await roomy.connect('alice');
    expect((await alice.subscribe(query)).errors[0]?.extensions.code).toBe('PAYLOAD_TOO_LARGE');
    await alice.close();
    await roomy.close();
  });

  it('the SDL declares the size of each list', () => {
    const schema = createSchema();
    const sized = new Set<string>();
    const lists: string[] = [];
    for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
      if (type.name.startsWith('_')) continue;
      for (const field of Object.values(type.getFields())) {
        const directive = schema.getDirective('listSize');
        const declared = directive && field.astNode && getDirectiveValues(directive, field.astNode);
        const isList = isListType(getNullableType(field.type));
        if (isList && field.name !== '_entities') lists.push(`${type.name}.${field.name}`);
        if (isList && declared) sized.add(`${type.name}.${field.name}`);
        const pages = (declared?.['sizedFields'] ?? []) as string[];
        for (const name of pages) sized.add(`${getNamedType(field.type)}.${name}`);
      }
    }
    expect(lists.length).toBeGreaterThan(10);
    expect(lists.filter((list) => !sized.has(list))).toEqual([]);
  });

  it('depends on its own variables, not on those of earlier requests with the same document', () => {
    const schema = createSchema();
    const text = `query ($n: Int, $ids: [ID!]!, $is: Boolean! = true, $id: ID, $any: JSON) {
      viewer { conversations(first: $n) { messages(first: 10) { nodes { id } } } }
      presence(userIds: $ids) @include(if: $is) { status devices { deviceId } }
      conversation(id: "c") { members(first: $n, after: $id) { nodes { role } } }
      _entities(representations: $any) { ... on Conversation { messages(first: 5) { nodes { id } } } }
    }`;
    const cost = (document: DocumentNode, variables: Record<string, unknown>): number => {
      const operation = getOperationAST(document) as OperationDefinitionNode;
      return costOf({ schema, document, operation, variables });
    };
    const often = parse(text);
    const costs = new Set<number>();
    for (const n of [undefined, null, 0, 1, 7, 100, 1_000, 'x'])
      for (const ids of [[], ['a'], Array.from({ length: 50 }, String)])
        for (const is of [true, false])
          for (const more of [{}, { id: 'a' }, { id: null, any: [] }, { any: [{}, {}] }, { any: { a: [1, 2, 3] } }]) {
            const variables = { ...(n === undefined ? {} : { n }), ids, is, ...more };
            const expected = cost(parse(text), variables);
            expect([variables, cost(often, variables)]).toEqual([variables, expected]);
            costs.add(expected);
          }
    expect(costs.size).toBeGreaterThan(20);
  });

  it('Q50: errors in production suggest no names', async () => {
    const production = await startTestService({ env: { NODE_ENV: 'production' } });
    const { errors } = await production.query('alice', '{ viewr { id } }');
    expect(errors?.[0]?.message).toMatch(/Cannot query field "viewr"/);
    expect(errors?.[0]?.message).not.toMatch(/Did you mean/);
    const alice = await production.connect('alice');
    const subscription = await alice.subscribe('{ viewr { id } }');
    expect(subscription.errors[0]?.message).not.toMatch(/Did you mean/);
    await alice.close();
    await production.close();
  });
});
