/** Aborts messages of silent writers, with the next read or change. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Announce, Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { upToWeight } from './reading.ts';
import type { WritingRow } from './written-texts.ts';

/** The first rows that may be handled in one turn; at least one. */
export const firstOf = (rows: readonly WritingRow[]): readonly WritingRow[] =>
  upToWeight(rows, (row) => ({ result: row, characters: row.length + LIMITS.payloadBytes })).taken;

export interface SilentWriters {
  /** Runs a change after the messages of silent writers were aborted. */
  readonly write: Database['write'];
  /** Runs a read after the messages of silent writers were aborted. */
  readonly read: Database['read'];
}

export function createSilentWriters(database: Database, clock: Clock, log: MessageLog): SilentWriters {
  const { texts } = log;

  function abort({ conversation: key, sequence, is_held }: WritingRow, announce: Announce): void {
    const conversation = log.conversationOf(key);
    const message = conversation && log.messageAt(conversation, sequence);
    if (!message) return texts.drop(key, sequence);
    // Held text did not pass the rules, so it is dropped.
    const rest = is_held === 1 ? { content: '', payload: null } : { content: texts.textOf(key, sequence) };
    log.rewrite({ conversation, message }, 'FINISHED', { ...rest, state: 'ABORTED' }, announce);
  }

  /** Some of them; the next call finds the rest. */
  const someSilent = (): readonly WritingRow[] => firstOf(texts.silentSince(clock.now() - TIMES.writingMs));

  return {
    write: (work) =>
      database.write((announce) => {
        for (const row of someSilent()) abort(row, announce);
        return work(announce);
      }),

    read: (work) =>
      database.read(() => {
        const silent = someSilent();
        if (silent.length === 0) return work();
        const aborted = database.write((announce) => {
          for (const row of silent) abort(row, announce);
        });
        return aborted.then(() => database.read(work));
      }),
  };
}
