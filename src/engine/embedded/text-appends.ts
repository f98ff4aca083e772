/** Appends by the writer of a streamed message, in SQLite. */
import type { Clock } from '../../clock.ts';
import { lengthOf, unitsPast } from '../../code-points.ts';
import { LIMITS } from '../../limits.ts';
import {
  type ConversationId,
  type MessageId,
  type MessageRecord,
  type TenantId,
  type TextExtension,
  WITHHELD,
} from '../../model.ts';
import type { NewText, TextAppend, Writer } from '../port.ts';
import { paceAfter, partsOf, writerKey } from '../shared/written-text.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { asJson, type Found } from './message-rows.ts';
import type { WritingRow } from './written-texts.ts';

/** A message that is being written, for its writer. */
interface Written extends Found {
  readonly writing: WritingRow;
}

type NotTheirs =
  | { readonly outcome: 'not-found' | 'not-sender' | 'not-member' }
  | { readonly outcome: 'ended'; readonly message: MessageRecord };

export interface TextAppends {
  findFor(tenant: TenantId, id: MessageId, writer: Writer): Written | NotTheirs;
  /** Adds text at the end, and announces it. */
  add(written: Written, next: NewText, announce: Announce): TextAppend;
}

function extended({ tenant, id }: ConversationRow, extension: TextExtension, announce: Announce): void {
  const about = { kind: 'conversation', tenant: tenant as TenantId, id: id as ConversationId } as const;
  announce(about, { type: 'extension', extension });
}

export function createTextAppends(database: Database, clock: Clock, log: MessageLog): TextAppends {
  const { texts } = log;
  const setPayload = database.prepare('UPDATE messages SET payload = ? WHERE conversation = ? AND sequence = ?');

  /** Whether the stored text contains a text at an offset. */
  function isThere({ conversation, sequence, length }: WritingRow, { offset, text }: NewText): boolean {
    if (offset + lengthOf(text) > length) return false;
    return partsOf(offset, text).every(({ index, text: part }, nth) => {
      const stored = texts.part(conversation, sequence, index);
      const from = nth === 0 ? unitsPast(stored, 0, offset % LIMITS.writtenPartCharacters) : 0;
      return stored.startsWith(part, from);
    });
  }

  return {
    findFor(tenant, id, writer) {
      const found = log.findMessage(tenant, id);
      if (!found) return { outcome: 'not-found' };
      const writing = texts.find(found.conversation.key, found.message.sequence);
      if (!writing) return { outcome: 'ended', message: log.toMessage(found.conversation, found.message) };
      if (writing.sender_id !== writerKey(writer)) return { outcome: 'not-sender' };
      if (!log.isMember(found.conversation, writer.senderId)) return { outcome: 'not-member' };
      return { ...found, writing };
    },

    add(written, next, announce) {
      const { conversation, message, writing } = written;
      const { offset, text, payload } = next;
      const isStopRequested = writing.is_stopped === 1;
      if (offset !== writing.length) {
        const isRepeated = isThere(writing, next);
        return isRepeated
          ? { outcome: 'repeated', length: writing.length, isStopRequested }
          : { outcome: 'misplaced', length: writing.length };
      }
      const now = clock.now();
      const freeAt = next.paceMs === 0 ? writing.free_at : paceAfter(writing.free_at, now, next.paceMs);
      if (freeAt === null) return { outcome: 'too-often', retryAfterMs: next.paceMs };
      const length = offset + lengthOf(text);
      if (length > LIMITS.writtenCharacters) return { outcome: 'too-long', length: writing.length };
      const wasHeld = writing.is_held === 1;
      const is_held = wasHeld || next.isHeld === true ? 1 : 0;
      texts.update({ ...writing, length, appended_at: now, free_at: freeAt, is_held }, partsOf(offset, text));
      if (payload !== undefined) setPayload.run(asJson(payload), conversation.key, message.sequence);
      const isNews = text !== '' || payload !== undefined;
      const messageId = message.id as MessageId;
      const more = { offset, text, length, ...(payload === undefined ? {} : { payload }) };
      if (is_held === 0 && isNews) extended(conversation, { messageId, ...more }, announce);
      if (is_held === 1 && !wasHeld) extended(conversation, { messageId, ...WITHHELD }, announce);
      return { outcome: 'appended', length, isStopRequested };
    },
  };
}
