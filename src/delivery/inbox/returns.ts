/** Conversations that a reader has left and joined again. */
import type { Engine } from '../../engine/port.ts';
import { askInParts } from '../../in-parts.ts';
import type { ConversationId, Viewer } from '../../model.ts';
import { type ClientPositions, furthest } from '../conversations/client-positions.ts';
import type { ListChanges } from './list-changes.ts';

/** The conversations in which the reader knows the new membership, since it received events of it. */
export async function returnedTo(
  engine: Engine,
  { tenant, userId }: Viewer,
  positions: ClientPositions,
  changes: ListChanges,
): Promise<ReadonlySet<ConversationId>> {
  const ids = [...changes.of].flatMap(([id, { left, isListed }]) =>
    left && isListed && positions.has(id) ? [id] : [],
  );
  const returned = await askInParts(ids, async (part) => {
    const keys = part.map((conversationId) => ({ conversationId, userId }));
    const memberships = await engine.readMemberships(tenant, keys);
    return part.filter((id, index) => {
      const received = positions.get(id);
      return received && furthest(received, memberships[index]?.joinedPosition ?? null) === received;
    });
  });
  return new Set(returned.flat());
}
