/** The root field of a subscription may not depend on a condition. */
import {
  type ASTVisitor,
  type DocumentNode,
  type FragmentSpreadNode,
  GraphQLError,
  type InlineFragmentNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { fragmentsOf } from './expansion.ts';

const NO_SELECTIONS: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] };

/** The first root selection of a subscription with @skip or @include. */
function findConditionalRoot(document: DocumentNode): SelectionNode | null {
  const fragments = fragmentsOf(document);
  function find({ selections }: SelectionSetNode): SelectionNode | null {
    for (const selection of selections) {
      if (selection.directives?.some(({ name }) => name.value === 'skip' || name.value === 'include')) return selection;
      const found = selection.kind === Kind.FIELD ? null : find(contentOf(selection));
      if (found) return found;
    }
    return null;
  }
  function contentOf(part: FragmentSpreadNode | InlineFragmentNode): SelectionSetNode {
    if (part.kind === Kind.INLINE_FRAGMENT) return part.selectionSet;
    const { value } = part.name;
    const fragment = fragments.get(value);
    // Each fragment is visited once.
    fragments.delete(value);
    return fragment?.selectionSet ?? NO_SELECTIONS;
  }
  for (const definition of document.definitions) {
    const isOne = definition.kind === Kind.OPERATION_DEFINITION && definition.operation === 'subscription';
    const found = isOne ? find(definition.selectionSet) : null;
    if (found) return found;
  }
  return null;
}

/**
 * GraphQL of September 2025, section 5.2.4.1. graphql-js 16 lacks this rule and throws instead, so the document is not
 * validated further.
 */
export function unconditionalRootRule(context: ValidationContext): ASTVisitor {
  const conditional = findConditionalRoot(context.getDocument());
  if (!conditional) return {};
  const message = 'The root field of a subscription takes no @skip and no @include.';
  context.reportError(new GraphQLError(message, { nodes: conditional }));
  return { Document: () => null };
}
