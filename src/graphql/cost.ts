/**
 * What an operation asks for at most, before anything is read: its items, with the
 * sizes of its lists multiplied.
 *
 * The SDL says how long a list is and what a field costs beside its items, by the
 * directives of Federation 2.9, which gateways read too
 * (https://specs.apollo.dev/cost/v0.1/, after IBM's cost specification).
 */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getDirectiveValues,
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

/** What the SDL declares of a field. */
interface Declared {
  /** `@cost(weight:)`: items it costs by itself. */
  readonly weight: number;
  /** `@listSize(assumedSize:)`: of a list when no argument says how long it is. */
  readonly assumedSize: number;
  /** `@listSize(slicingArguments:)`: the largest of these says it. */
  readonly slicingArguments: readonly string[];
  /** `@listSize(sizedFields:)`: the lists in what it answers that this is the size of. */
  readonly sizedFields: readonly string[];
}

/** A unit pays for so many items. */
const ITEMS_PER_UNIT = 10;

/** Lists whose length a field around them says. */
interface Page {
  readonly size: number;
  readonly fields: readonly string[];
}

/**
 * The cost in units. An item of a list counts as many times as the lists around
 * it are long. A list is as long as its slicing arguments say, or the list of ids
 * it is asked for, or else as is declared. A root field costs a unit beside its items.
 */
export function costOf({ schema, document, operation, variables }: CostRequest): number {
  const fragments = new Map<string, { typeCondition: { name: { value: string } }; selectionSet: SelectionSetNode }>();
  for (const definition of document.definitions as readonly (typeof operation)[])
    if ((definition.kind as string) === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name?.value ?? '', definition as never);

  function itemsOf({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, page: Page | null): number {
    return selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + itemsOfField(selection, type, page);
      const part = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
      if (!part) return sum;
      const narrowed = part.typeCondition ? schema.getType(part.typeCondition.name.value) : type;
      return sum + itemsOf(part.selectionSet, narrowed, page);
    }, 0);
  }

  function itemsOfField(node: FieldNode, type: GraphQLNamedType | undefined, page: Page | null): number {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    if (!field) return 0;
    const declared = declaredOf(schema, field);
    const given = argumentsOf(field, node, variables);
    const inner = (sized: Page | null): number =>
      node.selectionSet ? itemsOf(node.selectionSet, getNamedType(field.type), sized) : 0;
    const asked = sizeAsked(declared, given);
    if (!isListType(getNullableType(field.type))) {
      const { sizedFields: fields, assumedSize } = declared;
      return declared.weight + inner(fields.length > 0 ? { size: asked ?? assumedSize, fields } : null);
    }
    const ofPage = page?.fields.includes(field.name) ? page.size : null;
    const size = ofPage ?? asked ?? longestOf(given) ?? declared.assumedSize;
    return declared.weight + size * (1 + inner(null));
  }

  const root = schema.getRootType(operation.operation) ?? undefined;
  const units = operation.selectionSet.selections.length;
  return units + Math.ceil(itemsOf(operation.selectionSet, root, null) / ITEMS_PER_UNIT);
}

/** Of schemas that live as long as the process. */
const known = new WeakMap<Field, Declared>();

function declaredOf(schema: GraphQLSchema, field: Field): Declared {
  const earlier = known.get(field);
  if (earlier) return earlier;
  const valuesOf = (name: string): Record<string, unknown> => {
    const directive = schema.getDirective(name);
    return (directive && field.astNode && getDirectiveValues(directive, field.astNode)) ?? {};
  };
  const { weight = 0 } = valuesOf('cost') as Partial<Declared>;
  const { assumedSize = 1, slicingArguments = [], sizedFields = [] } = valuesOf('listSize') as Partial<Declared>;
  const declared = { weight, assumedSize, slicingArguments, sizedFields };
  known.set(field, declared);
  return declared;
}

/** How long a field's list is by its slicing arguments; null when they do not say. */
function sizeAsked({ slicingArguments }: Declared, given: Record<string, unknown>): number | null {
  const sizes = slicingArguments.map((name) => given[name]).filter((size) => typeof size === 'number');
  return sizes.length === 0 ? null : Math.min(Math.max(...sizes, 0), LIMITS.pageSize);
}

/** Of the lists a field is asked for, the length of the longest; null when there is none. */
function longestOf(given: Record<string, unknown>): number | null {
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
