/** The positions up to which a session of `/ws` has received its user's messages. */
import type { ConversationId } from './ids.ts';
import type { Position } from './position.ts';

export interface BookmarkRecord {
  readonly positions: ReadonlyMap<ConversationId, Position>;
}
