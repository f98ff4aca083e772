/** Counts the comparisons that a document causes: fields with one response key at one path must be mergeable. */
import {
  type ASTVisitor,
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { LIMITS } from '../limits.ts';
import { noteMergedPairs } from './document-price.ts';
import { countExpandedFields, fragmentsOf } from './expansion.ts';

const pairsOf = (count: number): number => (count * (count - 1)) / 2;

/** The fields at one path of the response, with fragments expanded. */
interface CollectedFields {
  readonly fields: Map<string, FieldNode[]>;
  /** By name: a fragment is expanded once per collection, however often it is spread there. */
  readonly fragments: Set<string>;
}

/**
 * Counts the pairs of fields with one response key at one path, and the pairs of fragments at one path: the
 * specification's rule OverlappingFieldsCanBeMerged compares each pair. Takes time linear in the expanded fields, which
 * are capped before this step.
 */
export function countMergedPairs(document: DocumentNode, most: number): number {
  const fragments = fragmentsOf(document);

  function collect({ selections }: SelectionSetNode, collected: CollectedFields): void {
    for (const selection of selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet, collected);
      else if (selection.kind === Kind.FRAGMENT_SPREAD) spread(selection.name.value, collected);
      else {
        const name = (selection.alias ?? selection.name).value;
        const same = collected.fields.get(name);
        if (same) same.push(selection);
        else collected.fields.set(name, [selection]);
      }
    }
  }

  function spread(name: string, collected: CollectedFields): void {
    if (collected.fragments.has(name)) return;
    collected.fragments.add(name);
    const fragment = fragments.get(name);
    if (fragment) collect(fragment.selectionSet, collected);
  }

  let pairs = 0;
  function countAt(sets: readonly SelectionSetNode[]): void {
    const collected: CollectedFields = { fields: new Map(), fragments: new Set() };
    for (const set of sets) collect(set, collected);
    pairs += pairsOf(collected.fragments.size);
    for (const same of collected.fields.values()) {
      pairs += pairsOf(same.length);
      if (pairs > most) return;
      const inner = same.flatMap(({ selectionSet }) => selectionSet ?? []);
      if (inner.length > 0) countAt(inner);
    }
  }

  for (const definition of document.definitions) {
    if (pairs > most) break;
    if ('selectionSet' in definition && definition.selectionSet) countAt([definition.selectionSet]);
  }
  return pairs;
}

function faultOf(document: DocumentNode): GraphQLError | null {
  const tooCostly = (message: string): GraphQLError =>
    new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COSTLY' } });
  const fields = countExpandedFields(document);
  // The specification's own rule would report the cycle, but only after other rules had followed it.
  if (fields === Number.POSITIVE_INFINITY) return new GraphQLError('A fragment cannot spread itself.');
  if (fields > LIMITS.expandedFields) {
    return tooCostly(`The operation has more than ${LIMITS.expandedFields} fields with its fragments expanded.`);
  }
  const pairs = countMergedPairs(document, LIMITS.mergedPairs);
  noteMergedPairs(document, pairs);
  if (pairs <= LIMITS.mergedPairs) return null;
  return tooCostly(`The document selects the same fields too often: at most ${LIMITS.mergedPairs} pairs are compared.`);
}

/**
 * Refuses a document before the other rules run on it for long: the comparison of overlapping fields is quadratic.
 */
export function comparableRule(context: ValidationContext): ASTVisitor {
  const fault = faultOf(context.getDocument());
  if (!fault) return {};
  context.reportError(fault);
  return { Document: () => null };
}
