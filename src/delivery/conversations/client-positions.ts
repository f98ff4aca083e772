/** A client's position in each conversation, as streams look it up. */
import type { ConversationId, Position } from '../../model.ts';

export interface ClientPositions {
  get(id: ConversationId): Position | undefined;
  has(id: ConversationId): boolean;
  /** The conversations that are known without the viewer's list. */
  keys(): Iterable<ConversationId>;
}

/** Whether two positions are equal. */
export const isSame = (one: Position, other: Position): boolean =>
  one.epoch === other.epoch && one.place === other.place;

/**
 * The list may be behind the client: a client that has events of a conversation resumes after them, and not where it
 * joined.
 */
export function furthest(heard: Position | undefined, joined: Position | null): Position | null {
  return heard && joined && heard.epoch === joined.epoch && heard.place > joined.place ? heard : joined;
}
