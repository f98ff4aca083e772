/** The nouns of the service as types. Instants are milliseconds since the Unix epoch. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'TenantId'>;
export type UserId = Branded<'UserId'>;
export type ConversationId = Branded<'ConversationId'>;
export type MessageId = Branded<'MessageId'>;
export type ConnectionId = Branded<'ConnectionId'>;
export type DeviceId = Branded<'DeviceId'>;
export type SessionId = Branded<'SessionId'>;
export type Topic = Branded<'Topic'>;
export type RoutingRuleId = Branded<'RoutingRuleId'>;
export type PublicationId = Branded<'PublicationId'>;

const IDENTIFIER = /^[A-Za-z0-9._:@-]{1,128}$/;

/** Whether a text has the form of an id: 1 to 128 of `A-Z a-z 0-9 . _ : @ -`. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** A platform makes the ids of its users: `auth0|64f`, `ann+tag@example.org` and `a/b` are some. */
const USER_ID = /^[^\p{White_Space}\p{Cc}\p{Cs}]{1,128}$/u;

/** Whether a text can be a user's id: 1 to 128 code points, none white space, a control character or a lone surrogate. */
export function isUserId(text: string): text is UserId {
  // A code point takes at most two units: giants are refused before they are looked at.
  return text.length <= 256 && USER_ID.test(text);
}

export type ConversationKind = 'DIRECT' | 'GROUP' | 'ROOM';
export type MemberRole = 'OWNER' | 'MODERATOR' | 'MEMBER';
/** Who may do more is above. */
export const RANKS: Record<MemberRole, number> = { MEMBER: 1, MODERATOR: 2, OWNER: 3 };
export type PresenceStatus = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
/** `HTTP`: none that stays open, but a request of a moment ago. */
export type ConnectionType = 'GRAPHQL_WS' | 'SSE' | 'MULTIPART' | 'CALLBACK' | 'WEBSOCKET' | 'HTTP';

/** What a token's bearer may do beyond their own affairs. */
export type Scope = 'realtime:admin' | 'realtime:service';

/** Patterns of topics a token names; null where it names none, and the default holds. */
export interface TopicClaims {
  readonly publish: readonly string[] | null;
  readonly subscribe: readonly string[] | null;
}

/** Who may do something with a topic: who is known, whose token names it, services only, or the user whose topic it is. */
export type TopicRight = 'EVERYONE' | 'CLAIMED' | 'SERVICES' | 'OWNER';

/** What a tenant's admins have settled of the topics that a pattern names. */
export interface TopicPolicyRecord {
  readonly pattern: string;
  readonly publish: TopicRight;
  readonly subscribe: TopicRight;
  /** The latest so many are kept; null: as many as usual. */
  readonly keep: number | null;
  /** How long they are kept after the last, as it was given, and in milliseconds; null: as long as usual. */
  readonly keepFor: { readonly text: string; readonly ms: number } | null;
  /** JSON Schema of payloads, as JSON; null: any. */
  readonly schema: string | null;
  readonly updatedAt: number;
  readonly updatedBy: UserId;
}

/** The caller, as proved by a verified token. */
export interface Viewer {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly scopes: ReadonlySet<string>;
  /** Of a token of ours. Null: of the platform. */
  readonly sessionId: SessionId | null;
  /** What the token names as its device; null: nothing. */
  readonly deviceId: DeviceId | null;
  /** Null: the token does not say. */
  readonly issuedAt: number | null;
  readonly topics: TopicClaims;
  /** When the token ends; sockets close with 4403 then. */
  readonly expiresAt: number;
  /** The service that acts for this user, and pays for it; left out: they act themselves. Made by `access/acting.ts` only. */
  readonly actor?: Viewer;
}

/**
 * One place in one life of a conversation's log.
 *
 * `place` alone would name two events once a promoted replica or a restored
 * backup hands out numbers again, so it counts only together with `epoch`.
 */
export interface Position {
  readonly epoch: string;
  readonly place: number;
}

export interface ConversationRecord {
  readonly id: ConversationId;
  readonly name: string | null;
  readonly kind: ConversationKind;
  readonly createdAt: number;
  readonly createdBy: UserId;
  readonly lastActivityAt: number | null;
  readonly lastSequence: number;
  readonly memberCount: number;
  /** Rises with each change of name, members and read positions. */
  readonly version: number;
  /** The head of the log. */
  readonly position: Position;
}

export interface MemberRecord {
  readonly userId: UserId;
  readonly role: MemberRole;
  readonly joinedAt: number;
  /** Order of joining, unique in the conversation and never reused. */
  readonly ordinal: number;
}

export interface Membership extends MemberRecord {
  readonly conversationId: ConversationId;
  readonly readSequence: number;
  /** The head of the log when the user joined: what they may have missed begins here. */
  readonly joinedPosition: Position;
}

export interface ReadReceiptRecord {
  /** Of the member, by which receipts are listed: it does not change while they read. */
  readonly ordinal: number;
  readonly userId: UserId;
  readonly sequence: number;
  readonly readAt: number;
}

export interface ReactionRecord {
  readonly emoji: string;
  readonly userIds: readonly UserId[];
}

/** How far a message is: one that is read while it is written is STREAMING until its sender finishes it, or is silent. */
export type MessageState = 'COMPLETE' | 'STREAMING' | 'ABORTED';

export interface MessageRecord {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderId: UserId;
  readonly content: string;
  readonly payload: unknown;
  readonly timestamp: number;
  readonly clientMessageId: string | null;
  readonly replyToId: MessageId | null;
  readonly reactions: readonly ReactionRecord[];
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  /** The service that sent it for its sender. Left out: the sender did, as of all messages of earlier versions. */
  readonly via?: UserId;
  /** Left out: it is not deleted, a routing rule dropped it, or an earlier version deleted it. */
  readonly deletedBy?: UserId;
  /** Left out: COMPLETE, as all messages were before some were written while they are read. */
  readonly state?: Exclude<MessageState, 'COMPLETE'>;
  /** Where it last changed; in an event, that event's place. */
  readonly position: Position;
}

/** Text that was added to a message while it is written. Lengths and offsets are in Unicode code points. */
export interface TextExtension {
  readonly messageId: MessageId;
  /** The length before. */
  readonly offset: number;
  readonly text: string;
  /** The length with it. */
  readonly length: number;
  /** The message's new payload; left out: as before. */
  readonly payload?: unknown;
}

/**
 * What is announced where the text of a message is held from now on: an extension by nothing, which no append is.
 * Readers look what is shown of it then. To a node of an earlier version it says nothing new.
 */
export const WITHHELD = { offset: 0, text: '', length: 0 } as const;

export const isWithheld = ({ text, payload }: TextExtension): boolean => text === '' && payload === undefined;

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
  /** Whom the user blocks: to these they look like somebody never seen. As private as `connectedBy`. */
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

export interface PublicationRecord {
  readonly id: PublicationId;
  readonly topic: Topic;
  readonly payload: unknown;
  readonly senderId: UserId;
  readonly timestamp: number;
  /** Its place among the publications of its topic, 1, 2, 3 … in one life of the topic's history. */
  readonly position: Position;
}

/** What a routing rule may look at. */
export type RoutedKind = 'TOPIC' | ConversationKind;

export interface RuleMatch {
  readonly on: readonly RoutedKind[];
  /** A pattern of topics; of messages, of their conversation's id. */
  readonly topic: string | null;
  readonly sender: UserId | null;
  /** A JSONata expression. */
  readonly where: string | null;
}

/** Topics or users, one of the two. */
export interface RuleTargets {
  readonly topics: readonly Topic[];
  readonly users: readonly UserId[];
}

/** Expressions of the text and the payload a message is to have; what is left out stays. */
export interface RuleTransform {
  readonly content?: string;
  readonly payload?: string;
}

export type RuleAction =
  | { readonly drop: true }
  /** As one expression it gives the payload, and the text stays. */
  | { readonly transform: string | RuleTransform }
  | { readonly forward: RuleTargets }
  | { readonly copy: RuleTargets };

/** What becomes of a message whose rule failed. */
export type RuleFaultPolicy = 'PASS' | 'REFUSE';

export interface RoutingRuleRecord {
  readonly id: RoutingRuleId;
  readonly name: string;
  readonly enabled: boolean;
  readonly priority: number;
  readonly match: RuleMatch;
  readonly action: RuleAction;
  readonly onFault: RuleFaultPolicy;
  readonly updatedAt: number;
  readonly updatedBy: UserId;
}

/** What a rule makes of a message. */
export type RuleOutcome = 'PASS' | 'DROP' | 'TRANSFORM' | 'FORWARD' | 'COPY' | 'FAULT';

export interface RuleVerdict {
  readonly outcome: RuleOutcome;
  readonly content: string;
  readonly payload: unknown;
  readonly targets: RuleTargets;
  /** Why it failed. */
  readonly fault: string | null;
}

/** How far a session has been given what its user was sent. */
export interface InboxRecord {
  readonly positions: ReadonlyMap<ConversationId, Position>;
}

/** In a conversation that a checkpoint names. */
export interface CheckpointPoint {
  readonly position: Position;
  /** Of the conversation, as it was told last. */
  readonly version: number;
}

/** Up to where a reader of an inbox has everything. */
export interface InboxPlace {
  /** All that was written up to then, by the engine's clock, … */
  readonly time: number;
  /** … what happened to the list up to here, … */
  readonly list: Position;
  /** … and of these conversations all up to where they are said to be, and nothing behind it. */
  readonly points: ReadonlyMap<ConversationId, CheckpointPoint>;
}

/** Where a reader of an inbox is told to be. */
export interface CheckpointRecord {
  readonly isLive: boolean;
  /** Whose inbox it is. */
  readonly viewer: Viewer;
  readonly place: InboxPlace;
}

/** Where a reader of an inbox comes back to; of a conversation it can be asked whether it is named. */
export type InboxReturn = Omit<InboxPlace, 'points'> & {
  pointOf(id: ConversationId): CheckpointPoint | undefined;
};

/** A conversation as it is in a user's list: what the list is ordered by, and what the user keeps of it. */
export interface ListedConversation {
  readonly conversationId: ConversationId;
  readonly kind: ConversationKind;
  /** When the last message was sent; before the first, when it was created. */
  readonly activity: number;
  readonly lastSequence: number;
  readonly readSequence: number;
  readonly isPinned: boolean;
  readonly isArchived: boolean;
  readonly isMarkedUnread: boolean;
  /** Null: not muted. May lie in the past. */
  readonly mutedUntil: number | null;
  /** The other user of a DIRECT conversation. */
  readonly peer: UserId | null;
}

/** A reference to an entity of the main API. */
export interface UserReference {
  readonly id: UserId;
}

/** What happened to a message. */
export type MessageChange = 'SENT' | 'EDITED' | 'DELETED' | 'REACTED' | 'FINISHED';

export interface SessionRecord {
  readonly id: SessionId;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly deviceName: string | null;
  readonly userAgent: string | null;
  /** Of its access tokens, space-separated. */
  readonly scope: string;
  /** Of its access tokens. */
  readonly topics: TopicClaims;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** SHA-256 of the refresh token's secret, base64url. */
  readonly currentHash: string;
  /** Of the one before it; empty at first. */
  readonly previousHash: string;
  /** What made the current secret out of the one before it. */
  readonly nonce: string;
  readonly rotatedAt: number;
  /** Of those before the previous one, latest last. */
  readonly usedHashes: readonly string[];
  /** Counts writes, from 1. */
  readonly version: number;
}

export interface SessionTokens {
  readonly session: SessionRecord;
  readonly accessToken: string;
  readonly accessTokenExpiresAt: number;
  readonly refreshToken: string;
  readonly refreshTokenExpiresAt: number;
}

/** What one user changes, by the rate that counts it; `src/rates/classes.ts` says which fields and frames are which. */
export type Change =
  | 'message'
  | 'signal'
  | 'reaction'
  | 'append'
  | 'creation'
  | 'membership'
  | 'list'
  | 'session-creation'
  | 'session'
  | 'admin'
  | 'rule-test';

/** A rate to which all nodes together hold a user or a tenant. */
export type RateName =
  | `user-${Exclude<Change, 'message'>}`
  | 'user-messages'
  | 'user-reads'
  | 'user-named'
  | 'user-connections'
  | 'service-changes'
  | 'tenant-messages';

/** What was used of a rate on one node. */
export interface RateUse {
  readonly rate: RateName;
  readonly tenant: TenantId;
  /** Null: of a rate of the tenant. */
  readonly userId: UserId | null;
  readonly count: number;
}

/**
 * A change of which only the latest counts: typing, presence, a read position.
 *
 * Over its rate it is not refused: it answers as if it had been applied.
 */
export interface Signal<Answer> {
  /** One of the same kind that ranks as high takes the place of one that waits. */
  readonly kind: string;
  readonly rank: number;
  /** What becomes of it over the rate: let go, or applied as soon as the rate allows, before or after others. */
  readonly late: 'let-go' | 'in-turn' | 'first';
  apply(): Promise<Answer>;
  asIfApplied(): Answer | Promise<Answer>;
}

/** Counts what a caller does against their rates. */
export interface Meter {
  /** Counts a change, and the people it names. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  count(change: Exclude<Change, 'signal'>, named?: number): void;
  /** Gives back the people of a call that was counted and then refused as bad input: it named nobody. */
  unname(named: number): void;
  /** Applies a signal now, or later, or not at all; refuses none. */
  signal<Answer>(signal: Signal<Answer>): Promise<Answer>;
  /** Counts a subscription. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  subscribe(): void;
  /** Takes the units that an operation may cost, before it runs. @throws {ServiceError} RATE_LIMITED, with `retryAfterMs`. */
  read(units: number): void;
  /** Takes what an operation cost beyond that, or gives back what it did not. */
  settle(units: number): void;
  /** Takes units for what is done whatever is left of them. Whoever has none left is counted as if refused. */
  spend(units: number): void;
  /** Counts that something was refused for want of room that the caller has used up. */
  overrun(): void;
  /** Takes a share of what the response to an event cost. @throws {ServiceError} QUERY_TOO_COSTLY. */
  hear(units: number): void;
  /** The meter of a user whom the caller has just proven to be. */
  of(viewer: Viewer): Meter;
}

/** Of each conversation: how many messages are kept, those up to which age, or all. */
export type Retention = number | { readonly ageMs: number } | null;

/** What consumers are told of. */
export const EVENT_TYPES = [
  'MESSAGE_SENT',
  'MESSAGE_CHANGED',
  'MESSAGE_DELETED',
  'MESSAGE_FINISHED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'CONVERSATION_CREATED',
  'CONVERSATION_DELETED',
  'PUBLISHED',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface ConsumerRecord {
  readonly name: string;
  readonly events: readonly EventType[];
  /** Null: of all of them. */
  readonly conversations: readonly ConversationId[] | null;
  /** Patterns; null: all topics. */
  readonly topics: readonly string[] | null;
}

/** An event as consumers are given it. */
export interface ShownEvent {
  readonly id: string;
  /** Of `MESSAGE_SENT`: `message.sent`. */
  readonly type: string;
  readonly time: number;
  readonly subject: string;
  readonly data: unknown;
  readonly attempt: number;
}
