/**
 * The fields that an operation asks of entities, which are known before it runs: a representation names its type.
 *
 * All entities of an answer are completed in one turn of the event loop. So a request whose fields the budget could not
 * pay is refused before it runs, and not in the middle of that turn.
 */
import {
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';
import { POINTS, POINTS_PER_UNIT } from '../rates/budget.ts';
import type { CostRequest } from './cost.ts';
import { fragmentsOf } from './expansion.ts';

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The units that the fields of all entities cost at least. A list counts as one item. */
export function unitsOfEntityFields({ document, operation, variables }: CostRequest): number {
  const fragments = fragmentsOf(document);
  let fields = 0;
  for (const node of fieldsIn(operation.selectionSet, fragments)) {
    if (node.name.value !== '_entities' || !node.selectionSet) continue;
    const given = node.arguments?.[0]?.value;
    const all = given && valueFromASTUntyped(given, variables);
    if (!Array.isArray(all)) continue;
    for (const [type, count] of countTypes(all)) fields += count * countFields(node.selectionSet, fragments, type);
  }
  return (fields * POINTS.field) / POINTS_PER_UNIT;
}

function countTypes(representations: readonly unknown[]): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  for (const each of representations) {
    const type = (each as { readonly __typename?: unknown } | null)?.__typename;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

type PartNode = Exclude<SelectionNode, { readonly kind: Kind.FIELD }>;

const partOf = (node: PartNode, fragments: Fragments) =>
  node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value);

function* fieldsIn(
  { selections }: SelectionSetNode,
  fragments: Fragments,
): Generator<Extract<SelectionNode, { readonly kind: Kind.FIELD }>> {
  for (const node of selections) {
    if (node.kind === Kind.FIELD) yield node;
    else {
      const part = partOf(node, fragments);
      if (part) yield* fieldsIn(part.selectionSet, fragments);
    }
  }
}

/** Of one entity of a type; what is selected of other types is left out. Null: of what is in it, whatever its type. */
function countFields({ selections }: SelectionSetNode, fragments: Fragments, type: unknown): number {
  return selections.reduce((sum, node) => {
    if (node.kind === Kind.FIELD)
      return sum + 1 + (node.selectionSet ? countFields(node.selectionSet, fragments, null) : 0);
    const part = partOf(node, fragments);
    const of = part?.typeCondition?.name.value;
    const isOther = type !== null && of !== undefined && of !== type;
    return part && !isOther ? sum + countFields(part.selectionSet, fragments, type) : sum;
  }, 0);
}
