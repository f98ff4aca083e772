/** Rows of messages, and their conversion to what callers see. */
import type {
  ConversationId,
  MessageId,
  MessageRecord,
  Position,
  ReactionRecord,
  TenantId,
  UserId,
} from '../../model.ts';
import { READ } from '../shared/closed.ts';
import { parseMessageId } from '../shared/message-id.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Database } from './database.ts';
import type { MessageRetention } from './message-retention.ts';
import type { WrittenTexts } from './written-texts.ts';

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
  /** Null: COMPLETE. The content of a STREAMING message is in `written_parts`. */
  readonly state: string | null;
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

function stateOf({ state: stored }: MessageRow): Pick<MessageRecord, 'state'> {
  const state = stored === null ? 'COMPLETE' : READ.messageState(stored);
  return state === 'COMPLETE' ? {} : { state };
}

export interface MessageRows {
  readonly texts: WrittenTexts;
  findConversation(tenant: TenantId, id: ConversationId): ConversationRow | undefined;
  conversationOf(key: number): ConversationRow | undefined;
  isMember(conversation: ConversationRow, userId: UserId): boolean;
  messageAt(row: ConversationRow, sequence: number): MessageRow | undefined;
  findMessage(tenant: TenantId, id: MessageId): Found | null;
  /** A message as callers see it. */
  toMessage(conversation: ConversationRow, row: MessageRow, position?: Position): MessageRecord;
}

export interface MessageRowParts extends Pick<MessageRetention, 'isOld'> {
  readonly texts: WrittenTexts;
}

export function createMessageRows(database: Database, { isOld, texts }: MessageRowParts): MessageRows {
  const selectConversation = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const selectByHash = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND hash = ?');
  const selectByKey = database.prepare('SELECT * FROM conversations WHERE key = ?');
  const selectMember = database.prepare('SELECT 1 FROM members WHERE conversation = ? AND user_id = ?');
  const selectMessage = database.prepare('SELECT * FROM messages WHERE conversation = ? AND sequence = ?');
  const messageAt = (row: ConversationRow, sequence: number): MessageRow | undefined =>
    selectMessage.get(row.key, sequence) as unknown as MessageRow | undefined;

  /** A held message shows nothing, since rules may still change its payload, too. */
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
      ...stateOf(row),
      position,
    };
  }

  return {
    texts,
    findConversation: (tenant, id) => selectConversation.get(tenant, id) as unknown as ConversationRow | undefined,
    conversationOf: (key) => selectByKey.get(key) as unknown as ConversationRow | undefined,
    isMember: ({ key }, userId) => selectMember.get(key, userId) !== undefined,
    messageAt,
    toMessage,

    findMessage(tenant, id) {
      const parts = parseMessageId(id);
      if (!parts) return null;
      const conversation = selectByHash.get(tenant, parts.conversationKey) as unknown as ConversationRow | undefined;
      const message = conversation && messageAt(conversation, parts.sequence);
      return conversation && message?.id === id && !isOld(message) ? { conversation, message } : null;
    },
  };
}
