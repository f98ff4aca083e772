/** Converts records to and from the format of the scripts. */
import type {
  ConversationRecord,
  MemberRecord,
  MessageRecord,
  Position,
  PresenceRecord,
  ReadReceiptRecord,
  TextExtension,
  UserId,
} from '../../model.ts';
import type { Announcement, NewConversation, NewMessage } from '../port.ts';
import { READ, type Unread } from '../shared/closed.ts';
import type { Happening } from '../shared/consumer.ts';
import { messageId } from '../shared/message-id.ts';
import {
  happeningIn,
  readAnnouncement,
  readConversation,
  readMessage,
  readPresence,
  type StoredPresence,
  type UnreadAnnouncement,
} from '../shared/stored-records.ts';

/** JSON of an object without its braces, which a script completes. */
export const fragment = (object: Record<string, unknown>): string => JSON.stringify(object).slice(1, -1);

/** A string as JSON without quotes. Such texts can be concatenated, and cut between code points. */
export const asJsonText = (text: string): string => JSON.stringify(text).slice(1, -1);

export function encodeHead({ id, kind, createdBy }: NewConversation): string {
  return fragment({ id, kind, createdBy });
}

/**
 * The parts of a new message, as `linesOf` in `lua/messages.lua` takes them: sender, client's id, what it replies to and
 * the back end that sends it, content, payload. The text of a streamed message is stored elsewhere.
 */
export function encodeMessage(message: NewMessage, isStreamed: boolean): string[] {
  const { senderId, clientMessageId, replyToId, via, content, payload } = message;
  const isPlain = replyToId === null && via === undefined;
  const more = isPlain ? '' : fragment({ replyToId, via }).slice('"replyToId":'.length);
  const json = payload === null ? '' : JSON.stringify(payload);
  const parts = [asJsonText(senderId), asJsonText(clientMessageId ?? ''), more];
  return [...parts, ...(isStreamed ? ['', `${json || 'null'},"state":"STREAMING"`] : [asJsonText(content), json])];
}

export function encodeContent(content: string, payload: unknown): string {
  return fragment({ content, payload: payload ?? null });
}

/** The announcement of text that was added. A payload that is undefined is left out. */
export const encodeExtension = (extension: TextExtension): string => JSON.stringify({ type: 'extension', extension });

/** Parts of a new message's id; the script assigns the sequence. */
export interface SentId {
  readonly key: string;
  readonly nonce: string;
}

/** A new message, from what was sent and the answer of `append-message`. */
export function sentMessage(message: NewMessage, { key, nonce }: SentId, answer: readonly unknown[]): MessageRecord {
  const [, , sequence, timestamp, place, epoch] = answer;
  const { conversationId, senderId, content, payload, clientMessageId, replyToId, via } = message;
  return {
    id: messageId(key, Number(sequence), nonce.slice(0, 8)),
    conversationId,
    sequence: Number(sequence),
    senderId,
    content,
    // As it is read later: without what JSON leaves out.
    payload: payload === null ? null : JSON.parse(JSON.stringify(payload)),
    timestamp: Number(timestamp),
    clientMessageId,
    replyToId,
    reactions: [],
    editedAt: null,
    deletedAt: null,
    ...(via === undefined ? {} : { via }),
    position: { epoch: String(epoch), place: Number(place) },
  };
}

/** A message from its five lines; see `lua/messages.lua`. */
export function decodeMessage(value: unknown): MessageRecord {
  const [head, content, reactions, position] = String(value).split('\n');
  const json = `{${head},${content},"reactions":${reactions},"position":${position}}`;
  return readMessage(JSON.parse(json) as Unread<MessageRecord>);
}

export function decodeConversation(value: unknown): ConversationRecord {
  return readConversation(JSON.parse(String(value)) as Unread<ConversationRecord>);
}

export interface StoredMember extends MemberRecord {
  readonly readSequence: number;
  readonly readAt: number;
  readonly joinedPosition: Position;
}

/** A member from the line described in `lua/members.lua`. */
export function decodeMember(userId: string, value: unknown): StoredMember {
  const [role, joinedAt, ordinal, readSequence, readAt, place, epoch] = String(value).split(':');
  return {
    userId: userId as UserId,
    role: READ.memberRole(role),
    joinedAt: Number(joinedAt),
    ordinal: Number(ordinal),
    readSequence: Number(readSequence),
    readAt: Number(readAt),
    joinedPosition: { epoch: epoch ?? '', place: Number(place) },
  };
}

export function toReadReceipt({ ordinal, userId, readSequence, readAt }: StoredMember): ReadReceiptRecord {
  return { ordinal, userId, sequence: readSequence, readAt };
}

export function decodePresence(value: unknown): PresenceRecord {
  return readPresence(JSON.parse(String(value)) as Unread<StoredPresence>);
}

/** An announcement from its parsed JSON; `unknown`: of a kind of a newer release; null: published by no script. */
export function decodeAnnouncement(parsed: unknown): Announcement | 'unknown' | null {
  const announcement = parseAnnouncement(parsed);
  return announcement === null || announcement === 'unknown' ? announcement : readAnnouncement(announcement);
}

/** The event of an announcement from its parsed JSON; `unknown`: only a newer release knows whether there is one. */
export function decodeHappening(parsed: unknown): Happening | 'unknown' | null {
  const announcement = parseAnnouncement(parsed);
  return announcement === null || announcement === 'unknown' ? announcement : happeningIn(announcement);
}

/** An announcement before the values of closed lists in it were read. */
function parseAnnouncement(parsed: unknown): UnreadAnnouncement | 'unknown' | null {
  if (typeof parsed !== 'object' || parsed === null) return null;
  const announcement = parsed as UnreadAnnouncement;
  switch (announcement.type) {
    case 'message':
    case 'stop':
      return announcement.message?.position ? announcement : null;
    case 'extension':
      return announcement.extension?.messageId ? announcement : null;
    case 'conversation':
      return announcement.conversation?.position ? announcement : null;
    case 'typing':
      return announcement.typing ? announcement : null;
    case 'publication':
      return announcement.publication?.position ? announcement : null;
    case 'routing-rules':
    case 'topic-policies':
      return announcement;
    case 'session':
      return announcement.id ? announcement : null;
    case 'tokens-refused':
      return Number.isFinite(announcement.upTo) ? announcement : null;
    case 'membership':
      return announcement.conversationId ? announcement : null;
    case 'presence':
      return announcement.presence?.connections ? announcement : null;
    default:
      return typeof (parsed as { type?: unknown }).type === 'string' ? 'unknown' : null;
  }
}
