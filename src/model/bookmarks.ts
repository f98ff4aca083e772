/** How far a session of `/ws` has been given what its user was sent. */
import type { ConversationId } from './ids.ts';
import type { Position } from './position.ts';

export interface BookmarkRecord {
  readonly positions: ReadonlyMap<ConversationId, Position>;
}
