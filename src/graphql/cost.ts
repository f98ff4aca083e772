/** What an operation asks for at most, before anything is read: its items, with the sizes of its lists multiplied. */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { LIMITS } from '../limits.ts';

export interface CostRequest {
  readonly schema: GraphQLSchema;
  readonly document: { readonly definitions: readonly { readonly kind: string }[] };
  readonly operation: OperationDefinitionNode;
  readonly variables: Record<string, unknown>;
}

type Field = GraphQLField<unknown, unknown>;

/** A unit pays for so many items. */
const ITEMS_PER_UNIT = 10;

/**
 * The cost in units. An item of a list counts as many times as the lists around
 * it are long. A list is as long as `first` or `last` says, or the page it has by
 * default; one that answers a list of ids is as long as that; any other counts
 * as `LIMITS.assumedListSize`. A root field costs a unit beside its items.
 */
export function costOf({ schema, document, operation, variables }: CostRequest): number {
  const fragments = new Map<string, { typeCondition: { name: { value: string } }; selectionSet: SelectionSetNode }>();
  for (const definition of document.definitions as readonly (typeof operation)[])
    if ((definition.kind as string) === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name?.value ?? '', definition as never);

  /** `page`: the size of the connection whose fields these are. */
  function itemsOf({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, page: number | null): number {
    return selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + itemsOfField(selection, type, page);
      const part = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
      if (!part) return sum;
      const narrowed = part.typeCondition ? schema.getType(part.typeCondition.name.value) : type;
      return sum + itemsOf(part.selectionSet, narrowed, page);
    }, 0);
  }

  function itemsOfField(node: FieldNode, type: GraphQLNamedType | undefined, page: number | null): number {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field) return 0;
    const isList = isListType(getNullableType(field.type));
    const asked = pageOf(field, node, variables);
    const inner = (size: number | null): number =>
      node.selectionSet ? itemsOf(node.selectionSet, getNamedType(field.type), size) : 0;
    if (!isList) return inner(asked);
    return (asked ?? page ?? LIMITS.assumedListSize) * (1 + inner(null));
  }

  const root = schema.getRootType(operation.operation) ?? undefined;
  const units = operation.selectionSet.selections.length;
  return units + Math.ceil(itemsOf(operation.selectionSet, root, null) / ITEMS_PER_UNIT);
}

/** How long a field's list is by its arguments; null when they do not say. */
function pageOf(field: Field, node: FieldNode, variables: Record<string, unknown>): number | null {
  const given = argumentsOf(field, node, variables);
  if (field.args.some(({ name }) => name === 'first')) {
    const size = given['first'] ?? given['last'] ?? LIMITS.defaultPageSize;
    return typeof size === 'number' ? Math.min(Math.max(size, 0), LIMITS.pageSize) : LIMITS.pageSize;
  }
  const lists = Object.values(given).filter(Array.isArray);
  return lists.length === 0 ? null : Math.max(...lists.map(({ length }) => length));
}

function argumentsOf(field: Field, node: FieldNode, variables: Record<string, unknown>): Record<string, unknown> {
  try {
    return getArgumentValues(field, node, variables);
  } catch {
    // Execution says what is wrong with them.
    return {};
  }
}
