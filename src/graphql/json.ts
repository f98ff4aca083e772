/** The JSON scalar, whose numbers in documents are taken as they are written or not at all. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { JSONResolver } from 'graphql-scalars';
import { isExactNumber } from '../exact-json.ts';

function requireExact(node: ValueNode): void {
  if (node.kind === Kind.LIST) for (const value of node.values) requireExact(value);
  else if (node.kind === Kind.OBJECT) for (const { value } of node.fields) requireExact(value);
  else if ((node.kind === Kind.INT || node.kind === Kind.FLOAT) && !isExactNumber(node.value)) {
    throw new GraphQLError(`${node.value} is more than a double can hold.`, { nodes: node });
  }
}

export const JSONScalar = new GraphQLScalarType({
  ...JSONResolver.toConfig(),
  parseLiteral(node, variables) {
    requireExact(node);
    return JSONResolver.parseLiteral(node, variables);
  },
});
