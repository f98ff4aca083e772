/** Presence by connections and devices, and typing. */
import type { ConversationId, DeviceId, SessionId, UserId } from './ids.ts';

export type PresenceStatus = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
/** `HTTP`: no open connection, but a recent request. */
export type ConnectionType = 'GRAPHQL_WS' | 'SSE' | 'MULTIPART' | 'CALLBACK' | 'WEBSOCKET' | 'HTTP';

export interface DeviceRecord {
  readonly deviceId: DeviceId;
  readonly connectionType: ConnectionType;
  readonly connectedAt: number;
}

export interface PresenceRecord {
  readonly userId: UserId;
  readonly status: PresenceStatus;
  readonly statusText: string | null;
  readonly lastSeenAt: number | null;
  readonly devices: readonly DeviceRecord[];
  /** All devices, also while the user hides; as private as `connectedBy`. */
  readonly present: readonly DeviceRecord[];
  /**
   * The session of each connected device, shown or hidden; null: none. Private to the user, as sessions are: no value
   * that others see depends on it.
   */
  readonly connectedBy: readonly (SessionId | null)[];
  /** Whether the user has chosen OFFLINE, to look disconnected; as private as `connectedBy`. */
  readonly hides: boolean;
  /** The users whom the user blocks. They see this user as one who never connected. As private as `connectedBy`. */
  readonly blocked: readonly UserId[];
  /** Rises with each change, so that an older state never replaces a newer one. */
  readonly version: number;
}

export interface TypingRecord {
  readonly conversationId: ConversationId;
  readonly userId: UserId;
  readonly isTyping: boolean;
  readonly expiresAt: number | null;
}

export interface OngoingTyping extends TypingRecord {
  /** Measured by the engine's clock: a node whose clock is wrong cannot use `expiresAt`. */
  readonly remainingMs: number;
}
