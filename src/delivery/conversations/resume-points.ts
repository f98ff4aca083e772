/** Where a client was in each conversation, as streams ask for it. */
import type { ConversationId, Position } from '../../model.ts';

export interface ResumePoints {
  get(id: ConversationId): Position | undefined;
  has(id: ConversationId): boolean;
  /** Those that are known before they are met in the viewer's list. */
  keys(): Iterable<ConversationId>;
}

/** Whether they are one place in one epoch of a log. */
export const isSame = (one: Position, other: Position): boolean =>
  one.epoch === other.epoch && one.place === other.place;

/** The list may have been late for a conversation that the client had heard of: it goes on there, not where it was joined. */
export function furthest(heard: Position | undefined, joined: Position | null): Position | null {
  return heard && joined && heard.epoch === joined.epoch && heard.place > joined.place ? heard : joined;
}
