/** The interface between a stream over all of a viewer's conversations and the reporter of changes of the list itself. */
import type { LeaveReason } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import type { ConversationId, Position } from '../../model.ts';
import type { BackPressure } from '../back-pressure.ts';
import type { FollowedConversation } from '../conversations/followed-conversation.ts';
import type { Sink } from '../stream.ts';
import type { ListReading } from './own-list.ts';

/** Reports changes of the list in a stream over all of a viewer's conversations. Calls without a promise are synchronous. */
export interface ListReporter {
  attach(stream: ReportingStream): void;
  /** The position of the list's log from which changes are reported; null: its present head. */
  readonly listPosition: Position | null;
  /** Takes a read of the viewer's list, and finds the start of each conversation. Rejects as the engine does. */
  take(reading: ListReading): Promise<void>;
  /** The position at which the events of a conversation begin; null: live. */
  startOf(id: ConversationId, joined: Position | null): Position | null;
  /** Why a conversation does not begin at its position; null: it does. */
  expiryOf(id: ConversationId): ServiceError | null;
  onBegin(following: FollowedConversation<object>, expiry: ServiceError | null): void;
  /** All listed conversations are followed. */
  onListed(): void;
  /** An event was passed on. */
  onEvent(event: object): void;
  /** The viewer is no longer in the conversation. Null: the reason is unknown. */
  onLeft(id: ConversationId, why: LeaveReason | null): void;
  /** A hidden conversation is visible again. The state that the viewer has of it may be old. */
  onShown(id: ConversationId): void;
  /** The events of a conversation do not continue the earlier ones: it begins again. */
  onExpired(id: ConversationId, expiry: ServiceError): void;
  /** No replay is running. */
  onIdle(): void;
  close(): void;
}

/** The destination of a stream's events. */
type Destination<Event extends object> = Pick<Sink<Event>, 'push' | 'isCongested' | 'onRoom'>;

/** Passes events on, and notifies the reporter of each. */
export function withReporter<Event extends object>(
  queue: Destination<Event>,
  reporter: ListReporter,
): Destination<Event> {
  return {
    push(event) {
      queue.push(event);
      reporter.onEvent(event);
    },
    isCongested: () => queue.isCongested(),
    onRoom: (resume) => queue.onRoom(resume),
  };
}

/** The stream as the reporter sees it. */
export interface ReportingStream {
  readonly isOpen: boolean;
  readonly isReplaying: boolean;
  readonly room: BackPressure;
  deliver(event: object): void;
  followed(): Iterable<FollowedConversation<object>>;
  find(id: ConversationId): FollowedConversation<object> | undefined;
  /** Resolves once the membership was checked, and the conversation left if it has ended. Never rejects. */
  confirm(following: FollowedConversation<object>): Promise<void>;
}
