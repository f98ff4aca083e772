/** Writers who are silent: whichever reading or change comes next aborts their messages. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Announce, Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { upToWeight } from './reading.ts';
import type { WritingRow } from './written-texts.ts';

/** The first of these that are read or changed in one turn; at least one. */
export const firstOf = (rows: readonly WritingRow[]): readonly WritingRow[] =>
  upToWeight(rows, (row) => ({ result: row, characters: row.length + LIMITS.payloadBytes })).taken;

export interface SilentWriters {
  /** Looks first for writers who are silent, as every reading does. */
  write<Result>(work: (announce: Announce) => Result): Result;
  /** Runs a reading once the messages whose writers are silent are aborted. */
  read<Result>(work: () => Result): Result;
}

export function createSilentWriters(database: Database, clock: Clock, log: MessageLog): SilentWriters {
  const { texts } = log;

  function abort({ conversation: key, sequence, is_held }: WritingRow, announce: Announce): void {
    const conversation = log.conversationOf(key);
    const message = conversation && log.messageAt(conversation, sequence);
    if (!message) return texts.drop(key, sequence);
    // Held text was not routed, and is not shown without a finish.
    const rest = is_held === 1 ? { content: '', payload: null } : { content: texts.textOf(key, sequence) };
    log.rewrite({ conversation, message }, 'FINISHED', { ...rest, state: 'ABORTED' }, announce);
  }

  /** Some of them: the rest is found by the next. */
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
