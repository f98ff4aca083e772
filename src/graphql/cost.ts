/**
 * The declared cost of an operation, estimated before anything is read: its items, multiplied by the sizes of the lists
 * around them. An operation that could not succeed is refused early; the budget counts the real cost.
 *
 * The SDL declares the length of lists and the weight of fields by the directives of Federation 2.9, which gateways
 * read too (https://specs.apollo.dev/cost/v0.1/, after IBM's cost specification).
 */
import {
  type DocumentNode,
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
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { LIMITS } from '../limits.ts';
import { countRoots, fragmentsOf, isAsked } from './expansion.ts';

export interface CostRequest {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Record<string, unknown>;
}

type Field = GraphQLField<unknown, unknown>;

/** The SDL's declarations about a field. */
interface Declared {
  /** `@cost(weight:)`: the cost of the field itself, in items. */
  readonly weight: number;
  /** `@listSize(assumedSize:)`: the length of a list that has no argument for it. */
  readonly assumedSize: number;
  /** `@listSize(slicingArguments:)`: the largest of these is the length. */
  readonly slicingArguments: readonly string[];
  /** `@listSize(sizedFields:)`: the lists in its result that have this length. */
  readonly sizedFields: readonly string[];
}

/** Items per unit. */
const ITEMS_PER_UNIT = 10;

/** Lists whose length is given by a field around them. */
interface Page {
  readonly size: number;
  readonly fields: readonly string[];
}

/** `isSure`: the arguments of every field were valid. */
function computedCost({ schema, document, operation, variables }: CostRequest): {
  readonly cost: number;
  readonly isSure: boolean;
} {
  const fragments = fragmentsOf(document);

  function itemsOf({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, page: Page | null): number {
    return selections.reduce((sum, selection) => {
      if (!isAsked(selection, variables)) return sum;
      if (selection.kind === Kind.FIELD) return sum + itemsOfField(selection, type, page);
      const part = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
      if (!part) return sum;
      const narrowed = part.typeCondition ? schema.getType(part.typeCondition.name.value) : type;
      return sum + itemsOf(part.selectionSet, narrowed, page);
    }, 0);
  }

  // Cached, since a field of a fragment is visited for each spread and its arguments may be long.
  const sizes = new Map<FieldNode, Sizes>();
  let isSure = true;
  function sizesOf(field: Field, node: FieldNode): Sizes {
    let known = sizes.get(node);
    if (!known) {
      const given = argumentsOf(field, node, variables);
      isSure &&= given !== NONE;
      known = { asked: sizeAsked(declaredOf(schema, field), given), longest: longestOf(given) };
      sizes.set(node, known);
    }
    return known;
  }

  function itemsOfField(node: FieldNode, type: GraphQLNamedType | undefined, page: Page | null): number {
    const field = fieldOf(schema, type, node.name.value);
    if (!field) return 0;
    const declared = declaredOf(schema, field);
    const inner = (sized: Page | null): number =>
      node.selectionSet ? itemsOf(node.selectionSet, getNamedType(field.type), sized) : 0;
    const { asked, longest } = sizesOf(field, node);
    if (!isListType(getNullableType(field.type))) {
      const { sizedFields: fields, assumedSize } = declared;
      if (fields.length === 0) return declared.weight + inner(null);
      // The page is read even if none of its items is selected.
      const size = asked ?? assumedSize;
      return declared.weight + size + inner({ size, fields });
    }
    if (page?.fields.includes(field.name)) return declared.weight + page.size * inner(null);
    const size = asked ?? longest ?? declared.assumedSize;
    return declared.weight + size * (1 + inner(null));
  }

  const root = schema.getRootType(operation.operation) ?? undefined;
  const items = itemsOf(operation.selectionSet, root, null);
  return { cost: countRoots(document, operation) + Math.ceil(items / ITEMS_PER_UNIT), isSure };
}

/** Signatures of one operation whose costs are kept. */
const MOST_SIGNATURES = 32;

/** Per operation; an operation lives as long as its document is cached. */
const costs = new WeakMap<OperationDefinitionNode, Map<string, number>>();

/** The facts of variables that a cost depends on: presence, the value of a number or boolean, the length of a list. */
function signatureOf(variables: Record<string, unknown>): string {
  let signature = '';
  for (const [name, value] of Object.entries(variables)) {
    if (Array.isArray(value)) signature += `${name}[${value.length} `;
    else if (typeof value === 'number' || typeof value === 'boolean') signature += `${name}=${value} `;
    else signature += value === null || value === undefined ? `${name}- ` : `${name}+ `;
  }
  return signature;
}

/**
 * The cost in units. An item is multiplied by the lengths of the lists around it. The length of a list comes from its
 * slicing arguments, from the list of ids in its arguments, or from the SDL. A root field costs a unit in addition to
 * its items.
 */
export function costOf(request: CostRequest): number {
  let known = costs.get(request.operation);
  if (!known) {
    known = new Map();
    costs.set(request.operation, known);
  }
  const signature = signatureOf(request.variables);
  const earlier = known.get(signature);
  if (earlier !== undefined) return earlier;
  const { cost, isSure } = computedCost(request);
  if (isSure && known.size < MOST_SIGNATURES) known.set(signature, cost);
  return cost;
}

/** The lengths of a field's lists by its arguments. */
interface Sizes {
  readonly asked: number | null;
  readonly longest: number | null;
}

const META_FIELDS: Record<string, Field> = {
  [SchemaMetaFieldDef.name]: SchemaMetaFieldDef,
  [TypeMetaFieldDef.name]: TypeMetaFieldDef,
};

function fieldOf(schema: GraphQLSchema, type: GraphQLNamedType | undefined, name: string): Field | undefined {
  if (type && type === schema.getQueryType() && META_FIELDS[name]) return META_FIELDS[name];
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

/** Lengths of lists in introspection, which has no directives: about those of this schema. */
const INTROSPECTED: Readonly<Record<string, number>> = { types: 80, fields: 8, args: 2, enumValues: 3, directives: 20 };

/** Per schema, which lives as long as the process. */
const known = new WeakMap<Field, Declared>();

function declaredOf(schema: GraphQLSchema, field: Field): Declared {
  const earlier = known.get(field);
  if (earlier) return earlier;
  const valuesOf = (name: string): Record<string, unknown> => {
    const directive = schema.getDirective(name);
    return (directive && field.astNode && getDirectiveValues(directive, field.astNode)) ?? {};
  };
  const introspected = field.astNode ? undefined : INTROSPECTED[field.name];
  if (introspected !== undefined) {
    const declared = { weight: 0, assumedSize: introspected, slicingArguments: [], sizedFields: [] };
    known.set(field, declared);
    return declared;
  }
  const { weight = 0 } = valuesOf('cost') as Partial<Declared>;
  const { assumedSize = 1, slicingArguments = [], sizedFields = [] } = valuesOf('listSize') as Partial<Declared>;
  const declared = { weight, assumedSize, slicingArguments, sizedFields };
  known.set(field, declared);
  return declared;
}

/** The length of a field's list by its slicing arguments; null without them. */
function sizeAsked({ slicingArguments }: Declared, given: Record<string, unknown>): number | null {
  const sizes = slicingArguments.map((name) => given[name]).filter((size) => typeof size === 'number');
  // An empty page is a read like any other.
  return sizes.length === 0 ? null : Math.min(Math.max(...sizes, 1), LIMITS.pageSize);
}

/** The length of the longest list in a field's arguments; null without one. */
function longestOf(given: Record<string, unknown>): number | null {
  const lists = Object.values(given).filter(Array.isArray);
  return lists.length === 0 ? null : Math.max(...lists.map(({ length }) => length));
}

const NONE: Record<string, unknown> = Object.freeze({});

function argumentsOf(field: Field, node: FieldNode, variables: Record<string, unknown>): Record<string, unknown> {
  try {
    return getArgumentValues(field, node, variables);
  } catch {
    // Execution reports faulty arguments.
    return NONE;
  }
}
