/** Reads of messages and of the log of their changes, in SQLite. */
import type { MessageRecord } from '../../model.ts';
import type { KeptMessages, LogPage, MessageStore } from '../port.ts';
import { READ } from '../shared/closed.ts';
import { judgePosition, type Lineage } from '../shared/lineage.ts';
import type { Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { type MessageRow, positionOf } from './message-rows.ts';
import { upToWeight } from './reading.ts';

interface EntryRow {
  readonly place: number;
  readonly epoch: string;
  readonly change: string;
  readonly sequence: number;
}

const charactersOf = ({ payload }: MessageRow, { content }: MessageRecord): number =>
  content.length + (payload?.length ?? 0);
/** `read` runs a read after it has aborted the messages of silent writers. */
export function createMessageReads(
  database: Database,
  log: MessageLog,
  read: Database['read'],
): Pick<MessageStore, 'readMessages' | 'listMessages' | 'readLog'> {
  const selectRange = database.prepare(
    'SELECT * FROM messages WHERE conversation = ? AND sequence BETWEEN ? AND ? ORDER BY sequence',
  );
  const selectRangeBack = database.prepare(
    'SELECT * FROM messages WHERE conversation = ? AND sequence BETWEEN ? AND ? ORDER BY sequence DESC',
  );
  const selectFirst = database.prepare('SELECT min(sequence) AS first FROM messages WHERE conversation = ?');
  const selectEntries = database.prepare(
    'SELECT * FROM log WHERE conversation = ? AND place > ? ORDER BY place LIMIT ?',
  );

  return {
    async readMessages(tenant, ids) {
      return read(() =>
        ids.map((id) => {
          const found = log.findMessage(tenant, id);
          return found && log.toMessage(found.conversation, found.message);
        }),
      );
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      return read(() =>
        log.readCurrent(tenant, id, (row): KeptMessages => {
          if (!row) return { messages: [], firstSequence: 1, lastSequence: 0, isPart: false };
          const lastSequence = row.last_sequence;
          const { first } = selectFirst.get(row.key) as { first: number | null };
          const firstSequence = first ?? lastSequence + 1;
          const lowest = Math.max(after + 1, firstSequence);
          const highest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, lastSequence);
          const [start, end] =
            from === 'first'
              ? [lowest, Math.min(highest, lowest + limit - 1)]
              : [Math.max(lowest, highest - limit + 1), highest];
          const isForward = from === 'first';
          const rows = (isForward ? selectRange : selectRangeBack).iterate(row.key, start, end);
          const { taken, isPart } = upToWeight(rows as Iterable<MessageRow>, (each) => {
            const message = log.toMessage(row, each);
            return { result: message, characters: charactersOf(each, message) };
          });
          return { messages: isForward ? taken : taken.reverse(), firstSequence, lastSequence, isPart };
        }),
      );
    },

    async readLog(tenant, id, after, limit) {
      return read(() =>
        log.readCurrent(tenant, id, (row): LogPage => {
          if (!row) return { outcome: 'not-found' };
          const lineage = JSON.parse(row.lineage) as Lineage;
          const reason = judgePosition(after, { lineage, head: row.place, floor: row.floor });
          if (reason) return { outcome: 'expired', reason };
          const rows = selectEntries.all(row.key, after.place, limit) as unknown as EntryRow[];
          const { taken: entries } = upToWeight(rows, (entry) => {
            const found = log.messageAt(row, entry.sequence);
            const message = found ? log.toMessage(row, found, positionOf(entry)) : null;
            const isLast = found?.place === entry.place;
            const result = { ...positionOf(entry), change: READ.messageChange(entry.change), message, isLast };
            return { result, characters: message && found ? charactersOf(found, message) : 0 };
          });
          const isWhole = (entries.at(-1)?.place ?? row.place) >= row.place;
          return { outcome: 'read', entries, isWhole, head: positionOf(row) };
        }),
      );
    },
  };
}
