/** The changes of a user's list past a position of its log. */
import type { Engine, LeaveReason, UserLogEntry } from '../../engine/port.ts';
import type { ExpiryReason } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, Position, Viewer } from '../../model.ts';

/** The change of one conversation in a section of the log. */
export interface ListChange {
  /** The reason of its last departure from the list; null: it never left. */
  readonly left: LeaveReason | null;
  readonly isListed: boolean;
}

export interface ListChanges {
  readonly of: ReadonlyMap<ConversationId, ListChange>;
  readonly head: Position;
  /** Why the log cannot tell the changes; null: it can. */
  readonly expiry: ExpiryReason | null;
}

const nextChange = (before: ListChange | undefined, event: NonNullable<UserLogEntry['event']>): ListChange => ({
  left: event === 'JOINED' ? (before?.left ?? null) : event,
  isListed: event === 'JOINED',
});

/** Null: from the log's present position. Rejects as the engine does. */
export async function readListChanges(engine: Engine, viewer: Viewer, after: Position | null): Promise<ListChanges> {
  const { tenant, userId } = viewer;
  const of = new Map<ConversationId, ListChange>();
  for (let from = after; ; ) {
    const page = await engine.readUserLog(tenant, userId, from, LIMITS.logPage);
    if (page.outcome === 'expired') {
      const { head } = await readListChanges(engine, viewer, null);
      return { of: new Map(), head, expiry: page.reason };
    }
    for (const { conversationId: id, event } of page.entries) if (event) of.set(id, nextChange(of.get(id), event));
    const last = page.entries.at(-1);
    if (!last || page.entries.length < LIMITS.logPage) return { of, head: last ?? from ?? page.head, expiry: null };
    from = last;
  }
}
