/** Pages in the shape of the Relay cursor specification. */
import type { PageEnds } from '../domain/message-reads.ts';

export function toConnection<Node>(
  nodes: readonly Node[],
  { hasNextPage, hasPreviousPage }: PageEnds,
  cursorOf: (node: Node) => string,
) {
  const edges = nodes.map((node) => ({ node, cursor: cursorOf(node) }));
  return {
    edges,
    nodes: [...nodes],
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
