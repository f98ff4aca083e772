/** Converts records to and from the format of the scripts. */
import {
  type ConversationRecord,
  type MemberRecord,
  type MessageRecord,
  memberRoleOf,
  messageChangeOf,
  type Position,
  type PresenceRecord,
  type ReadReceiptRecord,
  type TextExtension,
  type UserId,
} from '../../model.ts';
import type { Announcement, NewConversation, NewMessage } from '../port.ts';
import { messageId } from '../shared/message-id.ts';
import { composePresence, type StoredConnection, type StoredStatus } from '../shared/presence.ts';
import { listEventOf } from '../shared/user-log.ts';

/** JSON of an object without its braces, which a script completes. */
export const fragment = (object: Record<string, unknown>): string => JSON.stringify(object).slice(1, -1);

/** A string as JSON without quotes. Such texts can be concatenated, and cut between code points. */
export const asJsonText = (text: string): string => JSON.stringify(text).slice(1, -1);

export function encodeHead({ id, kind, createdBy }: NewConversation): string {
  return fragment({ id, kind, createdBy });
}

/**
 * The parts of a new message, as `linesOf` in `lua/messages.lua` takes them: sender, client's id, what it replies to and
 * the service that sends it, content, payload. The text of a streamed message is stored elsewhere.
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
  return JSON.parse(`{${head},${content},"reactions":${reactions},"position":${position}}`) as MessageRecord;
}

export function decodeConversation(value: unknown): ConversationRecord {
  return JSON.parse(String(value)) as ConversationRecord;
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
    role: memberRoleOf(role),
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

type StoredPresence = StoredStatus & { readonly userId: UserId; readonly connections: StoredConnection[] };

function toPresence(stored: StoredPresence): PresenceRecord {
  return composePresence(stored.userId, stored.connections, stored);
}

export function decodePresence(value: unknown): PresenceRecord {
  return toPresence(JSON.parse(String(value)) as StoredPresence);
}

const toKnownChange = (announcement: Announcement & { readonly type: 'message' }): Announcement =>
  messageChangeOf(String(announcement.change)) ? announcement : { ...announcement, change: null };

/** The reason of a newer version is left out, and readers are told the one in the list's log, or a default. */
function toKnownReason(announcement: Announcement & { readonly type: 'conversation' }): Announcement {
  const { why, ...others } = announcement;
  return why === undefined || listEventOf(why) ? announcement : others;
}

/** An announcement from its parsed JSON; `unknown`: of a kind of a newer release; null: published by no script. */
export function decodeAnnouncement(parsed: unknown): Announcement | 'unknown' | null {
  if (typeof parsed !== 'object' || parsed === null) return null;
  const announcement = parsed as Announcement;
  switch (announcement.type) {
    case 'message':
      return announcement.message?.position ? toKnownChange(announcement) : null;
    case 'extension':
      return announcement.extension?.messageId ? announcement : null;
    case 'stop':
      return announcement.message?.position ? announcement : null;
    case 'conversation':
      return announcement.conversation?.position ? toKnownReason(announcement) : null;
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
    case 'presence': {
      const stored = announcement.presence as unknown as StoredPresence | undefined;
      return stored?.connections ? { type: 'presence', presence: toPresence(stored) } : null;
    }
    default:
      return typeof (parsed as { type?: unknown }).type === 'string' ? 'unknown' : null;
  }
}
