/** Typing in Redis: a sorted set by expiry, so that its end does not depend on the node that recorded it. */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { TypingRecord, UserId } from '../../model.ts';
import type { TypingStore } from '../port.ts';
import type { RunOne } from './batches.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

export function createTyping(run: RunScript, runOne: RunOne, keys: Keys, clock: Clock): TypingStore {
  return {
    async setTyping(tenant, id, userId, isTyping) {
      const { members, typing, channel } = keys.conversation(tenant, id);
      const answer = await run(
        'set-typing',
        [members, typing, channel],
        [clock.offset(), JSON.stringify(id), userId, isTyping ? 'start' : 'stop', TIMES.typingMs],
      );
      return answer ? (JSON.parse(String(answer)) as TypingRecord) : null;
    },

    async readTyping(tenant, ids) {
      const answers = await Promise.all(
        ids.map((id) => runOne('read-typing', [keys.conversation(tenant, id).typing], [], [clock.offset()])),
      );
      return answers.map((answer, index) => {
        const [now, flat] = answer as [string, string[]];
        const conversationId = ids[index];
        if (conversationId === undefined) return [];
        return Array.from({ length: flat.length / 2 }, (_, pair) => {
          const expiresAt = Number(flat[2 * pair + 1]);
          const userId = flat[2 * pair] as UserId;
          return { conversationId, userId, isTyping: true, expiresAt, remainingMs: expiresAt - Number(now) };
        });
      });
    },
  };
}
