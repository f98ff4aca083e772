/** One stream's part in one channel: what it takes, and how far it is. */
import type { ChannelAccess } from '../access/seen.ts';
import { positionExpired, type ServiceError } from '../errors.ts';
import type {
  ConversationRecord,
  Membership,
  MessageChange,
  MessageRecord,
  Position,
  TypingRecord,
  UserId,
} from '../model.ts';
import type { ChannelListener, ConversationChannel } from './conversation-channel.ts';
import type { EventQueue } from './event-queue.ts';

/** What a stream takes of what happens in a conversation; what is left out is not listened to. */
export interface Selection<Event extends object> {
  message?(access: ChannelAccess, message: MessageRecord, change: MessageChange): Event | null;
  conversation?(access: ChannelAccess, conversation: ConversationRecord): Event | null;
  typing?(typing: TypingRecord): Event | null;
}

/** What becomes of a stream when access or a channel is lost. */
export interface Follower {
  readonly viewerId: UserId;
  onLeft(following: Following<object>, userIds: readonly UserId[]): void;
  /** It may hold what the log has lost. */
  onAhead(following: Following<object>): void;
  onLost(following: Following<object>, error: ServiceError): void;
}

/** One stream's part in one channel. */
export class Following<Event extends object> implements ChannelListener {
  readonly channel: ConversationChannel;
  readonly takesConversation: boolean;
  #hasLeft = false;
  /** Null: nothing of the conversation is passed on. */
  #access: ChannelAccess | null = null;
  /** Which membership of the viewer's it goes by; null: it goes by none. */
  #ordinal: number | null = null;
  readonly #follower: Follower;
  readonly #selection: Selection<Event>;
  readonly #queue: EventQueue<Event>;
  /** The position passed on last; while the log is replayed, nothing is passed on live. */
  #epoch = '';
  #place = Number.POSITIVE_INFINITY;

  constructor(channel: ConversationChannel, follower: Follower, selection: Selection<Event>, queue: EventQueue<Event>) {
    this.channel = channel;
    this.#follower = follower;
    this.#selection = selection;
    this.takesConversation = selection.conversation !== undefined;
    this.#queue = queue;
  }

  /** False: the viewer may not see it, or has been removed since. */
  admit(access: ChannelAccess | null, membership: Membership | null): boolean {
    if (this.#hasLeft) return false;
    this.#access = access;
    this.#ordinal = membership?.ordinal ?? null;
    return access !== null;
  }

  /** Nothing of the conversation follows. */
  leave(): void {
    this.#hasLeft = true;
    this.#access = null;
  }

  /** Passes on what the channel tells past this place. */
  goLive({ epoch, place }: Position): void {
    this.#epoch = epoch;
    this.#place = place;
  }

  get member(): UserId | null {
    return this.#ordinal === null ? null : this.#follower.viewerId;
  }

  isOf(membership: Membership | null): boolean {
    return this.#ordinal === null || this.#ordinal === membership?.ordinal;
  }

  get isLive(): boolean {
    return this.#place !== Number.POSITIVE_INFINITY;
  }

  get position(): Position {
    return { epoch: this.#epoch, place: this.#place };
  }

  onMessage(change: MessageChange, message: MessageRecord): void {
    const { epoch, place } = message.position;
    // A replay may have read past what the channel had heard, and known a life of the log that lost its end since.
    if (place <= this.#place) {
      if (place === this.#place && epoch !== this.#epoch)
        this.onLost(positionExpired('DIVERGED', { conversationId: this.channel.id }));
      return;
    }
    this.#epoch = epoch;
    this.#place = place;
    this.take(change, message);
  }

  onHead({ place }: Position): void {
    if (this.isLive && this.#place > place) this.#follower.onAhead(this);
  }

  /** Passes on a message, live or replayed. */
  take(change: MessageChange, message: MessageRecord): void {
    const event = this.#access && this.#selection.message?.(this.#access, message, change);
    if (event) this.#queue.push(event);
  }

  onConversation(conversation: ConversationRecord): void {
    const event = this.#access && this.#selection.conversation?.(this.#access, conversation);
    if (event) this.#queue.push(event);
  }

  onTyping(typing: TypingRecord): void {
    const event = this.#selection.typing?.(typing);
    if (event) this.#queue.push(event);
  }

  onLeft(userIds: readonly UserId[]): void {
    this.#follower.onLeft(this, userIds);
  }

  onLost(error: ServiceError): void {
    this.#follower.onLost(this, error);
  }
}
