/** The steps of every change of a message in SQLite: its sequence, its place in the log, its announcement, retention. */
import type { Clock } from '../../clock.ts';
import type { ConversationId, MessageChange, MessageRecord, Retention, TenantId, UserId } from '../../model.ts';
import type { Append, Earlier, NewMessage, SentKey } from '../port.ts';
import { conversationKey, messageId, messageNonce } from '../shared/message-id.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Announce, Database } from './database.ts';
import type { Answer } from './group-commit.ts';
import { createListRows } from './lists.ts';
import { createLogEntries, type LogEntries } from './log-entries.ts';
import { createMessageRetention, type MessageRetention } from './message-retention.ts';
import { asJson, createMessageRows, type Found, type MessageRow, type MessageRows } from './message-rows.ts';
import { createSentKeys, type SentKeys } from './sent-keys.ts';
import { createWrittenTexts, type WrittenTexts } from './written-texts.ts';

/** Methods that write must be called inside a transaction. */
export interface MessageLog extends MessageRows {
  readonly sentKeys: SentKeys;
  readonly retention: MessageRetention;
  /** Reads a conversation without its expired messages. If there are any, it drops them first, in a transaction. */
  readCurrent<Result>(
    tenant: TenantId,
    id: ConversationId,
    work: (row: ConversationRow | undefined) => Result,
  ): Answer<Result>;
  /** The outcome of a message that was sent under a key; null: the key is unknown. */
  earlierOf(tenant: TenantId, sent: SentKey, now: number): Earlier | null;
  /** Appends a message. With `begin` it is a streamed one: `begin` stores its text, once its sequence is known. */
  append(
    tenant: TenantId,
    message: NewMessage,
    announce: Announce,
    begin?: (row: ConversationRow, sequence: number) => void,
  ): Append;
  /** Writes a changed message at the next place of the log, and announces it. */
  rewrite(found: Found, change: MessageChange, next: Partial<MessageRow>, announce: Announce): MessageRecord;
}

export interface MessageLogOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly forgetTyping: (tenant: TenantId, id: ConversationId, userId: UserId) => void;
}

function createEarlier(
  { findConversation, messageAt, toMessage }: MessageRows,
  sentKeys: SentKeys,
): MessageLog['earlierOf'] {
  return (tenant, sent, now) => {
    const kept = sentKeys.find(tenant, sent, now);
    if (kept === null || kept === 'conflict') return kept && { outcome: kept };
    if ('fate' in kept) return { outcome: 'diverted', ...kept };
    const row = findConversation(tenant, sent.conversationId);
    const message = row && messageAt(row, kept.sequence);
    if (!message) return { outcome: 'no-longer-kept' };
    return { outcome: 'duplicate', message: toMessage(row, message) };
  };
}

interface RewriteParts extends LogEntries, Pick<MessageRetention, 'trim'> {
  readonly texts: WrittenTexts;
}

function createRewrite(
  database: Database,
  { texts, advance, announceChange, trim }: RewriteParts,
): MessageLog['rewrite'] {
  const updateMessage = database.prepare(
    `UPDATE messages SET content = ?, payload = ?, reactions = ?, edited_at = ?, deleted_at = ?, deleted_by = ?,
       epoch = ?, place = ?, state = ? WHERE conversation = ? AND sequence = ?`,
  );
  return ({ conversation, message }, change, next, announce) => {
    const { place, epoch } = advance(conversation);
    const row = { ...message, ...next };
    const { content, payload, reactions, edited_at, deleted_at, deleted_by, state, sequence } = row;
    const marks = [edited_at, deleted_at, deleted_by] as const;
    updateMessage.run(content, payload, reactions, ...marks, epoch, place, state, conversation.key, sequence);
    if (message.state === 'STREAMING' && state !== 'STREAMING') texts.drop(conversation.key, sequence);
    const changed = announceChange(conversation, sequence, change, announce);
    trim(conversation, conversation.last_sequence, place);
    return changed;
  };
}

function createReadCurrent(
  database: Database,
  { findConversation }: MessageRows,
  { hasOld, withoutOld }: MessageRetention,
): MessageLog['readCurrent'] {
  return (tenant, id, work) => {
    const row = findConversation(tenant, id);
    if (!row || !hasOld(row)) return work(row);
    return database.write(() => work(withoutOld(findConversation(tenant, id))));
  };
}

export function createMessageLog(
  database: Database,
  { clock, retention, forgetTyping }: MessageLogOptions,
): MessageLog {
  const insertMessage = database.prepare(
    `INSERT INTO messages (conversation, sequence, id, sender_id, content, payload, timestamp, client_message_id,
       reply_to_id, epoch, place, state, via) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const countMessage = database.prepare(
    'UPDATE conversations SET last_sequence = ?, last_activity_at = ? WHERE key = ?',
  );
  const moveRead = database.prepare(
    'UPDATE members SET read_sequence = ?, read_at = ? WHERE conversation = ? AND user_id = ?',
  );
  const sentKeys = createSentKeys(database);
  const lists = createListRows(database);
  const texts = createWrittenTexts(database);
  const messageRetention = createMessageRetention(database, clock, retention, texts);
  const { isOld, trim, withoutOld } = messageRetention;
  const rows = createMessageRows(database, { isOld, texts });
  const { findConversation, findMessage, isMember } = rows;
  const { advance, announceChange } = createLogEntries(database, clock, rows);

  const earlierOf = createEarlier(rows, sentKeys);

  return {
    ...rows,
    sentKeys,
    retention: messageRetention,
    earlierOf,

    readCurrent: createReadCurrent(database, rows, messageRetention),

    append(tenant, message, announce, begin) {
      const { conversationId, senderId, clientMessageId, key } = message;
      const now = clock.now();
      const row = withoutOld(findConversation(tenant, conversationId));
      if (!row || !isMember(row, senderId)) return { outcome: 'not-member' };
      const sent = key && { conversationId, senderId, key };
      const earlier = sent && earlierOf(tenant, sent, now);
      if (earlier) return earlier;
      const { content, replyToId } = message;
      if (replyToId !== null && findMessage(tenant, replyToId)?.conversation.key !== row.key) {
        return { outcome: 'no-reply-target' };
      }
      const sequence = row.last_sequence + 1;
      const { epoch, place } = advance(row);
      const id = messageId(conversationKey(conversationId), sequence, messageNonce());
      const text = begin ? '' : content;
      const payload = asJson(message.payload);
      const state = begin ? 'STREAMING' : null;
      const ids = [clientMessageId, replyToId] as const;
      const via = message.via ?? null;
      insertMessage.run(row.key, sequence, id, senderId, text, payload, now, ...ids, epoch, place, state, via);
      countMessage.run(sequence, now, row.key);
      moveRead.run(sequence, now, row.key, senderId);
      lists.sent(row, senderId, sequence, now);
      forgetTyping(tenant, conversationId, senderId);
      if (sent) sentKeys.keep(tenant, sent, { sequence }, now);
      begin?.(row, sequence);
      const appended = announceChange(row, sequence, 'SENT', announce);
      trim(row, sequence, place);
      return { outcome: 'appended', message: appended };
    },

    rewrite: createRewrite(database, { texts, advance, announceChange, trim }),
  };
}
