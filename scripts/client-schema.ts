/** The API as clients see it, without what only gateways read: for tools that make code of a schema. */
import { buildASTSchema, parse, printSchema, visit } from 'graphql';
import { readTypeDefs } from '../src/graphql/schema.ts';

/** Those that the GraphQL specification knows; all others here are federation's. */
const KNOWN = new Set(['deprecated', 'specifiedBy', 'oneOf']);

export function readClientSdl(): string {
  const document = visit(parse(readTypeDefs()), {
    Directive: ({ name }) => (KNOWN.has(name.value) ? undefined : null),
    SchemaExtension: () => null,
  });
  return printSchema(buildASTSchema(document));
}
