/** The JSON scalar. A literal whose number is not exact is refused. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { JSONResolver } from 'graphql-scalars';
import { inexactMessage, isExactNumber } from '../exact-json.ts';

function requireJson(node: ValueNode): void {
  if (node.kind === Kind.LIST) for (const value of node.values) requireJson(value);
  else if (node.kind === Kind.OBJECT) for (const { value } of node.fields) requireJson(value);
  else if (node.kind === Kind.ENUM) {
    throw new GraphQLError(`JSON has no enum values: write ${node.value} as a string.`, { nodes: node });
  } else if ((node.kind === Kind.INT || node.kind === Kind.FLOAT) && !isExactNumber(node.value)) {
    throw new GraphQLError(inexactMessage(node.value), { nodes: node });
  }
}

export const JSONScalar = new GraphQLScalarType({
  ...JSONResolver.toConfig(),
  parseLiteral(node, variables) {
    requireJson(node);
    return JSONResolver.parseLiteral(node, variables);
  },
});
