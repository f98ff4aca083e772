/** Typing, in memory, since it lasts for seconds only. */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, TypingRecord, UserId } from '../../model.ts';
import type { ConversationStore, TypingStore } from '../port.ts';
import type { EmbeddedBus } from './bus.ts';

export interface EmbeddedTyping extends TypingStore {
  forget(tenant: TenantId, id: ConversationId, userId: UserId): void;
}

export function createTyping(
  clock: Clock,
  bus: EmbeddedBus,
  conversations: () => Pick<ConversationStore, 'readMemberships'>,
): EmbeddedTyping {
  /**
   * By conversation and user: the end of typing by `Clock.elapsed`. In order of expiry, since each call moves its entry
   * to the end.
   */
  const typing = new Map<string, Map<UserId, number>>();
  const keyOf = (tenant: TenantId, id: ConversationId): string => JSON.stringify([tenant, id]);

  function current(key: string): Map<UserId, number> {
    const entries = typing.get(key) ?? new Map<UserId, number>();
    for (const [userId, until] of entries) {
      if (until > clock.elapsed()) break;
      entries.delete(userId);
    }
    if (entries.size === 0) typing.delete(key);
    return entries;
  }

  return {
    forget: (tenant, id, userId) => void current(keyOf(tenant, id)).delete(userId),

    async setTyping(tenant, id, userId, isTyping) {
      const [member] = await conversations().readMemberships(tenant, [{ conversationId: id, userId }]);
      if (!member) return null;
      const key = keyOf(tenant, id);
      const entries = current(key);
      const wasTyping = entries.delete(userId);
      const expiresAt = isTyping ? clock.now() + TIMES.typingMs : null;
      if (isTyping) typing.set(key, entries.set(userId, clock.elapsed() + TIMES.typingMs));
      const record: TypingRecord = { conversationId: id, userId, isTyping, expiresAt };
      if (isTyping || wasTyping) {
        bus.announce({ kind: 'conversation', tenant, id }, { type: 'typing', typing: record });
      }
      return record;
    },

    async readTyping(tenant, ids) {
      return ids.map((conversationId) =>
        [...current(keyOf(tenant, conversationId))].map(([userId, until]) => {
          const remainingMs = until - clock.elapsed();
          return {
            conversationId,
            userId,
            isTyping: true,
            expiresAt: Math.round(clock.now() + remainingMs),
            remainingMs,
          };
        }),
      );
    },
  };
}
