/** Texts of messages being written, in SQLite. Stored in parts, so that an append rewrites one part only. */
import type { TextPart } from '../shared/written-text.ts';
import type { Database } from './database.ts';

export interface WritingRow {
  readonly conversation: number;
  readonly sequence: number;
  /** The writer, as `writerKey` encodes it. */
  readonly sender_id: string;
  readonly length: number;
  readonly appended_at: number;
  readonly free_at: number;
  readonly is_held: number;
  readonly is_stopped: number;
  /** The sequence of the message it replies to; 0: none. */
  readonly target: number;
}

export interface WrittenTexts {
  find(conversation: number, sequence: number): WritingRow | undefined;
  insert(row: WritingRow, parts: readonly TextPart[]): void;
  update(row: WritingRow, parts: readonly TextPart[]): void;
  drop(conversation: number, sequence: number): void;
  /** Drops texts of messages that are no longer stored. */
  dropUpTo(conversation: number, sequence: number): void;
  textOf(conversation: number, sequence: number): string;
  /** The stored text of a part; empty: none. */
  part(conversation: number, sequence: number, index: number): string;
  /** All of a conversation, by sequence. */
  allOf(conversation: number): WritingRow[];
  /** Some messages, of any conversation, whose last append is not after this moment. */
  silentSince(moment: number): WritingRow[];
}

export function createWrittenTexts(database: Database): WrittenTexts {
  const select = database.prepare('SELECT * FROM writings WHERE conversation = ? AND sequence = ?');
  const insert = database.prepare('INSERT INTO writings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const update = database.prepare(
    `UPDATE writings SET length = ?, appended_at = ?, free_at = ?, is_held = ?, is_stopped = ? WHERE conversation = ? AND sequence = ?`,
  );
  const addPart = database.prepare(
    `INSERT INTO written_parts VALUES (?, ?, ?, ?)
     ON CONFLICT (conversation, sequence, part) DO UPDATE SET text = text || excluded.text`,
  );
  const selectPart = database.prepare(
    'SELECT text FROM written_parts WHERE conversation = ? AND sequence = ? AND part = ?',
  );
  const selectParts = database.prepare(
    'SELECT text FROM written_parts WHERE conversation = ? AND sequence = ? ORDER BY part',
  );
  const drop = database.prepare('DELETE FROM writings WHERE conversation = ? AND sequence = ?');
  const dropParts = database.prepare('DELETE FROM written_parts WHERE conversation = ? AND sequence = ?');
  const dropEarlier = database.prepare('DELETE FROM writings WHERE conversation = ? AND sequence <= ?');
  const dropEarlierParts = database.prepare('DELETE FROM written_parts WHERE conversation = ? AND sequence <= ?');
  const selectAll = database.prepare('SELECT * FROM writings WHERE conversation = ? ORDER BY sequence');
  const selectSilent = database.prepare('SELECT * FROM writings WHERE appended_at <= ? LIMIT 100');

  function add({ conversation, sequence }: WritingRow, parts: readonly TextPart[]): void {
    for (const { index, text } of parts) addPart.run(conversation, sequence, index, text);
  }

  return {
    find: (conversation, sequence) => select.get(conversation, sequence) as unknown as WritingRow | undefined,
    insert(row, parts) {
      const { conversation, sequence, sender_id, length, appended_at, free_at, is_held, is_stopped, target } = row;
      insert.run(conversation, sequence, sender_id, length, appended_at, free_at, is_held, is_stopped, target);
      add(row, parts);
    },
    update(row, parts) {
      const { length, appended_at, free_at, is_held, is_stopped, conversation, sequence } = row;
      update.run(length, appended_at, free_at, is_held, is_stopped, conversation, sequence);
      add(row, parts);
    },
    drop(conversation, sequence) {
      drop.run(conversation, sequence);
      dropParts.run(conversation, sequence);
    },
    dropUpTo(conversation, sequence) {
      dropEarlier.run(conversation, sequence);
      dropEarlierParts.run(conversation, sequence);
    },
    textOf: (conversation, sequence) =>
      (selectParts.all(conversation, sequence) as unknown as { text: string }[]).map(({ text }) => text).join(''),
    part: (conversation, sequence, index) =>
      (selectPart.get(conversation, sequence, index) as { text: string } | undefined)?.text ?? '',
    allOf: (conversation) => selectAll.all(conversation) as unknown as WritingRow[],
    silentSince: (moment) => selectSilent.all(moment) as unknown as WritingRow[],
  };
}
