/** Locates a message by its id. */
import type { MessageId, TenantId } from '../../model.ts';
import { parseMessageId } from '../shared/message-id.ts';
import type { Keys } from './keys.ts';
import type { ConversationKeys } from './subject-keys.ts';

export interface Located extends ConversationKeys {
  readonly sequence: number;
}

/** Null: an id that no message has. */
export function locate(keys: Keys, tenant: TenantId, id: MessageId): Located | null {
  const parts = parseMessageId(id);
  return parts && { ...keys.conversationByKey(tenant, parts.conversationKey), sequence: parts.sequence };
}
