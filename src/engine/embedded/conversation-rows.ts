/** Rows of conversations and their members, and their conversion to records. */
import type { ConversationId, ConversationRecord, MemberRecord, Membership, TenantId, UserId } from '../../model.ts';
import { READ } from '../shared/closed.ts';
import { roomName } from '../shared/room-name.ts';
import type { Database } from './database.ts';

/** A row of `conversations`. */
export interface ConversationRow {
  readonly tenant: string;
  readonly key: number;
  readonly id: string;
  readonly kind: string;
  readonly name: string | null;
  readonly created_at: number;
  readonly created_by: string;
  readonly last_activity_at: number | null;
  readonly last_sequence: number;
  readonly member_count: number;
  readonly next_ordinal: number;
  readonly version: number;
  readonly place: number;
  readonly floor: number;
  readonly epoch: string;
  readonly fence: string;
  readonly lineage: string;
  /** Whether the conversation has too many members to update their lists with each message. */
  readonly is_large: number;
  /** When the log last moved, and when anything else last changed; 0: by a version that did not store it. */
  readonly logged_at: number;
  readonly changed_at: number;
}
export interface MemberRow {
  readonly user_id: string;
  readonly role: string;
  readonly joined_at: number;
  readonly ordinal: number;
  readonly read_sequence: number;
  readonly read_at: number;
  readonly joined_epoch: string;
  readonly joined_place: number;
}

export function toConversation(row: ConversationRow): ConversationRecord {
  return {
    id: row.id as ConversationId,
    name: row.name,
    kind: READ.conversationKind(row.kind),
    createdAt: row.created_at,
    createdBy: row.created_by as UserId,
    lastActivityAt: row.last_activity_at,
    lastSequence: row.last_sequence,
    memberCount: row.member_count,
    version: row.version,
    position: { epoch: row.epoch, place: row.place },
  };
}

export function toMember(row: MemberRow): MemberRecord {
  return {
    userId: row.user_id as UserId,
    role: READ.memberRole(row.role),
    joinedAt: row.joined_at,
    ordinal: row.ordinal,
  };
}

export function toMembership(conversationId: ConversationId, row: MemberRow): Membership {
  return {
    ...toMember(row),
    conversationId,
    readSequence: row.read_sequence,
    joinedPosition: { epoch: row.joined_epoch, place: row.joined_place },
  };
}

/** The name by which a room is found; null for other kinds. */
export const roomNameOf = (kind: string, name: string | null): string | null =>
  kind === 'ROOM' ? roomName(name) : null;

export interface ConversationRows {
  find(tenant: TenantId, id: ConversationId): ConversationRow | undefined;
  findMember(row: ConversationRow, userId: UserId): MemberRow | undefined;
}

export function createConversationRows(database: Database): ConversationRows {
  const select = database.prepare('SELECT * FROM conversations WHERE tenant = ? AND id = ?');
  const selectMember = database.prepare('SELECT * FROM members WHERE conversation = ? AND user_id = ?');
  return {
    find: (tenant, id) => select.get(tenant, id) as unknown as ConversationRow | undefined,
    findMember: (row, userId) => selectMember.get(row.key, userId) as unknown as MemberRow | undefined,
  };
}
