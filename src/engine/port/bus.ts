/** Announcements of the engine, and how nodes receive them. */
import type {
  ConversationId,
  ConversationRecord,
  MessageChange,
  MessageRecord,
  PresenceRecord,
  PublicationRecord,
  SessionEvent,
  SessionId,
  TenantId,
  TextExtension,
  Topic,
  TypingRecord,
  UserId,
} from '../../model.ts';
import type { LeaveReason, ReadMove } from './conversations.ts';
import type { SettingKind } from './settings.ts';

/** The W3C `traceparent` of the current work; empty outside a trace. */
export type CurrentTrace = () => string;

/** The announcements. `conversation` announcements carry versions, `message` announcements positions. */
export type Announcement = AnnouncedState & {
  /** The `traceparent` of the cause, for traced messages and publications. */
  readonly trace?: string;
};

type AnnouncedState =
  /** `change` null: only a newer version knows it. Listeners skip it, and move to its position. */
  | { readonly type: 'message'; readonly change: MessageChange | null; readonly message: MessageRecord }
  | { readonly type: 'extension'; readonly extension: TextExtension }
  /** The writer of the message is asked to stop. A back end that writes for a user gets this on its `memberships` channel. */
  | { readonly type: 'stop'; readonly message: MessageRecord }
  | {
      readonly type: 'conversation';
      readonly conversation: ConversationRecord;
      readonly joined: readonly UserId[];
      readonly left: readonly UserId[];
      /** The conversation was just created; older versions leave it out. */
      readonly isNew?: true;
      /** Why members left; older versions leave it out. */
      readonly why?: LeaveReason;
      /** The read position that moved, if that is the change; older versions leave it out. */
      readonly read?: ReadMove;
    }
  | { readonly type: 'typing'; readonly typing: TypingRecord }
  | { readonly type: 'presence'; readonly presence: PresenceRecord }
  | { readonly type: 'publication'; readonly publication: PublicationRecord }
  | { readonly type: 'routing-rules' }
  | { readonly type: 'topic-policies' }
  | {
      readonly type: 'session';
      readonly id: SessionId;
      readonly isRevoked: boolean;
      /** For a session that begins or ends; older versions leave it out. */
      readonly session?: SessionEvent;
    }
  | { readonly type: 'tokens-refused'; readonly upTo: number }
  | {
      readonly type: 'membership';
      readonly conversationId: ConversationId;
      readonly isMember: boolean;
      /** The user hid the conversation after the message of this sequence; nothing else changed. */
      readonly hiddenAt?: number;
    };

/** Announcements that the channel of a conversation never carries. A new kind is added here, or is handled by that channel. */
export type KindElsewhere =
  | 'presence'
  | 'publication'
  | 'routing-rules'
  | 'topic-policies'
  | 'session'
  | 'tokens-refused'
  | 'membership';

/** The channels of announcements. */
export type Channel =
  | { readonly kind: 'conversation'; readonly tenant: TenantId; readonly id: ConversationId }
  | { readonly kind: 'presence'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'memberships'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'sessions'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'topic'; readonly tenant: TenantId; readonly id: Topic }
  | { readonly kind: SettingKind; readonly tenant: TenantId; readonly id: TenantId };

export interface BusListener {
  onAnnouncement(announcement: Announcement): void;
  /** Announcements may be missing up to now: the state must be read again. */
  onInterrupted(): void;
}

export interface Listening {
  /**
   * Every announcement before this time, by `Clock.elapsed`, has been delivered. It moves past an interruption once
   * that was reported.
   */
  readonly heardAt: number;
  close(): Promise<void>;
}

export interface Bus {
  /** Resolves once all later announcements will arrive. */
  listen(channel: Channel, listener: BusListener): Promise<Listening>;
}
