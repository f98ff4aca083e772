/** The steps of every change of a message in SQLite: its place in the log, its announcement, retention. */
import type { Clock } from '../../clock.ts';
import type {
  ConversationId,
  MessageChange,
  MessageId,
  MessageRecord,
  Position,
  ReactionRecord,
  Retention,
  TenantId,
  UserId,
} from '../../model.ts';
import type { Append, Earlier, NewMessage, SentKey } from '../port.ts';
import { newEpoch, withEpoch } from '../shared/lineage.ts';
import { conversationKey, messageId, messageNonce, parseMessageId } from '../shared/message-id.ts';
import type { ConversationRow } from './conversations.ts';
import type { Announce, Database } from './database.ts';
import { createListRows } from './lists.ts';
import { createSentKeys, type SentKeys } from './sent-keys.ts';
import { createWrittenTexts, type WrittenTexts } from './written-texts.ts';

export interface MessageRow {
  readonly id: string;
  readonly sequence: number;
  readonly sender_id: string;
  readonly content: string;
  readonly payload: string | null;
  readonly timestamp: number;
  readonly client_message_id: string | null;
  readonly reply_to_id: string | null;
  readonly reactions: string;
  readonly edited_at: number | null;
  readonly deleted_at: number | null;
  readonly epoch: string;
  readonly place: number;
  /** Null: COMPLETE. Of one that is STREAMING the content is among the written texts. */
  readonly state: 'STREAMING' | 'ABORTED' | null;
  readonly via: string | null;
  readonly deleted_by: string | null;
}

export interface Found {
  readonly conversation: ConversationRow;
  readonly message: MessageRow;
}

export const positionOf = (row: { epoch: string; place: number }): Position => ({ epoch: row.epoch, place: row.place });
export const asJson = (payload: unknown): string | null =>
  payload === null || payload === undefined ? null : JSON.stringify(payload);
export const payloadOf = ({ payload }: MessageRow): unknown => (payload === null ? null : JSON.parse(payload));

/** To be called inside a transaction where something is written. */
export interface MessageLog {
  readonly texts: WrittenTexts;
  readonly sentKeys: SentKeys;
  findConversation(tenant: TenantId, id: ConversationId): ConversationRow | undefined;
  /** Outside a transaction: the conversation, without what is too old. */
  currentConversation(tenant: TenantId, id: ConversationId): ConversationRow | undefined;
  conversationOf(key: number): ConversationRow | undefined;
  isMember(conversation: ConversationRow, userId: UserId): boolean;
  messageAt(row: ConversationRow, sequence: number): MessageRow | undefined;
  findMessage(tenant: TenantId, id: MessageId): Found | null;
  /** A message as it is shown. */
  toMessage(conversation: ConversationRow, row: MessageRow, position?: Position): MessageRecord;
  /** The outcome of a message that was sent under a key; null: the key is unknown. */
  earlierOf(tenant: TenantId, sent: SentKey, now: number): Earlier | null;
  /** Appends a message; `begin` is called once its sequence is known, before it is announced. */
  append(
    tenant: TenantId,
    message: NewMessage,
    announce: Announce,
    begin?: (row: ConversationRow, sequence: number) => void,
  ): Append;
  /** Writes what became of a message at the next place of the log, and announces it. */
  rewrite(found: Found, change: MessageChange, next: Partial<MessageRow>, announce: Announce): MessageRecord;
}

export interface MessageLogOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly forgetTyping: (tenant: TenantId, id: ConversationId, userId: UserId) => void;
}

export function createMessageLog(
  database: Database,
  { clock, retention, forgetTyping }: MessageLogOptions,
): MessageLog {
  const selectConversation = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const selectByHash = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND hash = ?');
  const selectByKey = database.prepare('SELECT * FROM conversations WHERE key = ?');
  const selectMember = database.prepare('SELECT 1 FROM members WHERE conversation = ? AND user_id = ?');
  const selectMessage = database.prepare('SELECT * FROM messages WHERE conversation = ? AND sequence = ?');
  const insertMessage = database.prepare(
    `INSERT INTO messages (conversation, sequence, id, sender_id, content, payload, timestamp, client_message_id,
       reply_to_id, epoch, place, state, via) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const updateMessage = database.prepare(
    `UPDATE messages SET content = ?, payload = ?, reactions = ?, edited_at = ?, deleted_at = ?, deleted_by = ?,
       epoch = ?, place = ?, state = ? WHERE conversation = ? AND sequence = ?`,
  );
  const insertEntry = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)');
  const moveHead = database.prepare(
    'UPDATE conversations SET place = ?, epoch = ?, fence = ?, lineage = ?, logged_at = ? WHERE key = ?',
  );
  const countMessage = database.prepare(
    'UPDATE conversations SET last_sequence = ?, last_activity_at = ? WHERE key = ?',
  );
  const moveRead = database.prepare(
    'UPDATE members SET read_sequence = ?, read_at = ? WHERE conversation = ? AND user_id = ?',
  );
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

  const sentKeys = createSentKeys(database);
  const lists = createListRows(database);
  const texts = createWrittenTexts(database);

  const findConversation = (tenant: TenantId, id: ConversationId): ConversationRow | undefined =>
    selectConversation.get(tenant, id) as unknown as ConversationRow | undefined;
  const messageAt = (row: ConversationRow, sequence: number): MessageRow | undefined =>
    selectMessage.get(row.key, sequence) as unknown as MessageRow | undefined;

  /** When the youngest message was sent that is too old to be kept. */
  const oldestMs = (): number =>
    retention === null || typeof retention === 'number' ? Number.NEGATIVE_INFINITY : clock.now() - retention.ageMs;
  const isOld = ({ timestamp }: { readonly timestamp: number }): boolean => timestamp <= oldestMs();

  function findMessage(tenant: TenantId, id: MessageId): Found | null {
    const parts = parseMessageId(id);
    if (!parts) return null;
    const conversation = selectByHash.get(tenant, parts.conversationKey) as unknown as ConversationRow | undefined;
    const message = conversation && messageAt(conversation, parts.sequence);
    return conversation && message?.id === id && !isOld(message) ? { conversation, message } : null;
  }

  /** Of one that is held nothing: rules may still change its payload as well. */
  function shownBody({ key }: ConversationRow, row: MessageRow): Pick<MessageRecord, 'content' | 'payload'> {
    if (row.state !== 'STREAMING') return { content: row.content, payload: payloadOf(row) };
    if (texts.find(key, row.sequence)?.is_held) return { content: '', payload: null };
    return { content: texts.textOf(key, row.sequence), payload: payloadOf(row) };
  }

  function toMessage(conversation: ConversationRow, row: MessageRow, position = positionOf(row)): MessageRecord {
    return {
      id: row.id as MessageId,
      conversationId: conversation.id as ConversationId,
      sequence: row.sequence,
      senderId: row.sender_id as UserId,
      ...shownBody(conversation, row),
      timestamp: row.timestamp,
      clientMessageId: row.client_message_id,
      replyToId: row.reply_to_id as MessageId | null,
      reactions: JSON.parse(row.reactions) as ReactionRecord[],
      editedAt: row.edited_at,
      deletedAt: row.deleted_at,
      ...(row.via === null ? {} : { via: row.via as UserId }),
      ...(row.deleted_by === null ? {} : { deletedBy: row.deleted_by as UserId }),
      ...(row.state === null ? {} : { state: row.state }),
      position,
    };
  }

  function earlierOf(tenant: TenantId, sent: SentKey, now: number): Earlier | null {
    const kept = sentKeys.find(tenant, sent, now);
    if (kept === null || kept === 'conflict') return kept && { outcome: kept };
    if ('fate' in kept) return { outcome: 'diverted', ...kept };
    const row = findConversation(tenant, sent.conversationId);
    const message = row && messageAt(row, kept.sequence);
    if (!message) return { outcome: 'no-longer-kept' };
    return { outcome: 'duplicate', message: toMessage(row, message) };
  }

  /** The next place of the log, in a new epoch when this file was opened anew. */
  function advance(row: ConversationRow): Position {
    const place = row.place + 1;
    const isSameFence = row.fence === database.fence;
    const epoch = isSameFence ? row.epoch : newEpoch();
    const lineage = isSameFence ? row.lineage : withEpoch(row.lineage, epoch, place);
    moveHead.run(place, epoch, database.fence, lineage, clock.now(), row.key);
    return { epoch, place };
  }

  function announceChange(
    conversation: ConversationRow,
    sequence: number,
    change: MessageChange,
    announce: Announce,
  ): MessageRecord {
    const row = messageAt(conversation, sequence);
    if (!row) throw new Error('A message just written cannot be read.');
    const tenant = conversation.tenant as TenantId;
    const id = conversation.id as ConversationId;
    insertEntry.run(conversation.key, row.place, row.epoch, change, sequence, clock.now());
    const message = toMessage(conversation, row);
    announce({ kind: 'conversation', tenant, id }, { type: 'message', change, message });
    return message;
  }

  /** Drops what retention no longer keeps: messages, and the log up to where they were sent. */
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

  function firstMessage({ key }: ConversationRow): { readonly timestamp: number } | undefined {
    return selectFirst.get(key) as { timestamp: number } | undefined;
  }

  /** The last message that is too old; 0: none. */
  function lastOld(row: ConversationRow, sequence: number): number {
    const first = firstMessage(row);
    if (!first || !isOld(first)) return 0;
    const kept = selectFirstAfter.get(row.key, oldestMs()) as { sequence: number } | undefined;
    return (kept?.sequence ?? sequence + 1) - 1;
  }

  /** The conversation without what is too old; `write` is what runs a change. */
  function withoutOld(
    row: ConversationRow | undefined,
    write: (work: () => void) => void,
  ): ConversationRow | undefined {
    const first = row && oldestMs() > 0 ? firstMessage(row) : undefined;
    if (!row || !first || !isOld(first)) return row;
    write(() => trim(row, row.last_sequence, row.place));
    return selectByKey.get(row.key) as unknown as ConversationRow | undefined;
  }

  return {
    currentConversation: (tenant, id) => withoutOld(findConversation(tenant, id), database.write),
    texts,
    sentKeys,
    findConversation,
    conversationOf: (key) => selectByKey.get(key) as unknown as ConversationRow | undefined,
    isMember: ({ key }, userId) => selectMember.get(key, userId) !== undefined,
    messageAt,
    findMessage,
    toMessage,
    earlierOf,

    append(tenant, message, announce, begin) {
      const { conversationId, senderId, clientMessageId, key } = message;
      const now = clock.now();
      const row = withoutOld(findConversation(tenant, conversationId), (drop) => drop());
      if (!row || !selectMember.get(row.key, senderId)) return { outcome: 'not-member' };
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
      const names = [clientMessageId, replyToId] as const;
      const via = message.via ?? null;
      insertMessage.run(row.key, sequence, id, senderId, text, payload, now, ...names, epoch, place, state, via);
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

    rewrite({ conversation, message }, change, next, announce) {
      const { place, epoch } = advance(conversation);
      const row = { ...message, ...next };
      const { content, payload, reactions, edited_at, deleted_at, deleted_by, state, sequence } = row;
      const times = [edited_at, deleted_at, deleted_by] as const;
      updateMessage.run(content, payload, reactions, ...times, epoch, place, state, conversation.key, sequence);
      if (message.state === 'STREAMING' && state !== 'STREAMING') texts.drop(conversation.key, sequence);
      const changed = announceChange(conversation, sequence, change, announce);
      trim(conversation, conversation.last_sequence, place);
      return changed;
    },
  };
}
