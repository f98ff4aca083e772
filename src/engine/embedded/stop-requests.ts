/** Requests to stop a message being written, or replies that begin within a minute, in SQLite. */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';
import type { TenantId } from '../../model.ts';
import type { WritingStore } from '../port.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { firstOf, type SilentWriters } from './silent-writers.ts';

export interface StopRequests extends Pick<WritingStore, 'requestStop'> {
  /** Whether replies to a message were asked to stop; `target` 0: no reply. */
  isAsked(row: ConversationRow, target: number, now: number): boolean;
  announceStop(conversation: ConversationRow, sequence: number, announce: Announce): void;
}

export function createStopRequests(
  database: Database,
  clock: Clock,
  log: MessageLog,
  { write }: SilentWriters,
): StopRequests {
  const { texts } = log;
  const wish = database.prepare('INSERT OR REPLACE INTO stops VALUES (?, ?, ?)');
  const selectWish = database.prepare('SELECT 1 FROM stops WHERE conversation = ? AND sequence = ? AND until > ?');
  const dropWishes = database.prepare('DELETE FROM stops WHERE until <= ?');

  function announceStop(conversation: ConversationRow, sequence: number, announce: Announce): void {
    const row = log.messageAt(conversation, sequence);
    if (!row) return;
    const message = log.toMessage(conversation, row);
    const tenant = conversation.tenant as TenantId;
    announce({ kind: 'conversation', tenant, id: message.conversationId }, { type: 'stop', message });
    const { via } = message;
    if (via !== undefined) announce({ kind: 'memberships', tenant, id: via }, { type: 'stop', message });
  }

  return {
    announceStop,
    isAsked: (row, target, now) => selectWish.get(row.key, target, now) !== undefined,

    async requestStop(tenant, id) {
      return write((announce) => {
        const now = clock.now();
        const found = log.findMessage(tenant, id);
        if (!found) return null;
        const { conversation } = found;
        const { sequence } = found.message;
        const all = texts.allOf(conversation.key);
        const asked = all.filter((row) => row.sequence === sequence || row.target === sequence);
        const unasked = asked.filter(({ is_stopped }) => is_stopped === 0);
        for (const row of unasked) texts.update({ ...row, is_stopped: 1 }, []);
        // Further writers, beyond what may be announced at once, get the request with their next append.
        for (const row of firstOf(unasked)) announceStop(conversation, row.sequence, announce);
        dropWishes.run(now);
        if (!asked.some((row) => row.sequence === sequence)) wish.run(conversation.key, sequence, now + TIMES.stopMs);
        return asked.length;
      });
    },
  };
}
