/** The executable subgraph: `schema/*.graphql` with the resolvers. */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { defaultFieldResolver, type GraphQLSchema, graphqlSync, parse } from 'graphql';
import { Budget } from '../rates/budget.ts';
import type { Context } from './context.ts';
import { countFields } from './counted-fields.ts';

import { eachAlone, requireGateway } from './entities.ts';
import { leaveOut } from './leave-out.ts';
import { meterChanges } from './metering.ts';
import { collectResolvers, type Resolver } from './resolvers.ts';

const FOLDER = new URL('../../schema/', import.meta.url);

/** The SDL as in the repository. */
export function readTypeDefs(): string {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.graphql'));
  return files
    .sort()
    .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
    .join('\n');
}

/** `left`: fields, as `Type.field`, that the SDL for gateways omits. The service still serves them. */
export function createSchema(left: readonly string[] = []): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: parse(readTypeDefs()), resolvers: collectResolvers() }]);
  if (left.length > 0) answerWithout(schema, left);
  guardFederation(schema);
  countFields(schema);
  meterChanges(schema);
  return schema;
}

/** The SDL that gateways and registries compose: what `_service { sdl }` answers. */
export function readSubgraphSdl(schema: GraphQLSchema): string {
  const contextValue = { isTrustedGateway: true, budget: new Budget(1) } satisfies Partial<Context>;
  const { data, errors } = graphqlSync({ schema, source: '{ _service { sdl } }', contextValue });
  if (errors?.[0]) throw errors[0];
  return (data as unknown as { _service: { sdl: string } })._service.sdl;
}

/** @throws for an unknown field. */
function answerWithout(schema: GraphQLSchema, left: readonly string[]): void {
  const field = schema.getQueryType()?.getFields()['_service'];
  if (!field) throw new Error('The schema has no _service.');
  try {
    const sdl = leaveOut(readSubgraphSdl(schema), left);
    field.resolve = () => ({ sdl });
  } catch (error) {
    throw new Error(`SUBGRAPH_WITHOUT: ${(error as Error).message}`);
  }
}

/** `_entities` and `_service` are another entry to the data, so the same rules apply. */
function guardFederation(schema: GraphQLSchema): void {
  const guard = (name: string, within: (resolve: Resolver) => Resolver = (resolve) => resolve): void => {
    const field = schema.getQueryType()?.getFields()[name];
    if (!field) throw new Error(`The schema has no ${name}.`);
    const resolve = within(field.resolve ?? defaultFieldResolver);
    field.resolve = (source, args, context: Context, info) => {
      requireGateway(context);
      return resolve(source, args, context, info);
    };
  };
  guard('_entities', eachAlone);
  guard('_service');
}
