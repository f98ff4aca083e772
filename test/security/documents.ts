/** Documents that are large in one way each: `size` 1 is about as large as the limits let it be. */

export type Family = readonly [what: string, make: (size: number) => string];

const repeat = (count: number, make: (index: number) => string): string =>
  Array.from({ length: Math.floor(count) }, (_, index) => make(index)).join(' ');

/** Fragments of a user that each spread the next. */
const chain = (count: number, fields: string): string =>
  repeat(count, (n) => `fragment F${n} on User { ${fields} ${n + 1 < Math.floor(count) ? `...F${n + 1}` : ''} }`);

const publish = (payload: string): string => `mutation { publish(topic: "t", payload: ${payload}) { id } }`;
const page = (value: string): string => `{ viewer { conversations(first: ${value}) { id } } }`;

export const DOCUMENTS: readonly Family[] = [
  ['one field', (size) => `{ viewer { ${repeat(size * 4_900, () => 'id')} } }`],
  ['one field, just within the pairs', (size) => `{ viewer { ${repeat(size * 140, () => 'id')} } }`],
  [
    'one field with arguments',
    (size) => `{ viewer { ${repeat(size * 490, () => 'conversations(first: 1) { id }')} } }`,
  ],
  [
    'one field with arguments, just within the pairs',
    (size) => `{ viewer { ${repeat(size * 100, () => 'conversations(first: 1) { id }')} } }`,
  ],
  [
    'one field with long arguments',
    (size) => `{ viewer { ${repeat(size * 99, () => `conversations(after: "${'x'.repeat(2_400)}") { id }`)} } }`,
  ],
  [
    'nested fields',
    (size) => `{ viewer { ${repeat(size * 100, () => 'conversations { lastMessage { user { id } } }')} } }`,
  ],
  ['aliases', (size) => `{ viewer { ${repeat(size * 199, (n) => `a${n}: conversations { id name kind }`)} } }`],
  ['unknown fields', (size) => `{ ${repeat(size * 4_900, (n) => `x${n}`)} }`],
  ['unknown arguments', (size) => `{ viewer { conversations(${repeat(size * 1_600, (n) => `x${n}: 1`)}) { id } } }`],
  ['one argument', (size) => `{ viewer { conversations(${repeat(size * 1_600, () => 'first: 1')}) { id } } }`],
  [
    'fragments beside each other',
    (size) =>
      `{ viewer { ${repeat(size * 500, (n) => `...F${n}`)} } } ${repeat(size * 500, (n) => `fragment F${n} on User { id }`)}`,
  ],
  [
    'fragments beside each other, just within the pairs',
    (size) =>
      `{ viewer { ${repeat(size * 99, (n) => `...F${n}`)} } } ${repeat(size * 99, (n) => `fragment F${n} on User { id }`)}`,
  ],
  ['a chain of fragments', (size) => `{ viewer { ...F0 } } ${chain(size * 480, 'id')}`],
  ['a chain of fragments, just within the fields', (size) => `{ viewer { ...F0 } } ${chain(size * 100, 'id')}`],
  [
    'spreads of one fragment',
    (size) => `{ viewer { ${repeat(size * 600, () => '...F')} } } fragment F on User { id status lastSeenAt }`,
  ],
  [
    'operations of one chain',
    (size) => `${repeat(size * 60, (n) => `query q${n} { viewer { ...F0 } }`)} ${chain(80, 'id @include(if: true)')}`,
  ],
  ['operations', (size) => repeat(size * 700, (n) => `query q${n} { viewer { id } }`)],
  [
    'operations with variables of one fragment',
    (size) =>
      `${repeat(size * 90, (n) => `query q${n}($a: Int) { viewer { ...F } }`)} fragment F on User { ${repeat(90, (n) => `a${n}: conversations(first: $a) { id }`)} }`,
  ],
  [
    'variables',
    (size) =>
      `query (${repeat(size * 600, (n) => `$v${n}: Int`)}) { viewer { ${repeat(size * 199, (n) => `a${n}: conversations(first: $v${n}) { id }`)} } }`,
  ],
  ['variables of one name', (size) => `query (${repeat(size * 900, () => '$v: Int')}) { viewer { id } }`],
  ['directives', (size) => `{ viewer { ${repeat(size * 199, () => 'id @include(if: true)')} } }`],
  ['directives of one field', (size) => `{ viewer { id ${repeat(size * 800, () => '@include(if: true)')} } }`],
  ['inline fragments', (size) => `{ viewer { ${repeat(size * 1_200, () => '... { id }')} } }`],
  [
    'inline fragments in each other',
    (size) => `{ viewer { ${'... { '.repeat(size * 1_600)} id ${'}'.repeat(size * 1_600)} } }`,
  ],
  [
    'introspection',
    (size) => `{ __schema { types { ${repeat(size * 140, () => 'fields { name type { name } }')} } } }`,
  ],
  ['a long name', (size) => `{ ${'x'.repeat(size * 250_000)} }`],
  ['a long type', (size) => `{ viewer { ... on ${'U'.repeat(size * 250_000)} { id } } }`],
  ['an ID', (size) => `{ conversation(id: ${JSON.stringify('Did you mean '.repeat(size * 19_000))}) { id } }`],
  ['a text for an Int', (size) => page(JSON.stringify('Did you mean '.repeat(size * 19_000)))],
  ['escapes', (size) => page(`"${'\\u0041'.repeat(size * 42_000)}"`)],
  ['a block of lines', (size) => page(`"""${' \n'.repeat(size * 120_000)}x"""`)],
  ['digits', (size) => page('9'.repeat(size * 250_000))],
  ['digits and a point', (size) => publish(`${'9'.repeat(size * 125_000)}.${'9'.repeat(size * 125_000)}`)],
  ['zeros', (size) => publish(`1.${'0'.repeat(size * 250_000)}1`)],
  ['an exponent', (size) => publish(`1e${'9'.repeat(size * 250_000)}`)],
  ['an enum value', (size) => `{ viewer { conversations(kind: ${'G'.repeat(size * 250_000)}) { id } } }`],
  ['a JSON text', (size) => publish(JSON.stringify('Did you mean '.repeat(size * 19_000)))],
  ['a JSON enum value', (size) => publish('A'.repeat(size * 250_000))],
  ['a JSON object', (size) => publish(`{ ${repeat(size * 1_600, (n) => `k${n}: 1`)} }`)],
  ['a JSON object of one key', (size) => publish(`{ ${repeat(size * 1_600, () => 'k: 1')} }`)],
  ['a JSON list', (size) => publish(`[${repeat(size * 4_900, () => '1')}]`)],
  ['lists in each other', (size) => publish(`${'['.repeat(size * 2_400)}${']'.repeat(size * 2_400)}`)],
  ['objects in each other', (size) => publish(`${'{a:'.repeat(size * 1_200)}1${'}'.repeat(size * 1_200)}`)],
  [
    'a list in many places',
    (size) =>
      `mutation { ${repeat(size * 99, () => '...F')} } fragment F on Mutation { publish(topic: "t", payload: [${repeat(size * 2_400, () => '1')}]) { id } }`,
  ],
  ['input fields', (size) => `mutation { sendMessage(input: { ${repeat(size * 1_600, (n) => `k${n}: 1`)} }) { id } }`],
  ['a comment', (size) => `{ viewer { id } } #${' '.repeat(size * 260_000)}`],
  ['empty lines', (size) => `{ viewer { ids } }${'\n'.repeat(size * 260_000)}`],
  ['what is no document', (size) => '}'.repeat(size * 260_000)],
  ['an open text', (size) => `{ a(b: "${'x'.repeat(size * 250_000)}`],
];
