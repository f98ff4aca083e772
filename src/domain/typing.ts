/** The rules of typing: members only, and it ends by itself. */
import { requireSeen, type SeenConversation } from '../access/seen.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import type { ConversationId, TenantId, UserId, Viewer } from '../model.ts';
import { identifier } from './input.ts';

export interface Typing {
  /** Answers the new state. */
  set(viewer: Viewer, conversationId: string, isTyping: boolean): Promise<boolean>;
  /** Who types in a conversation now. */
  users(tenant: TenantId, conversation: SeenConversation): Promise<UserId[]>;
}

export function createTyping(engine: Engine): Typing {
  return {
    async set(viewer, conversationId, isTyping) {
      const id = identifier<ConversationId>(conversationId, 'conversationId');
      const record = await engine.setTyping(viewer.tenant, id, viewer.userId, isTyping);
      if (record) return record.isTyping;
      await requireSeen(engine, viewer, id);
      throw new ServiceError('FORBIDDEN', 'Only members may type.');
    },

    async users(tenant, { id }) {
      const [records] = await engine.readTyping(tenant, [id]);
      if (!records) throw notFound('conversation');
      return records.map(({ userId }) => userId);
    },
  };
}
