/** A compiled operation writes the answer of graphql-js, or gives up. */

import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLObjectType,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
import { Projection } from '../../src/graphql/projection.ts';
import fc from '../support/fast-check.ts';

const schema = buildSchema(`
  scalar Any
  enum Color { RED BLUE }
  interface Node { id: ID! text: String near: Node }
  union Either = Leaf | Branch
  type Leaf implements Node {
    id: ID! text: String near: Node must: String! count: Int ratio: Float! isSo: Boolean color: Color any: Any
    words: [String] strict: [String!]! say(text: String = "x", times: Int, among: [Color!]): String!
  }
  type Branch implements Node {
    id: ID! text: String near: Node must: Leaf! leaves: [Leaf!] rows: [[Leaf]!] nodes: [Node]! either: Either all: [Either!]!
  }
  type Query { id: ID }
  type Subscription { event: Branch certain: Branch! }
`);
const say = (schema.getType('Leaf') as GraphQLObjectType).getFields()['say'];
if (say) say.resolve = (_source, args) => JSON.stringify(args);

/** Fields by type: those with a selection, and those without. */
const LEAVES: Record<string, readonly string[]> = {
  Node: ['__typename', 'id', 'text'],
  Either: ['__typename'],
  Leaf: ['__typename', 'id', 'text', 'must', 'count', 'ratio', 'isSo', 'color', 'any', 'words', 'strict'],
  Branch: ['__typename', 'id', 'text'],
};
const INNER: Record<string, readonly (readonly [field: string, type: string])[]> = {
  Node: [['near', 'Node']],
  Either: [],
  Leaf: [['near', 'Node']],
  Branch: [
    ['near', 'Node'],
    ['must', 'Leaf'],
    ['leaves', 'Leaf'],
    ['rows', 'Leaf'],
    ['nodes', 'Node'],
    ['either', 'Either'],
    ['all', 'Either'],
  ],
};
const CALLS = ['say', 'say(text: $text)', 'say(times: $times, among: [RED])', 'say(text: null, among: $among)'];
const DIRECTIVES = ['', '', '', '@include(if: $yes)', '@skip(if: $no)', '@include(if: $no)', '@skip(if: false)'];
/** Of the response: valid documents give one name to one field. */
const NAMES = ['', '', 'a', 'b'];
const named = (name: string, field: string): string =>
  name === '' ? field : `${name}_${/^\w+/.exec(field)?.[0]}: ${field}`;
const CONDITIONS = ['', 'on Node', 'on Leaf', 'on Branch', 'on Either'];
const FRAGMENTS = ['Node', 'Leaf', 'Branch'] as const;

function selectionOf(type: string, depth: number): fc.Arbitrary<string> {
  const name = fc.constantFrom(...NAMES);
  const directive = fc.constantFrom(...DIRECTIVES);
  const leaf = fc
    .tuple(name, fc.constantFrom(...(LEAVES[type] ?? []), ...(type === 'Leaf' ? CALLS : [])), directive)
    .map(([alias, field, when]) => `${named(alias, field)} ${when}`);
  if (depth === 0) return leaf;
  const inner = (INNER[type] ?? []).map(([field, of]) =>
    fc
      .tuple(name, directive, setOf(of, depth - 1))
      .map(([alias, when, set]) => `${named(alias, field)} ${when} ${set}`),
  );
  const fragment = fc
    .constantFrom(...CONDITIONS)
    .chain((condition) =>
      fc
        .tuple(directive, setOf(condition === '' ? type : condition.slice(3), depth - 1))
        .map(([when, set]) => `... ${condition} ${when} ${set}`),
    );
  const spread = fc.tuple(fc.constantFrom(...FRAGMENTS), directive).map(([of, when]) => `... Of${of} ${when}`);
  return fc.oneof({ arbitrary: leaf, weight: 4 }, ...inner, fragment, spread);
}
const setOf = (type: string, depth: number): fc.Arbitrary<string> =>
  fc.array(selectionOf(type, depth), { minLength: 1, maxLength: 4 }).map((parts) => `{ ${parts.join('\n')} }`);

const documents = fc
  .tuple(
    fc.constantFrom('event', 'certain', 'a: event'),
    setOf('Branch', 3),
    ...FRAGMENTS.map((type) => fc.array(selectionOf(type, 0), { minLength: 1, maxLength: 3 })),
  )
  .map(([root, set, ...fragments]) => {
    const spreads = FRAGMENTS.map((type, n) => `fragment Of${type} on ${type} { ${(fragments[n] ?? []).join('\n')} }`);
    const variables = '$yes: Boolean!, $no: Boolean!, $text: String, $times: Int = 3, $among: [Color!]';
    return `subscription (${variables}) { ${root} ${set} }\n${spreads.join('\n')}`;
  });

/** Mostly the value; seldom one that is not there, is no value of the field, fails or comes later. */
const mostly = (value: fc.Arbitrary<unknown>, odds = 60): fc.Arbitrary<unknown> =>
  fc.oneof(
    { arbitrary: value, weight: odds },
    fc.constantFrom(null, undefined),
    fc.constantFrom<unknown>(
      new Error('a fault'),
      { no: 'leaf' },
      () => Promise.resolve('late'),
      () => Promise.reject(new Error('late fault')),
      () => {
        throw new Error('thrown');
      },
    ),
  );
const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '\\', '\n', '\u2028', '\ud800', 'é'));
const listOf = (item: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    fc.array(mostly(item), { maxLength: 3 }),
    fc.array(item, { maxLength: 3 }).map((all) => new Set(all)),
  );

const { branch: events } = fc.letrec<{ leaf: unknown; branch: unknown; node: unknown }>((tie) => ({
  leaf: fc.record({
    __typename: fc.constant('Leaf'),
    id: mostly(texts),
    text: mostly(texts),
    near: fc.constant(null),
    must: mostly(texts),
    count: mostly(fc.integer()),
    ratio: mostly(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0))),
    isSo: mostly(fc.boolean()),
    color: mostly(fc.constantFrom('RED', 'BLUE')),
    any: mostly(fc.jsonValue({ maxDepth: 2 })),
    words: mostly(listOf(texts)),
    strict: mostly(listOf(texts)),
  }),
  branch: fc.record({
    __typename: mostly(fc.constantFrom('Branch'), 200),
    id: mostly(texts),
    text: mostly(texts),
    near: mostly(tie('node')),
    must: mostly(tie('leaf')),
    leaves: mostly(listOf(tie('leaf'))),
    rows: mostly(listOf(listOf(tie('leaf')))),
    nodes: mostly(listOf(tie('node'))),
    either: mostly(tie('node')),
    all: mostly(listOf(tie('node'))),
  }),
  node: fc.oneof({ maxDepth: 2 }, tie('leaf'), tie('branch')),
}));
const variables = fc.record(
  { yes: fc.boolean(), no: fc.boolean(), text: fc.option(texts), times: fc.integer({ min: 0, max: 9 }) },
  { requiredKeys: ['yes', 'no'] },
);

interface Outcome {
  readonly written: string | null;
  readonly executed: ExecutionResult | Promise<ExecutionResult>;
}

function both(query: string, event: unknown, variableValues: Record<string, unknown>): Outcome {
  const document = parse(query);
  const operation = getOperationAST(document) as OperationDefinitionNode;
  const { coerced = {} } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues);
  const rootValue = { event, certain: event };
  const written = new Projection({ schema, document }, operation, coerced).write(rootValue, null);
  const executed = execute({ schema, document, rootValue, variableValues }) as Outcome['executed'];
  if (executed instanceof Promise) executed.catch(() => undefined);
  return { written, executed };
}

describe('a compiled operation', () => {
  it('equals the answer of graphql-js for random documents, and gives up where that waits or fails', () => {
    fc.assert(
      fc.property(documents, events, variables, (query, event, given) => {
        const { written, executed } = both(query, event, given);
        const isPlain = !(executed instanceof Promise) && !executed.errors;
        expect(written).toBe(isPlain ? JSON.stringify(executed.data) : null);
      }),
      { numRuns: 100 },
    );
  });

  const leaf = { __typename: 'Leaf', id: '1', must: 'm', ratio: 0.5, strict: [] };
  it.each([
    ['a list of one', '{ leaves { id } }', { leaves: [leaf] }],
    ['a fragment of another type', '{ id ... on Leaf { must } }', { id: 'b' }],
    ['a union by type', '{ all { ... on Leaf { must } ... on Branch { id } __typename } }', { all: [leaf] }],
    ['default values', '{ must { say(times: 2) } }', { must: leaf }],
    ['null for an absent object', '{ near { id } }', { near: null }],
    ['no field at all', '{ id @skip(if: true) }', {}],
  ])('writes %s', (_name, set, event) => {
    const { written, executed } = both(`subscription { event ${set} }`, event, {});
    expect(written).toBe(JSON.stringify((executed as ExecutionResult).data));
  });

  it.each([
    ['a promise', { must: Promise.resolve(leaf) }],
    [
      'promises that fail later',
      { must: leaf, leaves: [Promise.reject(new Error('x')), Promise.reject(new Error('y'))] },
    ],
    ['null in a non-null field', { must: null }],
    ['an error as a value', { must: new Error('x') }],
    ['a value that is no list', { must: leaf, leaves: 'text' }],
    ['an unknown type', { must: leaf, leaves: [], either: { __typename: 'Nobody' } }],
  ])('gives up on %s', (_name, event) => {
    const { written } = both('subscription { event { must { id } leaves { id } either { __typename } } }', event, {});
    expect(written).toBeNull();
  });
});
