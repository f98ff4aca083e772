/** Converts records to and from the format of the scripts. */
import type {
  ConversationRecord,
  MemberRecord,
  MemberRole,
  MessageRecord,
  Position,
  PresenceRecord,
  ReadReceiptRecord,
  TextExtension,
  UserId,
} from '../../model.ts';
import type { Announcement, NewConversation, NewMessage } from '../port.ts';
import { composePresence, type StoredConnection, type StoredStatus } from '../shared/presence.ts';

/** JSON of an object without its braces, which a script completes. */
export const fragment = (object: Record<string, unknown>): string => JSON.stringify(object).slice(1, -1);

/** A string as JSON without quotes. Such texts can be concatenated, and cut between code points. */
export const asJsonText = (text: string): string => JSON.stringify(text).slice(1, -1);

export function encodeHead({ id, kind, createdBy }: NewConversation): string {
  return fragment({ id, kind, createdBy });
}

export function encodeMessage(message: NewMessage): { readonly head: string; readonly content: string } {
  const { conversationId, senderId, clientMessageId, replyToId, via } = message;
  return {
    head: fragment({ conversationId, senderId, clientMessageId, replyToId, via }),
    content: `"deletedAt":null,"editedAt":null,${encodeContent(message.content, message.payload)}`,
  };
}

export function encodeContent(content: string, payload: unknown): string {
  return fragment({ content, payload: payload ?? null });
}

/** The announcement of text that was added. A payload that is undefined is left out. */
export const encodeExtension = (extension: TextExtension): string => JSON.stringify({ type: 'extension', extension });

/** A message from its five lines; see `lua/prelude.lua`. */
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
    role: role as MemberRole,
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

/** An announcement from its parsed JSON; `unknown`: of a kind of a newer release; null: published by no script. */
export function decodeAnnouncement(parsed: unknown): Announcement | 'unknown' | null {
  if (typeof parsed !== 'object' || parsed === null) return null;
  const announcement = parsed as Announcement;
  switch (announcement.type) {
    case 'message':
      return announcement.message?.position ? announcement : null;
    case 'extension':
      return announcement.extension?.messageId ? announcement : null;
    case 'stop':
      return announcement.message?.position ? announcement : null;
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
    case 'presence': {
      const stored = announcement.presence as unknown as StoredPresence | undefined;
      return stored?.connections ? { type: 'presence', presence: toPresence(stored) } : null;
    }
    default:
      return typeof (parsed as { type?: unknown }).type === 'string' ? 'unknown' : null;
  }
}
