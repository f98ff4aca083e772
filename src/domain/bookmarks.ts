/** The positions at which a session of the raw protocol resumes. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { inParts } from '../in-parts.ts';
import type { Log } from '../log.ts';
import type {
  BookmarkRecord,
  ConversationId,
  ConversationRecord,
  Membership,
  Position,
  UserId,
  Viewer,
} from '../model.ts';
import { BookmarkSaves } from './bookmark-saves.ts';

export interface BookmarkStart {
  /** Whether the session existed before. */
  readonly isResumed: boolean;
  /** Conversations to resume, each from its position; all others begin live. */
  readonly after: Map<ConversationId, Position>;
  /** The conversations in which messages were read elsewhere, each with its read position. */
  readonly read: ReadonlyMap<ConversationId, number>;
}

export interface Bookmarks {
  open(viewer: Viewer, session: string): Promise<BookmarkStart>;
  /** The positions of conversations that the viewer is still in. */
  still(viewer: Viewer, positions: BookmarkRecord['positions']): Promise<Map<ConversationId, Position>>;
  /** Stores a new session with its positions. */
  begin(viewer: Viewer, session: string, positions: BookmarkRecord['positions']): Promise<void>;
  /** Stores the positions of a session, at once or as soon as the engine accepts them. */
  save(viewer: Viewer, session: string, positions: BookmarkRecord['positions']): void;
}

/** The start of a conversation for which the session has no position; null: it begins live. */
function startOf(
  bookmark: BookmarkRecord | null,
  conversation: ConversationRecord,
  membership: Membership,
): Position | null {
  const { joinedPosition, readSequence } = membership;
  // A session begins with a position in each conversation, so this conversation was joined while the session was away.
  if (bookmark) return joinedPosition;
  // A user's first session delivers unread direct messages.
  if (conversation.kind !== 'DIRECT' || conversation.lastSequence <= readSequence) return null;
  const { epoch, place } = joinedPosition;
  // Each message has its own place, so no unread message lies before this one.
  return epoch === conversation.position.epoch ? { epoch, place: Math.max(place, readSequence) } : joinedPosition;
}

const keysOf = (ids: readonly ConversationId[], userId: UserId) =>
  ids.map((conversationId) => ({ conversationId, userId }));

export function createBookmarks(engine: Engine, clock: Clock, log: Log): Bookmarks {
  const saves = new BookmarkSaves(engine, clock, log);
  return {
    async open(viewer, session) {
      const { tenant, userId } = viewer;
      const [bookmark, ids] = await Promise.all([
        engine.readBookmark(tenant, userId, session),
        engine.listConversationIds(tenant, userId),
      ]);
      const after = new Map<ConversationId, Position>();
      const read = new Map<ConversationId, number>();
      const unsaved = saves.unsavedOf(viewer, session);
      for (const id of ids) {
        const position = unsaved?.get(id) ?? bookmark?.positions.get(id);
        if (position) after.set(id, position);
      }
      const others = ids.filter((id) => !after.has(id));
      await inParts(others, async (part) => {
        const [conversations, memberships] = await Promise.all([
          engine.readConversations(tenant, part),
          engine.readMemberships(tenant, keysOf(part, userId)),
        ]);
        for (const [index, id] of part.entries()) {
          const conversation = conversations[index];
          const membership = memberships[index];
          const start = conversation && membership ? startOf(bookmark, conversation, membership) : null;
          if (!start || !membership) continue;
          after.set(id, start);
          if (!bookmark) read.set(id, membership.readSequence);
        }
      });
      return { isResumed: bookmark !== null, after, read };
    },

    async still({ tenant, userId }, positions) {
      const still = await inParts([...positions], async (part) => {
        const ids = part.map(([id]) => id);
        const memberships = await engine.readMemberships(tenant, keysOf(ids, userId));
        return part.filter((_, index) => memberships[index]);
      });
      return new Map(still.flat());
    },

    begin: ({ tenant, userId }, session, positions) => engine.writeBookmark(tenant, userId, session, positions),

    save: (viewer, session, positions) => saves.save(viewer, session, positions),
  };
}
