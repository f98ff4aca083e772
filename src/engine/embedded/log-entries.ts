/** Entries of a conversation's log in SQLite: each takes the next place, and is announced. */
import type { Clock } from '../../clock.ts';
import type { ConversationId, MessageChange, MessageRecord, Position, TenantId } from '../../model.ts';
import { newEpoch, withEpoch } from '../shared/lineage.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { MessageRows } from './message-rows.ts';

export interface LogEntries {
  /** The next place of the log; in a new epoch after the file was reopened. */
  advance(row: ConversationRow): Position;
  /** Writes the change of a message at that place, and announces it. */
  announceChange(
    conversation: ConversationRow,
    sequence: number,
    change: MessageChange,
    announce: Announce,
  ): MessageRecord;
}

export function createLogEntries(database: Database, clock: Clock, { messageAt, toMessage }: MessageRows): LogEntries {
  const insertEntry = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)');
  const moveHead = database.prepare(
    'UPDATE conversations SET place = ?, epoch = ?, fence = ?, lineage = ?, logged_at = ? WHERE key = ?',
  );
  return {
    advance(row) {
      const place = row.place + 1;
      const isSameFence = row.fence === database.fence;
      const epoch = isSameFence ? row.epoch : newEpoch();
      const lineage = isSameFence ? row.lineage : withEpoch(row.lineage, epoch, place);
      moveHead.run(place, epoch, database.fence, lineage, clock.now(), row.key);
      return { epoch, place };
    },

    announceChange(conversation, sequence, change, announce) {
      const row = messageAt(conversation, sequence);
      if (!row) throw new Error('A message that was just written cannot be read.');
      const tenant = conversation.tenant as TenantId;
      const id = conversation.id as ConversationId;
      insertEntry.run(conversation.key, row.place, row.epoch, change, sequence, clock.now());
      const message = toMessage(conversation, row);
      announce({ kind: 'conversation', tenant, id }, { type: 'message', change, message });
      return message;
    },
  };
}
