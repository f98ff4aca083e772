/**
 * The contract of storage and bus. An engine keeps these promises and adds none.
 *
 * G01  What an operation has answered is stored: it survives the death of this process. Redis adds its own fsync
 *      policy, SQLite `synchronous=NORMAL` (a power cut may lose the last moments, a killed process nothing).
 * G02  An append repeated under the same key within 24 h returns the outcome of the first and announces nothing. An
 *      operation that rejects with SERVICE_UNAVAILABLE has an unknown outcome: done once, or not at all.
 * G03  Messages of a conversation are numbered 1, 2, 3 … without a gap, in the order of the log, whoever appends and
 *      however many at once.
 * G04  One (epoch, place) names one event for ever. When the log may have lost its end, the next append begins a new
 *      epoch.
 * G05  Announcements of a channel reach a listener in the order in which they were written, from the moment `listen`
 *      resolves, until `close` of the listening or a call of `onInterrupted`, which reports that some may be missing.
 * G06  `readLog` returns every entry past a position, in order, or the reason why it cannot.
 * G07  An interruption of the bus is reported by `onInterrupted` within 15 s of its end, also when no error reveals it;
 *      by then announcements arrive again. A single lost announcement is reported within `TIMES.headCheckMs` plus 2 s.
 * G08  Membership is decided inside the operation that needs it, and a change of members is announced on the
 *      conversation's channel in order with messages.
 * G09  Every operation touches one tenant: ids of another do not exist.
 * G11  A connection counts as present until `disconnect`, or until the node that recorded it has been dead for its
 *      lease.
 * G18  Only a user's own acts use up that user's limits.
 * G23  While a tenant has a consumer, each event is stored in the step of its change, and handed out at least once, in
 *      order.
 * G24  A webhook is held by one node at a time; an event that its receiver does not accept is kept, or becomes a dead
 *      letter.
 * G14  While its server is unavailable an operation fails within 2 s, and at once after a few failures; the engine
 *      reconnects by itself, and nothing needs to be reopened.
 *
 * Operations are atomic unless they say otherwise and take batches where a request may need many: a batch costs a
 * constant number of round trips. "Nothing happened" is a value with a reason; only faults are thrown, as ServiceError
 * SERVICE_UNAVAILABLE. After `close` every operation rejects with it.
 */

import type { BookmarkStore } from './port/bookmarks.ts';
import type { Bus } from './port/bus.ts';
import type { ConversationStore } from './port/conversations.ts';
import type { ListStore, RoomStore } from './port/lists.ts';
import type { MessageStore } from './port/messages.ts';
import type { BlockStore, PresenceStore, TypingStore } from './port/presence.ts';
import type { RateStore } from './port/rates.ts';
import type { SessionStore } from './port/sessions.ts';
import type { RoutingRuleStore, TopicPolicyStore } from './port/settings.ts';
import type { WritingStore } from './port/writings.ts';
import type { ConsumerStore } from './shared/consumer.ts';
import type { ConversationHead, HeadStore } from './shared/heads.ts';
import type { TopicStore } from './shared/publication.ts';
import type { UserLogEntry, UserLogStore } from './shared/user-log.ts';
import type { WebhookStore } from './shared/webhook.ts';

export type * from './port/bookmarks.ts';
export type * from './port/bus.ts';
export type * from './port/conversations.ts';
export type * from './port/lists.ts';
export type * from './port/messages.ts';
export type * from './port/observer.ts';
export type * from './port/presence.ts';
export type * from './port/rates.ts';
export type * from './port/sessions.ts';
export type * from './port/settings.ts';
export type * from './port/writings.ts';
export type { ConversationHead, UserLogEntry };

export interface EngineHealth {
  readonly status: 'up' | 'down';
  readonly latencyMs: number;
  readonly reason: string | null;
}

export interface Engine
  extends ConversationStore,
    MessageStore,
    WritingStore,
    PresenceStore,
    TypingStore,
    SessionStore,
    TopicStore,
    BookmarkStore,
    ListStore,
    UserLogStore,
    HeadStore,
    RoomStore,
    BlockStore,
    RoutingRuleStore,
    TopicPolicyStore,
    ConsumerStore,
    WebhookStore,
    RateStore,
    Bus {
  readonly kind: 'embedded' | 'redis';
  checkHealth(): Promise<EngineHealth>;
  close(): Promise<void>;
}
