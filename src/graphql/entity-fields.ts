/**
 * The fields of entities that an operation selects. They are known before the operation runs, since a representation
 * names its type.
 *
 * All entities of an answer are completed in one turn of the event loop. So a request whose fields exceed the budget is
 * refused before it runs, and not in the middle of that turn.
 */
import { type DocumentNode, type FieldNode, Kind, type SelectionSetNode, valueFromASTUntyped } from 'graphql';
import { POINTS, POINTS_PER_UNIT } from '../rates/budget.ts';
import type { CostRequest } from './cost.ts';
import { fragmentsOf, isAsked } from './expansion.ts';

/**
 * The units that the fields of all entities cost if each entity exists. A list counts as one item, and a null as its
 * selected fields.
 */
export function unitsOfEntityFields({ document, operation, variables }: CostRequest): number {
  const count = counter(document, variables);
  let fields = 0;
  for (const { nodes } of count.fieldsOf([operation.selectionSet], null).values()) {
    const [node] = nodes;
    if (node?.name.value !== '_entities') continue;
    const given = node.arguments?.[0]?.value;
    const all = given && valueFromASTUntyped(given, variables);
    if (!Array.isArray(all)) continue;
    const sets = setsOf(nodes);
    for (const [type, entities] of countTypes(all)) fields += entities * count.fieldsIn(sets, type);
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

/** Nodes with one response key are one field of the answer (GraphQL 6.3.2, CollectFields). */
interface Field {
  readonly nodes: FieldNode[];
}

const setsOf = (nodes: readonly FieldNode[]): SelectionSetNode[] =>
  nodes.flatMap(({ selectionSet }) => selectionSet ?? []);

function counter(document: DocumentNode, variables: Record<string, unknown>) {
  const fragments = fragmentsOf(document);

  /** By response key. Fields of types other than `type` are left out; null: of any type. */
  function fieldsOf(sets: readonly SelectionSetNode[], type: unknown): Map<string, Field> {
    const fields = new Map<string, Field>();
    const collect = ({ selections }: SelectionSetNode): void => {
      for (const node of selections) {
        if (!isAsked(node, variables)) continue;
        if (node.kind === Kind.FIELD) {
          const key = (node.alias ?? node.name).value;
          const field = fields.get(key);
          if (field) field.nodes.push(node);
          else fields.set(key, { nodes: [node] });
          continue;
        }
        const part = node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value);
        const of = part?.typeCondition?.name.value;
        if (part && (type === null || of === undefined || of === type)) collect(part.selectionSet);
      }
    };
    sets.forEach(collect);
    return fields;
  }

  function fieldsIn(sets: readonly SelectionSetNode[], type: unknown): number {
    let sum = 0;
    for (const { nodes } of fieldsOf(sets, type).values()) sum += 1 + fieldsIn(setsOf(nodes), null);
    return sum;
  }

  return { fieldsOf, fieldsIn };
}
