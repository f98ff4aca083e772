/** The API as clients see it, without directives for gateways: for tools that generate code from a schema. */
import { buildASTSchema, parse, printSchema, visit } from 'graphql';
import { readTypeDefs } from '../src/graphql/schema.ts';

/** The directives of the GraphQL specification; all others here are directives of federation. */
const KNOWN = new Set(['deprecated', 'specifiedBy', 'oneOf']);

export function readClientSdl(): string {
  const document = visit(parse(readTypeDefs()), {
    Directive: ({ name }) => (KNOWN.has(name.value) ? undefined : null),
    SchemaExtension: () => null,
  });
  return printSchema(buildASTSchema(document));
}
