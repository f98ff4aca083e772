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
  /** Null: present, but not as a device, as earlier versions had who set a status without a connection. */
  readonly deviceId: DeviceId | null;
  /** By which it goes now; null: none. */
  readonly sessionId: SessionId | null;
  readonly connectionType: ConnectionType;
}

/**
 * A user who has chosen OFFLINE is shown as one who left then: what they do meanwhile moves
 * nothing that is shown, and is not announced.
 */
export interface PresenceStore {
  /** Records a connection under this node. The same id again changes its device and session, and nothing when those are the same. */
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
  /** Blocks a user for another, or no longer, and announces it to those who watch the other. `full` past the cap. */
  setBlocked(
    tenant: TenantId,
    userId: UserId,
    blockedId: UserId,
    isBlocked: boolean,
  ): Promise<'changed' | 'unchanged' | 'full'>;
  /** Which of these users block this one. */
  findBlockers(tenant: TenantId, blockedId: UserId, among: readonly UserId[]): Promise<UserId[]>;
}
