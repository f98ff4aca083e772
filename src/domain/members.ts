/** The rules of membership: who joins, leaves, is added or removed, and who has which role. */
import {
  afterRemoval,
  changed,
  findOpen,
  joinAs,
  outranks,
  requireRole,
  requireSeen,
  type SeenConversation,
  type ShownConversation,
} from '../access/seen.ts';
import type { Engine } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type ConversationId, isService, type MemberRole, type Viewer } from '../model.ts';
import type { Blocks } from './blocks.ts';
import { identifier, userIdentifier, userIdentifiers } from './input.ts';
import { checkedActor, refuseDirect, resultOf, resultOfRemoval } from './membership-change.ts';

export interface Members {
  join(viewer: Viewer, id: string): Promise<SeenConversation>;
  leave(viewer: Viewer, id: string): Promise<ShownConversation>;
  addMembers(viewer: Viewer, id: string, userIds: readonly string[]): Promise<SeenConversation>;
  removeMember(viewer: Viewer, id: string, userId: string): Promise<ShownConversation>;
  setMemberRole(viewer: Viewer, id: string, userId: string, role: MemberRole): Promise<SeenConversation>;
}

async function join(engine: Engine, viewer: Viewer, id: ConversationId): Promise<SeenConversation> {
  const open = await findOpen(engine, viewer, id);
  if (open) return resultOf(await joinAs(engine, viewer, open));
  const { conversation, membership } = await requireSeen(engine, viewer, id);
  if (membership) return conversation;
  throw new ServiceError('FORBIDDEN', 'Only rooms can be joined; a moderator adds members to other conversations.');
}

export function createMembers(engine: Engine, blocks: Blocks): Members {
  return {
    join: (viewer, id) => join(engine, viewer, identifier(id, 'id')),

    async leave(viewer, id) {
      const { conversation, membership } = await requireSeen(engine, viewer, identifier(id, 'id'));
      if (!membership) throw notFound('member');
      refuseDirect(conversation);
      const { tenant, userId } = viewer;
      const change = await engine.removeMember(tenant, conversation.id, userId, { userId, least: 'MEMBER' });
      return afterRemoval(viewer, true, resultOfRemoval(change));
    },

    async addMembers(viewer, id, userIds) {
      const users = userIdentifiers(userIds, 'userIds', LIMITS.usersPerCall);
      if (users.length === 0) throw badInput('userIds: must have at least one id.');
      // A back end that adds itself joins.
      if (isService(viewer) && users.every((userId) => userId === viewer.userId))
        return join(engine, viewer, identifier(id, 'id'));
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(conversation);
      await blocks.refuse(viewer, users);
      return changed(conversation, resultOf(await engine.addMembers(viewer.tenant, conversation.id, users, 'MEMBER')));
    },

    async removeMember(viewer, id, userId) {
      const target = userIdentifier(userId, 'userId');
      const found = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(found.conversation);
      const conversationId = found.conversation.id;
      const [membership] = await engine.readMemberships(viewer.tenant, [{ conversationId, userId: target }]);
      if (!membership) throw notFound('member');
      if (!outranks(found, viewer, membership.role)) {
        throw new ServiceError('FORBIDDEN', 'Only an OWNER may remove this member.');
      }
      const actor = checkedActor(viewer, 'MODERATOR');
      const change = await engine.removeMember(viewer.tenant, conversationId, target, actor);
      if (change.outcome === 'not-allowed') await requireSeen(engine, viewer, conversationId);
      return afterRemoval(viewer, target === viewer.userId, resultOfRemoval(change));
    },

    async setMemberRole(viewer, id, userId, role) {
      const target = userIdentifier(userId, 'userId');
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'OWNER');
      refuseDirect(conversation);
      const actor = checkedActor(viewer, 'OWNER');
      const change = await engine.setMemberRole(viewer.tenant, conversation.id, target, role, actor);
      if (change.outcome === 'not-allowed') await requireSeen(engine, viewer, conversation.id);
      return changed(conversation, resultOf(change));
    },
  };
}
