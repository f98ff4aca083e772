/** Every name that this subgraph adds to a graph, as rows of a table in `docs/federation.md`. */
import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql';
import { createSchema } from '../src/graphql/schema.ts';

const ENTITIES = ['Conversation', 'Message', 'Session'];
/** Names that other subgraphs may also have: a `@shareable` type, and scalars, which are merged by name. */
const SHARED = ['DateTime', 'JSON', 'PageInfo'];
const ROOTS = ['Query', 'Mutation', 'Subscription'];

function isOurs(type: GraphQLNamedType): boolean {
  if (isIntrospectionType(type) || isSpecifiedScalarType(type)) return false;
  // Types of federation itself.
  if (type.name.includes('__')) return false;
  return !type.name.startsWith('_') && !['User', ...ROOTS, ...ENTITIES, ...SHARED].includes(type.name);
}

function fieldsOf(schema: GraphQLSchema, name: string): string[] {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`There is no type ${name}.`);
  return Object.keys(type.getFields()).filter((field) => !field.startsWith('_') && field !== 'id');
}

export function graphNameRows(): string[] {
  const schema = createSchema();
  const ours = Object.values(schema.getTypeMap()).filter(isOurs);
  const named = (is: (type: GraphQLNamedType) => boolean): string[] => ours.filter(is).map(({ name }) => name);
  const scalars = named(isScalarType);
  if (scalars.length > 0) throw new Error(`Scalars must be listed as shared: ${scalars.join(', ')}.`);
  const rows: [string, readonly string[]][] = [
    ...['User', ...ROOTS].map((name): [string, string[]] => [`fields of \`${name}\``, fieldsOf(schema, name)]),
    ['entities', ENTITIES],
    ['object types', named(isObjectType)],
    ['input types', named(isInputObjectType)],
    ['enums', named(isEnumType)],
    ['shared', SHARED],
  ];
  return rows.map(
    ([what, names]) =>
      `| ${what} | ${names
        .toSorted()
        .map((name) => `\`${name}\``)
        .join(' ')} |`,
  );
}
