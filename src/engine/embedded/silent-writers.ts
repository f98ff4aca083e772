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
  write<Result>(work: (announce: Announce) => Result): Result;
  /** Runs a read after the messages of silent writers were aborted. */
  read<Result>(work: () => Result): Result;
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

  /** Aborts some of them; the next call finds the rest. */
  function abortSilent(): void {
    const silent = firstOf(texts.silentSince(clock.now() - TIMES.writingMs));
    if (silent.length === 0) return;
    database.write((announce) => {
      for (const row of silent) abort(row, announce);
    });
  }

  return {
    write(work) {
      database.read(abortSilent);
      return database.write(work);
    },

    read(work) {
      return database.read(() => {
        abortSilent();
        return work();
      });
    },
  };
}
