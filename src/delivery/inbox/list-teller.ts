/** What a stream over all of a viewer's conversations and whoever tells of the list itself know of each other. */
import type { LeaveReason } from '../../engine/port.ts';
import type { ServiceError } from '../../errors.ts';
import type { ConversationId, Position } from '../../model.ts';
import type { Following } from '../conversations/following.ts';
import type { Room } from '../room.ts';
import type { ListReading } from './own-list.ts';

/** Tells of the list itself, in a stream of all of a viewer's conversations. Calls are synchronous where they answer no promise. */
export interface ListTeller {
  attach(stream: ToldStream): void;
  /** The place of the list's log from which its changes are told; null: from where it is. */
  readonly listPlace: Position | null;
  /** Takes what was read of the viewer's list, and finds out where each of it begins. Rejects as the engine does. */
  take(reading: ListReading): Promise<void>;
  /** Where the events of a conversation begin; null: live. */
  startOf(id: ConversationId, joined: Position | null): Position | null;
  /** Why a conversation does not begin where it was; null: it does. */
  expiryOf(id: ConversationId): ServiceError | null;
  onBegin(following: Following<object>, expiry: ServiceError | null): void;
  /** All that was listed is followed. */
  onListed(): void;
  /** An event was passed on. */
  onEvent(event: object): void;
  /** The viewer is not in it any more. Null: nothing says why. */
  onLeft(id: ConversationId, why: LeaveReason | null): void;
  /** What follows of it is not what followed before: it is begun anew. */
  onExpired(id: ConversationId, expiry: ServiceError): void;
  /** Nothing is replayed. */
  onIdle(): void;
  close(): void;
}

/** A stream as whoever tells of its list has it. */
export interface ToldStream {
  readonly isOpen: boolean;
  readonly isReplaying: boolean;
  readonly room: Room;
  tell(event: object): void;
  followed(): Iterable<Following<object>>;
  find(id: ConversationId): Following<object> | undefined;
  /** Resolves once it is known whether the viewer is in it still, and it is left if not. Never rejects. */
  confirm(following: Following<object>): Promise<void>;
}
