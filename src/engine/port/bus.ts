/** Announcements of the engine, and how nodes hear them. */
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

/** The W3C `traceparent` of what is going on now; empty when that is not traced. */
export type CurrentTrace = () => string;

/** The announcements. `conversation` announcements carry versions, `message` announcements positions. */
export type Announcement = AnnouncedState & {
  /** The `traceparent` of what brought it about: of messages and publications that were traced. */
  readonly trace?: string;
};

type AnnouncedState =
  | { readonly type: 'message'; readonly change: MessageChange; readonly message: MessageRecord }
  | { readonly type: 'extension'; readonly extension: TextExtension }
  /** The writer of the message is asked to stop. */
  | { readonly type: 'stop'; readonly message: MessageRecord }
  | {
      readonly type: 'conversation';
      readonly conversation: ConversationRecord;
      readonly joined: readonly UserId[];
      readonly left: readonly UserId[];
      /** It begins; older versions do not say. */
      readonly isNew?: true;
      /** Why those left; older versions do not say. */
      readonly why?: LeaveReason;
      /** The read position that moved, where that is the change; older versions do not say. */
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
      /** Of one that begins or ends; older versions do not say. */
      readonly session?: SessionEvent;
    }
  | { readonly type: 'tokens-refused'; readonly upTo: number }
  | { readonly type: 'membership'; readonly conversationId: ConversationId; readonly isMember: boolean };

/** Where things are announced. */
export type Channel =
  | { readonly kind: 'conversation'; readonly tenant: TenantId; readonly id: ConversationId }
  | { readonly kind: 'presence'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'memberships'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'sessions'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'topic'; readonly tenant: TenantId; readonly id: Topic }
  | { readonly kind: SettingKind; readonly tenant: TenantId; readonly id: TenantId };

export interface BusListener {
  onAnnouncement(announcement: Announcement): void;
  /** Announcements may be missing up to now: read the state again. */
  onInterrupted(): void;
}

export interface Listening {
  /** By `Clock.elapsed`: everything that was announced before is known to have been told. It passes an interruption once that is told. */
  readonly heardAt: number;
  close(): Promise<void>;
}

export interface Bus {
  /** Resolves once everything announced from now on will arrive. */
  listen(channel: Channel, listener: BusListener): Promise<Listening>;
}
