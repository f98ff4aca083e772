/**
 * Retention of messages in SQLite: messages too old or too many are dropped, with the log up to where they were sent.
 */
import type { Clock } from '../../clock.ts';
import type { Retention } from '../../model.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Database } from './database.ts';
import type { WrittenTexts } from './written-texts.ts';

export interface MessageRetention {
  isOld(message: { readonly timestamp: number }): boolean;
  /** Drops messages that retention no longer keeps, and the log up to where they were sent. */
  trim(row: ConversationRow, sequence: number, place: number): void;
  hasOld(row: ConversationRow): boolean;
  /** Drops expired messages, in the caller's transaction, and returns the conversation afterwards. */
  withoutOld(row: ConversationRow | undefined): ConversationRow | undefined;
}

export function createMessageRetention(
  database: Database,
  clock: Clock,
  retention: Retention,
  texts: WrittenTexts,
): MessageRetention {
  const selectByKey = database.prepare('SELECT * FROM conversations WHERE key = ?');
  const selectFirst = database.prepare(
    'SELECT timestamp FROM messages WHERE conversation = ? ORDER BY sequence LIMIT 1',
  );
  const selectFirstAfter = database.prepare(
    'SELECT sequence FROM messages WHERE conversation = ? AND timestamp > ? ORDER BY sequence LIMIT 1',
  );
  const selectSentPlace = database.prepare(
    "SELECT max(place) AS place FROM log WHERE conversation = ? AND sequence = ? AND change = 'SENT'",
  );
  const dropMessages = database.prepare('DELETE FROM messages WHERE conversation = ? AND sequence <= ?');
  const dropEntries = database.prepare('DELETE FROM log WHERE conversation = ? AND place <= ?');
  const raiseFloor = database.prepare('UPDATE conversations SET floor = ? WHERE key = ?');

  /** Messages sent up to this instant are too old. */
  const oldestMs = (): number =>
    retention === null || typeof retention === 'number' ? Number.NEGATIVE_INFINITY : clock.now() - retention.ageMs;
  const isOld = ({ timestamp }: { readonly timestamp: number }): boolean => timestamp <= oldestMs();

  function firstMessage({ key }: ConversationRow): { readonly timestamp: number } | undefined {
    return selectFirst.get(key) as { timestamp: number } | undefined;
  }

  /** The sequence of the last message that is too old; 0: none. */
  function lastOld(row: ConversationRow, sequence: number): number {
    const first = firstMessage(row);
    if (!first || !isOld(first)) return 0;
    const kept = selectFirstAfter.get(row.key, oldestMs()) as { sequence: number } | undefined;
    return (kept?.sequence ?? sequence + 1) - 1;
  }

  function trim(row: ConversationRow, sequence: number, place: number): void {
    if (retention === null) return;
    const isCount = typeof retention === 'number';
    const last = isCount ? sequence - retention : lastOld(row, sequence);
    const sent = last > 0 ? (selectSentPlace.get(row.key, last) as { place: number | null }).place : null;
    const floor = Math.max(row.floor, sent ?? 0, isCount ? place - 4 * retention : 0);
    if (floor <= row.floor) return;
    dropMessages.run(row.key, last);
    texts.dropUpTo(row.key, last);
    dropEntries.run(row.key, floor);
    raiseFloor.run(floor, row.key);
  }

  function hasOld(row: ConversationRow): boolean {
    const first = oldestMs() > 0 ? firstMessage(row) : undefined;
    return first !== undefined && isOld(first);
  }

  return {
    isOld,
    trim,

    hasOld,

    withoutOld(row) {
      if (!row || !hasOld(row)) return row;
      trim(row, row.last_sequence, row.place);
      return selectByKey.get(row.key) as unknown as ConversationRow | undefined;
    },
  };
}
