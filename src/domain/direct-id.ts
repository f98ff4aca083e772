/** The ids of direct conversations: derived from their two users, so that each pair has one. */
import { createHash } from 'node:crypto';
import type { ConversationId, UserId } from '../model.ts';

/** The prefix of ids that are derived from two users. Other conversations cannot have such ids. */
export const DIRECT_PREFIX = 'direct:';

/** Whether an id belongs to a direct conversation. */
export function isDirect(id: ConversationId): boolean {
  return id.startsWith(DIRECT_PREFIX);
}

/** The id of the one direct conversation of two users, the same for both. */
export function directId(one: UserId, other: UserId): ConversationId {
  const pair = JSON.stringify([one, other].sort());
  return `${DIRECT_PREFIX}${createHash('sha256').update(pair).digest('base64url')}` as ConversationId;
}
