/** The store of presence, typing and blocks. */
import type {
  ConnectionId,
  ConnectionType,
  ConversationId,
  DeviceId,
  OngoingTyping,
  PresenceRecord,
  PresenceStatus,
  SessionId,
  TenantId,
  TypingRecord,
  UserId,
} from '../../model.ts';

export interface NewConnection {
  readonly connectionId: ConnectionId;
  /** Null: present without a device, as earlier versions recorded a status without a connection. */
  readonly deviceId: DeviceId | null;
  /** The session of its present token; null: none. */
  readonly sessionId: SessionId | null;
  readonly connectionType: ConnectionType;
}

/**
 * A user with status OFFLINE appears as having left at that time: their activity changes nothing visible, and is not
 * announced.
 */
export interface PresenceStore {
  /** Records a connection under this node. The same id again updates its device and session, if they differ. */
  connect(tenant: TenantId, userId: UserId, connection: NewConnection): Promise<void>;
  disconnect(tenant: TenantId, userId: UserId, connectionId: ConnectionId): Promise<void>;
  setStatus(
    tenant: TenantId,
    userId: UserId,
    status: PresenceStatus,
    statusText: string | null,
  ): Promise<PresenceRecord>;
  /** In the order asked; OFFLINE for users never seen. */
  readPresence(tenant: TenantId, userIds: readonly UserId[]): Promise<PresenceRecord[]>;
}

export interface TypingStore {
  /** Starts, renews or stops typing; null when the user is not a member. */
  setTyping(tenant: TenantId, id: ConversationId, userId: UserId, isTyping: boolean): Promise<TypingRecord | null>;
  /** The users typing now, per conversation, in the order asked. */
  readTyping(tenant: TenantId, ids: readonly ConversationId[]): Promise<OngoingTyping[][]>;
}

export interface BlockStore {
  /** Blocks or unblocks a user for another, and announces it to those who watch the other. `full` past the cap. */
  setBlocked(
    tenant: TenantId,
    userId: UserId,
    blockedId: UserId,
    isBlocked: boolean,
  ): Promise<'changed' | 'unchanged' | 'full'>;
  /** Those of these users who block this one. */
  findBlockers(tenant: TenantId, blockedId: UserId, among: readonly UserId[]): Promise<UserId[]>;
}
