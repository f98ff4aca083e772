/** Whether routing rules may apply to messages of a conversation, by its id or its record. */
import type { Engine } from '../engine/port.ts';
import type { ConversationId, ConversationKind, TenantId, UserId } from '../model.ts';
import { isDirect } from './direct-id.ts';
import type { Routing } from './routing.ts';

const CONVERSATIONS: readonly ConversationKind[] = ['DIRECT', 'GROUP', 'ROOM'];
export interface ConversationRules {
  /** Whether rules may apply to messages of a conversation, by its id alone. */
  concerns(tenant: TenantId, id: ConversationId): boolean | Promise<boolean>;
  /** The kind of a conversation; null when the sender is not a member. Storing the message then fails with the reason. */
  kindFor(tenant: TenantId, id: ConversationId, sender: UserId): Promise<ConversationKind | null>;
}

export function createConversationRules(engine: Engine, routing: Routing): ConversationRules {
  return {
    concerns: (tenant, id) =>
      routing.concerns(
        tenant,
        CONVERSATIONS.filter((kind) => (kind === 'DIRECT') === isDirect(id)),
      ),

    async kindFor(tenant, id, sender) {
      const [[conversation], [membership]] = await Promise.all([
        engine.readConversations(tenant, [id]),
        engine.readMemberships(tenant, [{ conversationId: id, userId: sender }]),
      ]);
      return conversation && membership ? conversation.kind : null;
    },
  };
}
