/** Who may see and do what in a conversation: one place, asked by every operation. */
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import type { ConversationId, ConversationRecord, MemberRole, Membership, UserId, Viewer } from '../model.ts';

export function isAdmin(viewer: Viewer): boolean {
  return viewer.scopes.has('realtime:admin');
}

/** A backend of the platform, which publishes to any user of its tenant. */
export function isService(viewer: Viewer): boolean {
  return viewer.scopes.has('realtime:service');
}

/** The affairs of a user are theirs and the tenant admins'. */
export function requireSelf(viewer: Viewer, userId: UserId): void {
  if (viewer.userId !== userId && !isAdmin(viewer)) {
    throw new ServiceError('FORBIDDEN', 'Only the user and tenant admins may see this.');
  }
}

export interface Seen {
  readonly conversation: ConversationRecord;
  /** Null for an admin who is not a member. */
  readonly membership: Membership | null;
}

/** What the viewer may see of these conversations, in the order asked; null for absent and forbidden alike. */
export async function see(engine: Engine, viewer: Viewer, ids: readonly ConversationId[]): Promise<(Seen | null)[]> {
  const [conversations, memberships] = await Promise.all([
    engine.readConversations(viewer.tenant, ids),
    engine.readMemberships(
      viewer.tenant,
      ids.map((conversationId) => ({ conversationId, userId: viewer.userId })),
    ),
  ]);
  return conversations.map((conversation, index) => {
    const membership = memberships[index] ?? null;
    return conversation && (membership || isAdmin(viewer)) ? { conversation, membership } : null;
  });
}

/** @throws {ServiceError} NOT_FOUND when the viewer may not see it. */
export async function requireSeen(engine: Engine, viewer: Viewer, id: ConversationId): Promise<Seen> {
  const [seen] = await see(engine, viewer, [id]);
  if (!seen) throw notFound('conversation');
  return seen;
}

const RANKS: Record<MemberRole, number> = { MEMBER: 1, MODERATOR: 2, OWNER: 3 };

/** What the viewer counts as here; tenant admins count as owners. */
export function rankOf({ membership }: Seen, viewer: Viewer): number {
  if (isAdmin(viewer)) return RANKS.OWNER;
  return membership ? RANKS[membership.role] : 0;
}

/** @throws {ServiceError} NOT_FOUND when not seen, FORBIDDEN below the role. */
export async function requireRole(engine: Engine, viewer: Viewer, id: ConversationId, role: MemberRole): Promise<Seen> {
  const seen = await requireSeen(engine, viewer, id);
  if (rankOf(seen, viewer) < RANKS[role]) {
    throw new ServiceError('FORBIDDEN', `Only a member who is ${role} or above may do this.`);
  }
  return seen;
}

export function outranks(seen: Seen, viewer: Viewer, other: MemberRole): boolean {
  const rank = rankOf(seen, viewer);
  return rank === RANKS.OWNER || rank > RANKS[other];
}
