/** Messages and the log of their changes in SQLite. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type {
  ConversationId,
  MessageChange,
  MessageId,
  MessageRecord,
  Position,
  ReactionRecord,
  TenantId,
  UserId,
} from '../../model.ts';
import { judgePosition, type Lineage, newEpoch } from '../lineage.ts';
import { conversationKey, messageId, messageNonce, parseMessageId } from '../message-id.ts';
import type { Earlier, LogEntry, MessageEdit, MessageStore, SentKey } from '../port.ts';
import type { ConversationRow } from './conversations.ts';
import type { Announce, Database } from './database.ts';
import { createSentKeys } from './sent-keys.ts';

interface MessageRow {
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
}

interface Found {
  readonly conversation: ConversationRow;
  readonly message: MessageRow;
}

function toMessage(conversationId: ConversationId, row: MessageRow, position: Position): MessageRecord {
  return {
    id: row.id as MessageId,
    conversationId,
    sequence: row.sequence,
    senderId: row.sender_id as UserId,
    content: row.content,
    payload: row.payload === null ? null : JSON.parse(row.payload),
    timestamp: row.timestamp,
    clientMessageId: row.client_message_id,
    replyToId: row.reply_to_id as MessageId | null,
    reactions: JSON.parse(row.reactions) as ReactionRecord[],
    editedAt: row.edited_at,
    deletedAt: row.deleted_at,
    position,
  };
}

const positionOf = (row: { epoch: string; place: number }): Position => ({ epoch: row.epoch, place: row.place });
const asJson = (payload: unknown): string | null =>
  payload === null || payload === undefined ? null : JSON.stringify(payload);

export function createMessages(
  database: Database,
  clock: Clock,
  retention: number | null,
  forgetTyping: (tenant: TenantId, id: ConversationId, userId: UserId) => void,
): MessageStore {
  const selectConversation = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const selectByHash = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND hash = ?');
  const isMember = database.prepare('SELECT 1 FROM members WHERE conversation = ? AND user_id = ?');
  const selectMessage = database.prepare('SELECT * FROM messages WHERE conversation = ? AND sequence = ?');
  const selectRange = database.prepare(
    'SELECT * FROM messages WHERE conversation = ? AND sequence BETWEEN ? AND ? ORDER BY sequence',
  );
  const selectFirst = database.prepare('SELECT min(sequence) AS first FROM messages WHERE conversation = ?');
  const insertMessage = database.prepare(
    `INSERT INTO messages (conversation, sequence, id, sender_id, content, payload, timestamp, client_message_id,
       reply_to_id, epoch, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const updateMessage = database.prepare(
    `UPDATE messages SET content = ?, payload = ?, reactions = ?, edited_at = ?, deleted_at = ?, epoch = ?, place = ?
     WHERE conversation = ? AND sequence = ?`,
  );
  const insertEntry = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)');
  const selectEntries = database.prepare(
    'SELECT * FROM log WHERE conversation = ? AND place > ? ORDER BY place LIMIT ?',
  );
  const moveHead = database.prepare(
    'UPDATE conversations SET place = ?, epoch = ?, fence = ?, lineage = ? WHERE key = ?',
  );
  const countMessage = database.prepare(
    'UPDATE conversations SET last_sequence = ?, last_activity_at = ? WHERE key = ?',
  );
  const moveRead = database.prepare(
    'UPDATE members SET read_sequence = ?, read_at = ? WHERE conversation = ? AND user_id = ?',
  );
  const selectSentPlace = database.prepare(
    "SELECT max(place) AS place FROM log WHERE conversation = ? AND sequence = ? AND change = 'SENT'",
  );
  const dropMessages = database.prepare('DELETE FROM messages WHERE conversation = ? AND sequence <= ?');
  const dropEntries = database.prepare('DELETE FROM log WHERE conversation = ? AND place <= ?');
  const raiseFloor = database.prepare('UPDATE conversations SET floor = ? WHERE key = ?');

  const sentKeys = createSentKeys(database);
  const findConversation = (tenant: TenantId, id: ConversationId): ConversationRow | undefined =>
    selectConversation.get(tenant, id) as unknown as ConversationRow | undefined;
  const messageAt = (row: ConversationRow, sequence: number): MessageRow | undefined =>
    selectMessage.get(row.key, sequence) as unknown as MessageRow | undefined;

  function findMessage(tenant: TenantId, id: MessageId): Found | null {
    const parts = parseMessageId(id);
    if (!parts) return null;
    const conversation = selectByHash.get(tenant, parts.conversationKey) as unknown as ConversationRow | undefined;
    const message = conversation && messageAt(conversation, parts.sequence);
    return conversation && message?.id === id ? { conversation, message } : null;
  }

  /** What became of a message that was sent under a key; null: nothing is known of one. */
  function earlierOf(tenant: TenantId, sent: SentKey, now: number): Earlier | null {
    const kept = sentKeys.find(tenant, sent, now);
    if (kept === null || kept === 'conflict') return kept && { outcome: kept };
    if ('fate' in kept) return { outcome: 'diverted', ...kept };
    const row = findConversation(tenant, sent.conversationId);
    const message = row && messageAt(row, kept.sequence);
    if (!message) return { outcome: 'no-longer-kept' };
    return { outcome: 'duplicate', message: toMessage(sent.conversationId, message, positionOf(message)) };
  }

  /** The next place of the log, in a new epoch when this file was opened anew. */
  function advance(row: ConversationRow): Position {
    const place = row.place + 1;
    const lineage = JSON.parse(row.lineage) as [string, number][];
    const isSameLife = row.fence === database.fence;
    const epoch = isSameLife ? row.epoch : newEpoch();
    const lives = isSameLife
      ? row.lineage
      : JSON.stringify([...lineage, [epoch, place]].slice(-LIMITS.rememberedEpochs));
    moveHead.run(place, epoch, database.fence, lives, row.key);
    return { epoch, place };
  }

  function announceChange(
    tenant: TenantId,
    conversation: ConversationRow,
    sequence: number,
    change: MessageChange,
    announce: Announce,
  ): MessageRecord {
    const row = messageAt(conversation, sequence);
    if (!row) throw new Error('A message just written cannot be read.');
    const id = conversation.id as ConversationId;
    insertEntry.run(conversation.key, row.place, row.epoch, change, sequence);
    const message = toMessage(id, row, positionOf(row));
    announce({ kind: 'conversation', tenant, id }, { type: 'message', change, message });
    return message;
  }

  /** Drops what retention no longer keeps: messages, and the log up to where they were sent. */
  function trim(row: ConversationRow, sequence: number, place: number): void {
    if (retention === null) return;
    const last = sequence - retention;
    const sent = last > 0 ? (selectSentPlace.get(row.key, last) as { place: number | null }).place : null;
    const floor = Math.max(row.floor, sent ?? 0, place - 4 * retention);
    if (floor <= row.floor) return;
    dropMessages.run(row.key, last);
    dropEntries.run(row.key, floor);
    raiseFloor.run(floor, row.key);
  }

  /** Rewrites a message at the next place; `rewrite` answers what becomes of it, or why nothing does. */
  function changeMessage(
    tenant: TenantId,
    id: MessageId,
    change: MessageChange,
    rewrite: (row: MessageRow) => Partial<MessageRow> | 'unchanged' | 'deleted' | 'full',
  ): MessageEdit {
    return database.write((announce) => {
      const found = findMessage(tenant, id);
      if (!found) return { outcome: 'not-found' };
      const { conversation, message } = found;
      const next = rewrite(message);
      if (next === 'unchanged') {
        const conversationId = conversation.id as ConversationId;
        return { outcome: 'unchanged', message: toMessage(conversationId, message, positionOf(message)) };
      }
      if (typeof next === 'string') return { outcome: next };
      const { place, epoch } = advance(conversation);
      const row = { ...message, ...next };
      const { content, payload, reactions, edited_at, deleted_at, sequence } = row;
      updateMessage.run(content, payload, reactions, edited_at, deleted_at, epoch, place, conversation.key, sequence);
      const changed = announceChange(tenant, conversation, sequence, change, announce);
      trim(conversation, conversation.last_sequence, place);
      return { outcome: 'changed', message: changed };
    });
  }

  return {
    async appendMessage(tenant, message) {
      return database.write((announce) => {
        const { conversationId, senderId, clientMessageId, key } = message;
        const now = clock.now();
        const row = findConversation(tenant, conversationId);
        if (!row || !isMember.get(row.key, senderId)) return { outcome: 'not-member' };
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
        const payload = asJson(message.payload);
        insertMessage.run(
          row.key,
          sequence,
          id,
          senderId,
          content,
          payload,
          now,
          clientMessageId,
          replyToId,
          epoch,
          place,
        );
        countMessage.run(sequence, now, row.key);
        moveRead.run(sequence, now, row.key, senderId);
        forgetTyping(tenant, conversationId, senderId);
        if (sent) sentKeys.keep(tenant, sent, { sequence }, now);
        const appended = announceChange(tenant, row, sequence, 'SENT', announce);
        trim(row, sequence, place);
        return { outcome: 'appended', message: appended };
      });
    },

    async findSent(tenant, sent) {
      return database.read(() => earlierOf(tenant, sent, clock.now()));
    },

    async noteDiverted(tenant, sent, diversion) {
      database.write(() => {
        const now = clock.now();
        if (!earlierOf(tenant, sent, now)) sentKeys.keep(tenant, sent, diversion, now);
      });
    },

    async editMessage(tenant, id, content, payload) {
      return changeMessage(tenant, id, 'EDITED', (row) =>
        row.deleted_at === null ? { content, payload: asJson(payload), edited_at: clock.now() } : 'deleted',
      );
    },

    async deleteMessage(tenant, id) {
      return changeMessage(tenant, id, 'DELETED', (row) =>
        row.deleted_at === null
          ? { content: '', payload: null, reactions: '[]', deleted_at: clock.now() }
          : 'unchanged',
      );
    },

    async addReaction(tenant, id, userId, emoji) {
      return changeMessage(tenant, id, 'REACTED', (row) => {
        if (row.deleted_at !== null) return 'deleted';
        const reactions = JSON.parse(row.reactions) as ReactionRecord[];
        const same = reactions.find((each) => each.emoji === emoji);
        if (same?.userIds.includes(userId)) return 'unchanged';
        const total = reactions.reduce((sum, { userIds }) => sum + userIds.length, 0);
        const own = reactions.filter(({ userIds }) => userIds.includes(userId)).length;
        if (own >= LIMITS.emojisPerUserAndMessage || total >= LIMITS.reactionsPerMessage) return 'full';
        if (!same && reactions.length >= LIMITS.emojisPerMessage) return 'full';
        const next = same
          ? reactions.map((each) => (each === same ? { emoji, userIds: [...each.userIds, userId] } : each))
          : [...reactions, { emoji, userIds: [userId] }];
        return { reactions: JSON.stringify(next) };
      });
    },

    async removeReaction(tenant, id, userId, emoji) {
      return changeMessage(tenant, id, 'REACTED', (row) => {
        const reactions = JSON.parse(row.reactions) as ReactionRecord[];
        const same = reactions.find((each) => each.emoji === emoji);
        if (!same?.userIds.includes(userId)) return 'unchanged';
        const next = reactions
          .map((each) => (each === same ? { emoji, userIds: each.userIds.filter((one) => one !== userId) } : each))
          .filter(({ userIds }) => userIds.length > 0);
        return { reactions: JSON.stringify(next) };
      });
    },

    async readMessages(tenant, ids) {
      return database.read(() =>
        ids.map((id) => {
          const found = findMessage(tenant, id);
          return found
            ? toMessage(found.conversation.id as ConversationId, found.message, positionOf(found.message))
            : null;
        }),
      );
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      return database.read(() => {
        const row = findConversation(tenant, id);
        if (!row) return { messages: [], firstSequence: 1, lastSequence: 0 };
        const lastSequence = row.last_sequence;
        const { first } = selectFirst.get(row.key) as { first: number | null };
        const firstSequence = first ?? lastSequence + 1;
        const lowest = Math.max(after + 1, firstSequence);
        const highest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, lastSequence);
        const [start, end] =
          from === 'first'
            ? [lowest, Math.min(highest, lowest + limit - 1)]
            : [Math.max(lowest, highest - limit + 1), highest];
        const rows = selectRange.all(row.key, start, end) as unknown as MessageRow[];
        return { messages: rows.map((each) => toMessage(id, each, positionOf(each))), firstSequence, lastSequence };
      });
    },

    async readLog(tenant, id, after, limit) {
      return database.read(() => {
        const row = findConversation(tenant, id);
        if (!row) return { outcome: 'not-found' };
        const lineage = JSON.parse(row.lineage) as Lineage;
        const reason = judgePosition(after, { lineage, head: row.place, floor: row.floor });
        if (reason) return { outcome: 'expired', reason };
        const rows = selectEntries.all(row.key, after.place, limit) as unknown as {
          place: number;
          epoch: string;
          change: string;
          sequence: number;
        }[];
        const entries = rows.map((entry): LogEntry => {
          const message = messageAt(row, entry.sequence);
          return {
            ...positionOf(entry),
            change: entry.change as MessageChange,
            message: message ? toMessage(id, message, positionOf(entry)) : null,
            isLast: message?.place === entry.place,
          };
        });
        return { outcome: 'read', entries, head: positionOf(row) };
      });
    },
  };
}
