/** The size of a document with its fragments expanded. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

export function fragmentsOf({ definitions }: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  return fragments;
}

/** The root fields of an operation, with fragments expanded. */
export function countRoots(document: DocumentNode, { selectionSet }: OperationDefinitionNode): number {
  const fragments = fragmentsOf(document);
  function of({ selections }: SelectionSetNode): number {
    return selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + 1;
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + of(selection.selectionSet);
      const fragment = fragments.get(selection.name.value);
      return sum + (fragment ? of(fragment.selectionSet) : 0);
    }, 0);
  }
  return of(selectionSet);
}

/**
 * Counts the fields of all operations with every spread expanded; infinite when a fragment contains itself. Takes time
 * linear in the document. A visit of each field would not: 30 fragments that each spread the next one twice have a
 * thousand million fields.
 */
export function countExpandedFields(document: DocumentNode): number {
  const fragments = fragmentsOf(document);
  const known = new Map<string, number>();

  function ofFragment(name: string): number {
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    const selections = fragments.get(name)?.selectionSet;
    // A second visit before the count is known comes from inside the fragment.
    known.set(name, Number.POSITIVE_INFINITY);
    const count = selections ? of(selections) : 0;
    known.set(name, count);
    return count;
  }

  function of({ selections }: SelectionSetNode): number {
    return selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return sum + ofFragment(selection.name.value);
      const inner = selection.selectionSet ? of(selection.selectionSet) : 0;
      return sum + inner + (selection.kind === Kind.FIELD ? 1 : 0);
    }, 0);
  }

  return document.definitions.reduce(
    (sum, definition) =>
      sum + ('selectionSet' in definition && definition.selectionSet ? of(definition.selectionSet) : 0),
    0,
  );
}

/**
 * Whether `@skip` and `@include` include a selection. The variables are coerced. A selection with a faulty condition
 * is included, and execution reports the fault.
 */
export function isAsked(node: SelectionNode, variables: Record<string, unknown>): boolean {
  if (!node.directives?.length) return true;
  try {
    return (
      getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] !== true &&
      getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false
    );
  } catch {
    return true;
  }
}
