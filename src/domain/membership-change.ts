/** The engine's answers to changes of a conversation or its members, as results and errors. */
import { isAdmin } from '../access/rights.ts';
import type { Actor, MembershipChange, QuotaFull } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationRecord, MemberRole, Viewer } from '../model.ts';

export function quotaFull(): ServiceError {
  return new ServiceError('CONFLICT', `A user begins or joins at most ${LIMITS.conversationsPerUser} conversations.`);
}

/** The result of a change. If the viewer had seen the conversation, the changed one is seen too. */
type Change<Conversation> =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: Conversation }
  | Exclude<MembershipChange, { readonly conversation: ConversationRecord }>
  | QuotaFull;

export function resultOf<Conversation extends ConversationRecord>(change: Change<Conversation>): Conversation {
  switch (change.outcome) {
    case 'quota-full':
      throw quotaFull();
    case 'not-found':
      throw notFound('member');
    case 'full':
      throw new ServiceError('CONFLICT', `A conversation has at most ${LIMITS.membersPerConversation} members.`);
    case 'not-allowed':
      throw new ServiceError('FORBIDDEN', 'The caller no longer has the right to do this.');
    case 'last-owner':
      throw new ServiceError('CONFLICT', 'A conversation needs an owner.');
    default:
      return change.conversation;
  }
}

/** `unchanged`: another user has removed the member meanwhile. */
export function resultOfRemoval(change: MembershipChange): ConversationRecord {
  if (change.outcome === 'unchanged') throw notFound('member');
  return resultOf(change);
}

export function refuseDirect({ kind }: ConversationRecord): void {
  if (kind === 'DIRECT') {
    throw new ServiceError('FORBIDDEN', 'The members and the name of a direct conversation cannot change.');
  }
}

/** The actor whose role the engine checks again with the change. Null for admins, who need no role. */
export const checkedActor = (viewer: Viewer, least: MemberRole): Actor | null =>
  isAdmin(viewer) ? null : { userId: viewer.userId, least };
