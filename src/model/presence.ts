/** Presence by connections and devices, and typing. */
import type { ConversationId, DeviceId, SessionId, UserId } from './ids.ts';

export type PresenceStatus = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
/** `HTTP`: none that stays open, but a request of a moment ago. */
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
  /** All that `devices` would have if the user did not hide; as private as `connectedBy`. */
  readonly present: readonly DeviceRecord[];
  /**
   * Of each connected device, shown or hidden, the session it goes by; null: none.
   * The user's own affair, as sessions are: nothing that others are told comes from it.
   */
  readonly connectedBy: readonly (SessionId | null)[];
  /** Whether the user has chosen OFFLINE, and is to look like one who left; as private as `connectedBy`. */
  readonly hides: boolean;
  /** The users whom the user blocks: to them the user looks as if never seen. As private as `connectedBy`. */
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
  /** By the engine's clock: `expiresAt` says nothing to a node whose own is off. */
  readonly remainingMs: number;
}
