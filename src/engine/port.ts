/**
 * The contract of storage and bus. An engine keeps these promises and adds none.
 *
 * G01  What an operation has answered is stored: it survives the death of this
 *      process. Redis adds its own fsync policy, SQLite `synchronous=NORMAL`
 *      (a power cut may lose the last moments, a killed process nothing).
 * G02  An append repeated under the same key within 24 h answers what became of the
 *      first message and announces nothing. An operation that rejects with
 *      SERVICE_UNAVAILABLE has an unknown outcome: done once, or not at all.
 * G03  Messages of a conversation are numbered 1, 2, 3 … without a hole, in the
 *      order of the log, whoever appends and however many at once.
 * G04  One (epoch, place) names one event for ever. When the log may have lost
 *      its end, the next append begins a new epoch.
 * G05  Announcements of a channel reach a listener in the order in which they
 *      were written, from the moment `listen` resolves, until `close` of the
 *      listening or a call of `onInterrupted`, which says that some may be missing.
 * G06  `readLog` gives everything past a position, in order, or says why it can't.
 * G07  A break in hearing is noticed and told by `onInterrupted` within 15 s of its
 *      end, also when nothing tells the engine of it; by then everything is heard again.
 *      A single announcement that is lost is told of within `TIMES.headCheckMs` and 2 s.
 * G08  Membership is decided inside the operation that needs it, and a change of
 *      members is announced on the conversation's channel in order with messages.
 * G09  Every operation touches one tenant: ids of another do not exist.
 * G11  A connection counts as present until `disconnect`, or until the node that
 *      recorded it has been dead for its lease.
 * G18  What a user may have is used up by what that user does, never by another.
 * G23  While a tenant has a consumer, what happens is kept in the same step, and handed out at least once, in order.
 * G14  While its server is away an operation fails within 2 s, and at once after a few
 *      have; the engine connects again by itself, and nothing has to be opened anew.
 *
 * Operations are atomic unless they say otherwise and take batches where a
 * request may need many: a batch costs a constant number of round trips.
 * "Nothing happened" is a value with a reason; only faults are thrown, and those
 * as ServiceError SERVICE_UNAVAILABLE. After `close` every operation rejects so.
 */
import type { ExpiryReason } from '../errors.ts';
import type {
  ConnectionId,
  ConnectionType,
  ConversationId,
  ConversationKind,
  ConversationRecord,
  DeviceId,
  InboxRecord,
  ListedConversation,
  MemberRecord,
  MemberRole,
  Membership,
  MessageChange,
  MessageId,
  MessageRecord,
  MessageState,
  OngoingTyping,
  Position,
  PresenceRecord,
  PresenceStatus,
  PublicationRecord,
  RateUse,
  ReadReceiptRecord,
  RoutingRuleId,
  RoutingRuleRecord,
  SessionId,
  SessionRecord,
  TenantId,
  TextExtension,
  Topic,
  TopicPolicyRecord,
  TypingRecord,
  UserId,
} from '../model.ts';
import type { ConsumerStore } from './shared/consumer.ts';
import type { ConversationHead, HeadStore } from './shared/heads.ts';
import type { TopicStore } from './shared/publication.ts';
import type { ListEvent, UserLogEntry, UserLogStore } from './shared/user-log.ts';

export type { ConversationHead, UserLogEntry };

/** Why somebody is no longer in a conversation. */
export type LeaveReason = Exclude<ListEvent, 'JOINED'>;

/** A read position that moved. */
export type ReadMove = Pick<ReadReceiptRecord, 'userId' | 'sequence' | 'readAt'>;

/** Why nothing happened: one case for each reason, so that checking some leaves the others. */
type Refusal<Reason extends string> = Reason extends string ? { readonly outcome: Reason } : never;

export interface NewConversation {
  readonly id: ConversationId;
  readonly name: string | null;
  readonly kind: ConversationKind;
  readonly createdBy: UserId;
  /** The first members with their roles, in order; without repeats. */
  readonly members: readonly { readonly userId: UserId; readonly role: MemberRole }[];
}

export type MembershipChange =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: ConversationRecord }
  | Refusal<'not-found' | 'full' | 'last-owner' | 'not-allowed'>;

/**
 * The member who changes another, and the role they need for it. Asked in the same moment, since what
 * others change may take it away: of two who remove each other at once one is removed.
 */
export interface Actor {
  readonly userId: UserId;
  readonly least: MemberRole;
}

/** The user began or joined as many conversations as one may. */
export type NoPlace = Refusal<'no-place'>;

/** A conversation of this id was deleted lately: nothing of it may be taken for the next one's. */
export type Gone = Refusal<'gone'>;

export type Creation =
  | { readonly outcome: 'created' | 'exists'; readonly conversation: ConversationRecord }
  | NoPlace
  | Gone;

export type ReadChange =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: ConversationRecord }
  | Refusal<'not-member' | 'past-head'>;

export interface ConversationStore {
  /**
   * Creates the conversation unless its id is taken; `exists` answers the one that is there.
   *
   * It counts as begun by `createdBy`, and as nothing of the other members (G18).
   */
  createConversation(tenant: TenantId, conversation: NewConversation): Promise<Creation>;
  /** In the order asked; null for what is not there. */
  readConversations(tenant: TenantId, ids: readonly ConversationId[]): Promise<(ConversationRecord | null)[]>;
  /** In the order asked; null where the user is not a member. */
  readMemberships(
    tenant: TenantId,
    keys: readonly { readonly conversationId: ConversationId; readonly userId: UserId }[],
  ): Promise<(Membership | null)[]>;
  /** All of a user's conversations, in no order. */
  listConversationIds(tenant: TenantId, userId: UserId): Promise<ConversationId[]>;
  renameConversation(tenant: TenantId, id: ConversationId, name: string | null): Promise<MembershipChange>;
  /** Adds who is not a member yet, all or none; `full` past the cap of members. */
  addMembers(
    tenant: TenantId,
    id: ConversationId,
    userIds: readonly UserId[],
    role: MemberRole,
  ): Promise<MembershipChange>;
  /** Adds a user by their own wish, as a MEMBER; counts as joined by them. */
  joinConversation(tenant: TenantId, id: ConversationId, userId: UserId): Promise<MembershipChange | NoPlace>;
  /**
   * Removes a member; the longest-standing member follows the last owner. Owners remove
   * anyone, other actors those below them, a MEMBER themselves. No actor: an admin.
   */
  removeMember(tenant: TenantId, id: ConversationId, userId: UserId, actor: Actor | null): Promise<MembershipChange>;
  /** Sets a member's role; `last-owner` when none would be left. No actor: an admin. */
  setMemberRole(
    tenant: TenantId,
    id: ConversationId,
    userId: UserId,
    role: MemberRole,
    actor: Actor | null,
  ): Promise<MembershipChange>;
  /**
   * Deletes a conversation with its messages; announced as the leaving of all its members. Its id
   * stays taken for `TIMES.idempotencyMs`. No actor: an admin.
   */
  deleteConversation(
    tenant: TenantId,
    id: ConversationId,
    actor: Actor | null,
  ): Promise<'deleted' | 'not-found' | 'not-allowed'>;
  /** Members with an ordinal above `after`, by ordinal. */
  listMembers(tenant: TenantId, id: ConversationId, after: number, limit: number): Promise<MemberRecord[]>;
  /** Moves the read position forward, never back. */
  markRead(tenant: TenantId, id: ConversationId, userId: UserId, sequence: number): Promise<ReadChange>;
  /** Members with an ordinal above `after` who have read anything since they joined, by ordinal. */
  listReadReceipts(tenant: TenantId, id: ConversationId, after: number, limit: number): Promise<ReadReceiptRecord[]>;
}

/** How a message that is sent again is known: by the same id, and with another digest it is another message. */
export interface MessageKey {
  readonly id: string;
  readonly digest: string;
}

/** A key in the conversation and of the sender it belongs to. */
export interface SentKey {
  readonly conversationId: ConversationId;
  readonly senderId: UserId;
  readonly key: MessageKey;
}

export interface NewMessage {
  readonly conversationId: ConversationId;
  readonly senderId: UserId;
  readonly content: string;
  readonly payload: unknown;
  readonly replyToId: MessageId | null;
  readonly clientMessageId: string | null;
  /** Null: it is new, whatever was sent before. */
  readonly key: MessageKey | null;
  /** The service that sends it for the sender. */
  readonly via?: UserId | undefined;
}

/** What became of a message that routing rules kept from its conversation; `messageId`: what came of it elsewhere. */
export interface Diversion {
  readonly fate: 'DROPPED' | 'ROUTED';
  readonly messageId: MessageId | null;
}

/** What is known of a message that was sent before under the same key. */
export type Earlier =
  | { readonly outcome: 'duplicate'; readonly message: MessageRecord }
  | ({ readonly outcome: 'diverted' } & Diversion)
  /** `no-longer-kept`: since trimmed by retention; `conflict`: another message has this key. */
  | Refusal<'no-longer-kept' | 'conflict'>;

export type Append =
  | { readonly outcome: 'appended'; readonly message: MessageRecord }
  | Earlier
  /** `no-reply-target`: no message of the conversation; who repeats a message whose target went since is given the message. */
  | Refusal<'not-member' | 'no-reply-target'>;

export type MessageEdit =
  | { readonly outcome: 'changed' | 'unchanged'; readonly message: MessageRecord }
  /** `being-written`: its text is its writer's until it is finished. */
  | Refusal<'not-found' | 'deleted' | 'full' | 'being-written'>;

export interface LogEntry {
  readonly place: number;
  readonly epoch: string;
  readonly change: MessageChange;
  /** The message as it is now, at this entry's position; null when it is no longer kept. */
  readonly message: MessageRecord | null;
  /** Whether the message has not changed since: this is the place of its last change. */
  readonly isLast: boolean;
}

export type LogPage =
  | {
      readonly outcome: 'read';
      readonly entries: readonly LogEntry[];
      /** Whether nothing is past these entries: the head is reached. */
      readonly isWhole: boolean;
      readonly head: Position;
    }
  | { readonly outcome: 'expired'; readonly reason: ExpiryReason }
  | { readonly outcome: 'not-found' };

/** Which messages, by sequence: those between two, as many as `limit` counted from the first or the last of them. */
export interface MessageRange {
  /** 0: from the first kept. */
  readonly after: number;
  /** Null: to the last. */
  readonly before: number | null;
  readonly limit: number;
  readonly from: 'first' | 'last';
}

/** Messages by sequence, and what the conversation kept in that moment. */
export interface KeptMessages {
  readonly messages: readonly MessageRecord[];
  /** Everything between these two is kept; the first is above the last when nothing is. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Whether more of the range is there behind these: together they were too long for one reading. */
  readonly isPart: boolean;
}

export interface MessageStore {
  /**
   * Appends a message: idempotency, sequence, log and announcement in one.
   *
   * The sender's read position moves to the message, and their typing ends. Membership
   * and the reply's target are checked here so that sending costs one round trip.
   */
  appendMessage(tenant: TenantId, message: NewMessage): Promise<Append>;
  /** What became of a message that was sent under this key; null: nothing is known of one. */
  findSent(tenant: TenantId, sent: SentKey): Promise<Earlier | null>;
  /** Notes under its key that a message is not in its conversation; what is known of that key already stands. */
  noteDiverted(tenant: TenantId, sent: SentKey, diversion: Diversion): Promise<void>;
  editMessage(tenant: TenantId, id: MessageId, content: string, payload: unknown): Promise<MessageEdit>;
  /** Empties the message and drops its reactions; its place stays. Null: nobody, but a rule. */
  deleteMessage(tenant: TenantId, id: MessageId, by: UserId | null): Promise<MessageEdit>;
  /** `full` past the caps of emojis and reactions, of the user or in all. */
  addReaction(tenant: TenantId, id: MessageId, userId: UserId, emoji: string): Promise<MessageEdit>;
  removeReaction(tenant: TenantId, id: MessageId, userId: UserId, emoji: string): Promise<MessageEdit>;
  /** In the order asked; null for what is not there. */
  readMessages(tenant: TenantId, ids: readonly MessageId[]): Promise<(MessageRecord | null)[]>;
  /** Those of a range that are still kept, or the first of them, as the range is counted: about `LIMITS.readingBytes`. */
  listMessages(tenant: TenantId, id: ConversationId, range: MessageRange): Promise<KeptMessages>;
  /** Up to `limit` log entries past a position, or `LIMITS.readingBytes` of them. */
  readLog(tenant: TenantId, id: ConversationId, after: Position, limit: number): Promise<LogPage>;
}

export interface NewWriting extends NewMessage {
  /** Whether its text is not shown before it is finished. */
  readonly isHeld: boolean;
}

/** A message that is being written, with its text so far, shown or held. */
export interface Writing {
  readonly message: MessageRecord;
  readonly isHeld: boolean;
  readonly isStopRequested: boolean;
}

/** Whoever writes a message: its sender, who must be a member, or the service that started it for them. */
export interface Writer {
  readonly senderId: UserId;
  readonly via?: UserId | undefined;
}

export interface NewText extends Writer {
  /** The length that the writer knows of, in code points. */
  readonly offset: number;
  /** Empty: a sign of life. */
  readonly text: string;
  /** Undefined: as it is. */
  readonly payload: unknown;
  /** Of appends to one message, on the average; after quiet, those of a second at once. 0: no limit. */
  readonly paceMs: number;
  /** From this append on its text is not shown before it is finished; what was shown is taken back. */
  readonly isHeld?: boolean;
}

export type TextAppend =
  /** `repeated`: it was there already. */
  | { readonly outcome: 'appended' | 'repeated'; readonly length: number; readonly isStopRequested: boolean }
  | { readonly outcome: 'misplaced' | 'too-long'; readonly length: number }
  | { readonly outcome: 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'too-often'; readonly retryAfterMs: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

export interface WritingEnd extends Writer {
  readonly state: Exclude<MessageState, 'STREAMING'>;
  /** The length of the text that this was decided on; null: whatever it is. */
  readonly length: number | null;
  /** In place of the text that was written; null: that. */
  readonly content: string | null;
  /** Undefined: as it is. */
  readonly payload: unknown;
}

export type WritingFinish =
  | { readonly outcome: 'finished' | 'ended'; readonly message: MessageRecord }
  | { readonly outcome: 'misplaced'; readonly length: number }
  | Refusal<'not-found' | 'not-sender' | 'not-member'>;

/**
 * Messages that are read while they are written (G20).
 *
 * Every reading, here and in `MessageStore`, shows the text so far, and notices who has been
 * silent for `TIMES.writingMs`: their messages are ABORTED from then on, in the log as well.
 */
/** About `LIMITS.readingBytes` of the messages that are being written in a conversation. */
export interface WritingPage {
  readonly messages: readonly MessageRecord[];
  /** The sequence past which there are more; null: there are none. */
  readonly next: number | null;
}

export interface WritingStore {
  /**
   * Appends a message that is STREAMING, as `appendMessage` does. Whoever asked to stop
   * what replies to its target, lately, is heard. `full`: too many are being written, in all or by this writer.
   */
  startMessage(tenant: TenantId, message: NewWriting): Promise<Append | Refusal<'full'>>;
  /** Adds text at the end and announces it, if the end is at `offset`. The log has no entry of it. */
  appendText(tenant: TenantId, id: MessageId, text: NewText): Promise<TextAppend>;
  /** Ends the writing: FINISHED in the log. */
  finishMessage(tenant: TenantId, id: MessageId, end: WritingEnd): Promise<WritingFinish>;
  /**
   * Asks to stop the message, or all that reply to it: now, and those that are started
   * within `TIMES.stopMs`. Answers how many are asked to now; null: there is no such message.
   */
  requestStop(tenant: TenantId, id: MessageId): Promise<number | null>;
  /** Of one message, for its writer, its text included also where it is held; null when they are not writing it. */
  readWriting(tenant: TenantId, id: MessageId, writer: Writer): Promise<Writing | null>;
  /** What is being written in a conversation past a sequence, in order; what is held without its text. */
  listWritings(tenant: TenantId, id: ConversationId, after: number): Promise<WritingPage>;
}

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
  /** Who types now, per conversation, in the order asked. */
  readTyping(tenant: TenantId, ids: readonly ConversationId[]): Promise<OngoingTyping[][]>;
}

export interface SessionStore {
  /** A user's sessions in no order, or the one of an id; what has expired may still be there. */
  readSessions(tenant: TenantId, userId: UserId, id: SessionId | null): Promise<SessionRecord[]>;
  /** Whose a session is, or was: it may be gone. Null: nobody's. */
  findSessionUser(tenant: TenantId, id: SessionId): Promise<UserId | null>;
  /**
   * Stores a session whose version is one above the stored one (1: there is none),
   * and forgets others of its user; false when another write came first.
   */
  writeSession(tenant: TenantId, session: SessionRecord, forgotten: readonly SessionId[]): Promise<boolean>;
  /** Up to when a user's tokens are refused; null: none is. */
  readRefusal(tenant: TenantId, userId: UserId): Promise<number | null>;
  /**
   * Refuses a user's tokens of up to an instant, and announces it; one of later stands.
   * Kept for good: nobody knows how long the platform lets its tokens live.
   */
  refuseTokens(tenant: TenantId, userId: UserId, upTo: number): Promise<void>;
}

export interface RateStore {
  /**
   * Tells of use on this node, and answers for each how much other nodes told of
   * since this one last did. A sum is begun anew every minute.
   */
  shareUse(uses: readonly RateUse[]): Promise<number[]>;
}

export interface RoutingRuleStore {
  /** A tenant's rules in no order. */
  readRoutingRules(tenant: TenantId): Promise<RoutingRuleRecord[]>;
  /** Stores a rule in place of that of the same id, and announces it; false past `LIMITS.rulesPerTenant`. */
  saveRoutingRule(tenant: TenantId, rule: RoutingRuleRecord): Promise<boolean>;
  /** Null: there was none. */
  deleteRoutingRule(tenant: TenantId, id: RoutingRuleId): Promise<RoutingRuleRecord | null>;
}

export interface TopicPolicyStore {
  /** A tenant's policies in no order. */
  readTopicPolicies(tenant: TenantId): Promise<TopicPolicyRecord[]>;
  /** Stores a policy in place of that of the same pattern, and announces it; false past `LIMITS.policiesPerTenant`. */
  saveTopicPolicy(tenant: TenantId, policy: TopicPolicyRecord): Promise<boolean>;
  /** Null: there was none. */
  deleteTopicPolicy(tenant: TenantId, pattern: string): Promise<TopicPolicyRecord | null>;
}

/** Where an entry is in a user's list. */
export interface ListPlace {
  readonly isPinned: boolean;
  readonly activity: number;
  readonly id: ConversationId;
}

export interface ListQuery {
  /** Null: of every kind. */
  readonly kind: ConversationKind | null;
  /** Null: archived or not. */
  readonly isArchived: boolean | null;
  /** By messages past the read position, or marked so by the user. Null: unread or not. */
  readonly isUnread: boolean | null;
  /** Pinned ones first, or by activity only. */
  readonly order: 'pins' | 'activity';
  /** Null: from the first. */
  readonly after: ListPlace | null;
  readonly limit: number;
}

export interface ListPage {
  readonly entries: readonly ListedConversation[];
  /** Of all that the query asks for, on whatever page. */
  readonly totalCount: number;
}

/** What a user changes of an entry of their list. */
export type ListChange =
  | { readonly isPinned: boolean }
  | { readonly isArchived: boolean }
  | { readonly mutedUntil: number | null }
  | { readonly isMarkedUnread: true }
  /** Not listed until its next message. */
  | { readonly isHidden: true };

/**
 * Each user's list of the conversations they are a member of.
 *
 * The conversations are the truth, and the list is kept beside them: what an operation has
 * answered shows in whatever of a list is asked for after it, on every node. An entry moves forward
 * only, by (activity, sequence). A new message takes a conversation out of the archive and out of
 * hiding, and reading one takes away that it was marked unread. Reading costs the same however long the list is.
 */
export interface ListStore {
  /** A page, latest activity first; of the same activity by id. */
  listConversations(tenant: TenantId, userId: UserId, query: ListQuery): Promise<ListPage>;
  /** In the order asked; null for what is not in the list, or hidden. */
  readListed(tenant: TenantId, userId: UserId, ids: readonly ConversationId[]): Promise<(ListedConversation | null)[]>;
  /** Messages past the user's read positions in all that is listed. */
  countUnread(tenant: TenantId, userId: UserId): Promise<number>;
  /** Null: the user is not a member. */
  changeListed(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: ListChange,
  ): Promise<ListedConversation | null>;
}

/** Where a room is in its tenant's list: by the name it is found by (`room-name.ts`), then by id. */
export interface RoomPlace {
  readonly name: string;
  readonly id: ConversationId;
}

export interface RoomQuery {
  /** Rooms whose name begins so; empty: all. */
  readonly search: string;
  readonly after: RoomPlace | null;
  readonly limit: number;
}

export interface RoomStore {
  /** Rooms of a tenant in the order of their names. A page costs the same however many there are. */
  listRooms(tenant: TenantId, query: RoomQuery): Promise<RoomPlace[]>;
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

export interface InboxStore {
  /** Null: nothing was written for this session, or it was forgotten. */
  readInbox(tenant: TenantId, userId: UserId, session: string): Promise<InboxRecord | null>;
  /** Moves positions forward, never back. Kept for the user's sessions written last, for `TIMES.sessionMs`. */
  writeInbox(
    tenant: TenantId,
    userId: UserId,
    session: string,
    positions: ReadonlyMap<ConversationId, Position>,
  ): Promise<void>;
}

/** The W3C `traceparent` of what is going on now; empty when that is not traced. */
export type CurrentTrace = () => string;

/** What is announced. `conversation` announcements carry versions, `message` ones positions. */
export type Announcement = AnnouncedState & {
  /** The `traceparent` of what brought it about: of messages and publications that were traced. */
  readonly trace?: string;
};

type AnnouncedState =
  | { readonly type: 'message'; readonly change: MessageChange; readonly message: MessageRecord }
  | { readonly type: 'extension'; readonly extension: TextExtension }
  /** Whoever writes the message is asked to stop. */
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
  | { readonly type: 'session'; readonly id: SessionId; readonly isRevoked: boolean }
  | { readonly type: 'tokens-refused'; readonly upTo: number }
  | { readonly type: 'membership'; readonly conversationId: ConversationId; readonly isMember: boolean };

/** What a tenant's admins settle, and every node knows. */
export type SettingKind = 'routing-rules' | 'topic-policies';

/** Where things are announced. */
export type Channel =
  | { readonly kind: 'conversation'; readonly tenant: TenantId; readonly id: ConversationId }
  | { readonly kind: 'presence'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'memberships'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'sessions'; readonly tenant: TenantId; readonly id: UserId }
  | { readonly kind: 'topic'; readonly tenant: TenantId; readonly id: Topic }
  | { readonly kind: SettingKind; readonly tenant: TenantId; readonly id: TenantId };

export interface Listener {
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
  listen(channel: Channel, listener: Listener): Promise<Listening>;
}

/** Of the circuit breaker: `open` refuses operations at once, `half-open` while it probes. */
export type Circuit = 'closed' | 'open' | 'half-open';

export interface EngineHealth {
  readonly status: 'up' | 'down';
  readonly latencyMs: number;
  readonly reason: string | null;
  readonly circuit: Circuit;
}

export interface Engine
  extends ConversationStore,
    MessageStore,
    WritingStore,
    PresenceStore,
    TypingStore,
    SessionStore,
    TopicStore,
    InboxStore,
    ListStore,
    UserLogStore,
    HeadStore,
    RoomStore,
    BlockStore,
    RoutingRuleStore,
    TopicPolicyStore,
    ConsumerStore,
    RateStore,
    Bus {
  readonly kind: 'embedded' | 'redis';
  checkHealth(): Promise<EngineHealth>;
  close(): Promise<void>;
}
