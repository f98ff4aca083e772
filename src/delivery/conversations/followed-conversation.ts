/** A conversation as one stream follows it: the selection of events, and the position. */
import type { ChannelAccess } from '../../access/seen.ts';
import type { LeaveReason } from '../../engine/port.ts';
import { positionExpired, type ServiceError } from '../../errors.ts';
import type {
  ConversationRecord,
  Membership,
  MessageChange,
  MessageRecord,
  Position,
  TypingRecord,
  UserId,
  Viewer,
} from '../../model.ts';
import type { Sink } from '../stream.ts';
import type { ConversationChannel } from './channel.ts';
import { isSame } from './client-positions.ts';
import type { ChannelListener, ConversationCause, ReadMoved } from './listeners.ts';
import type { ExtendedText, TextOffset, WrittenMessage } from './written-message.ts';

/** The events of a conversation that a stream takes; the channel does not call for those left out. */
export interface Selection<Event extends object> {
  message?(access: ChannelAccess, message: MessageRecord, change: MessageChange): Event | null;
  conversation?(access: ChannelAccess, conversation: ConversationRecord, cause: ConversationCause): Event | null;
  /** A read position that moved. */
  read?(access: ChannelAccess, moved: ReadMoved): Event | null;
  /** A conversation that the viewer joined. */
  joined?(access: ChannelAccess, conversation: ConversationRecord): Event | null;
  typing?(typing: TypingRecord, viewer: Viewer): Event | null;
  /** Text that is added to a message while it is written. */
  extension?(access: ChannelAccess, extension: ExtendedText): Event | null;
  /** A message whose writer is asked to stop. */
  stop?(access: ChannelAccess, message: MessageRecord, viewer: Viewer): Event | null;
  /** The same, of a conversation that the stream does not follow. */
  stopElsewhere?(message: MessageRecord, viewer: Viewer): Event | null;
}

/**
 * The viewer has deleted the conversation for themselves. Nothing is passed on until a message with a higher sequence
 * is sent.
 */
interface Hidden {
  readonly sequence: number;
  /** The position up to which events were passed on. */
  readonly position: Position;
  /** The version of the conversation that was sent last. */
  readonly version: number | undefined;
}

const NOTHING: TextOffset = { length: 0, units: 0 };
const NOWHERE: Position = { epoch: '', place: 0 };

/** The stream that follows a conversation. It is called when access or a channel has ended. */
export interface FollowingStream {
  readonly viewer: Viewer;
  onLeft(following: FollowedConversation<object>, userIds: readonly UserId[], why: LeaveReason | null): void;
  /** A message made a hidden conversation visible again. Events since the place at which it was hidden must follow. */
  onShown(following: FollowedConversation<object>): void;
  /** The reader may hold what the log has lost. */
  onAhead(following: FollowedConversation<object>): void;
  onChannelEnd(following: FollowedConversation<object>, error: ServiceError): void;
}

/** A conversation as one stream follows it: a listener of the conversation's channel. */
export class FollowedConversation<Event extends object> implements ChannelListener {
  readonly channel: ConversationChannel;
  /**
   * The log's head, when the channel was opened for this stream. Null: it was open already, and may be behind the
   * log.
   */
  readonly beganAt: Position | null;
  readonly takesConversation: boolean;
  readonly takesText: boolean;
  readonly takesReads: boolean;
  #hasLeft = false;
  /** The viewer's access, applied when it begins. */
  #admitted: ChannelAccess | null = null;
  /** Null: nothing of the conversation is passed on. */
  #access: ChannelAccess | null = null;
  /** When the viewer joined, by the engine's clock; null: they are not a member. */
  joinedAt: number | null = null;
  /** The ordinal of the viewer's membership that access depends on; null: none. */
  #ordinal: number | null = null;
  readonly #stream: FollowingStream;
  readonly #selection: Selection<Event>;
  readonly #queue: Pick<Sink<Event>, 'push' | 'isCongested' | 'onRoom'>;
  /** The last position passed on. During a replay, and while hidden, the place is infinite: nothing is passed on. */
  #epoch = '';
  #place = Number.POSITIVE_INFINITY;
  /** The position of the replay. */
  #reached: Position = NOWHERE;
  /** Counts how often the conversation was hidden, so that a replay that began before ends. */
  hidings = 0;
  /** Null: it is not hidden. */
  #hidden: Hidden | null = null;
  /** The streamed messages whose text this reader gets late, with the offset up to which it has each text. */
  #behind: Map<WrittenMessage, TextOffset> | null = null;
  /** Cancels the wait for room. */
  #stopWaiting: (() => void) | null = null;

  constructor(
    channel: ConversationChannel,
    stream: FollowingStream,
    selection: Selection<Event>,
    queue: Pick<Sink<Event>, 'push' | 'isCongested' | 'onRoom'>,
    isFirst: boolean,
  ) {
    this.channel = channel;
    this.beganAt = isFirst ? channel.position : null;
    this.#stream = stream;
    this.#selection = selection;
    this.takesConversation = selection.conversation !== undefined;
    this.takesText = selection.extension !== undefined;
    this.takesReads = selection.read !== undefined;
    this.#queue = queue;
  }

  /** False: the viewer may not see it, or was removed since. */
  admit(access: ChannelAccess | null, membership: Membership | null): boolean {
    if (this.#hasLeft) return false;
    this.#admitted = access;
    this.#ordinal = membership?.ordinal ?? null;
    this.joinedAt = membership?.joinedAt ?? null;
    return access !== null;
  }

  /** Nothing of the conversation follows. */
  leave(): void {
    this.#hasLeft = true;
    this.#admitted = null;
    this.#access = null;
    this.#hidden = null;
  }

  /** Nothing of the conversation follows until a message with a higher sequence is sent. */
  hide(sequence: number): void {
    const { conversation } = this.channel;
    if (!this.#access || (conversation?.lastSequence ?? 0) > sequence) return;
    this.#hidden = { sequence, position: this.position, version: conversation?.version };
    this.hidings += 1;
    this.#access = null;
    this.#place = Number.POSITIVE_INFINITY;
    this.#behind = null;
  }

  get isHidden(): boolean {
    return this.#hidden !== null;
  }

  /** Whether events are withheld until the conversation is visible again. */
  get isWithheld(): boolean {
    const { conversation, position } = this.channel;
    const hidden = this.#hidden;
    return hidden !== null && (conversation?.version !== hidden.version || !isSame(position, hidden.position));
  }

  /** Passes on the channel's events past this place. */
  goLive({ epoch, place }: Position): void {
    const { position } = this.channel;
    // All streams that follow the conversation share the string of one epoch.
    this.#epoch = epoch === position.epoch ? position.epoch : epoch;
    this.#place = place;
    this.#reached = NOWHERE;
    if (this.takesText) this.#beginTexts();
  }

  get member(): UserId | null {
    return this.#ordinal === null ? null : this.#stream.viewer.userId;
  }

  isOf(membership: Membership | null): boolean {
    return this.#ordinal === null || this.#ordinal === membership?.ordinal;
  }

  /** Whether no replay is under way, also while the conversation is hidden. */
  get isLive(): boolean {
    return this.#hidden !== null || this.#place !== Number.POSITIVE_INFINITY;
  }

  /** The position up to which everything was passed on. Approximate during a replay. */
  get position(): Position {
    if (this.#hidden) return this.#hidden.position;
    return this.isLive ? { epoch: this.#epoch, place: this.#place } : this.#reached;
  }

  /** Passes on everything past this place, and nothing before this call. */
  begin(position: Position): void {
    this.#access = this.#admitted;
    this.#reached = position;
  }

  /** A replay has passed on everything up to here. */
  reach(position: Position): void {
    this.#reached = position;
  }

  onMessage(change: MessageChange | null, message: MessageRecord): void {
    if (this.#hidden) return this.#receiveHidden(this.#hidden, change, message);
    const { epoch, place } = message.position;
    // A replay may have read past the channel, in an epoch of a log that has lost its end since.
    if (place <= this.#place) {
      if (place === this.#place && epoch !== this.#epoch)
        this.onChannelEnd(positionExpired('DIVERGED', { conversationId: this.channel.id }));
      return;
    }
    this.#epoch = epoch;
    this.#place = place;
    if (this.#behind && (change === 'EDITED' || change === 'DELETED')) this.#correctText(this.#behind, message);
    this.take(change, message);
  }

  #receiveHidden({ sequence, position }: Hidden, change: MessageChange | null, message: MessageRecord): void {
    if (change !== 'SENT' || message.sequence <= sequence) return;
    this.#hidden = null;
    this.begin(position);
    this.#stream.onShown(this);
  }

  onHead({ place }: Position): void {
    if (this.isLive && !this.#hidden && this.#place > place) this.#stream.onAhead(this);
  }

  /** Passes on a message, live or replayed, unless only a newer version knows the change. */
  take(change: MessageChange | null, message: MessageRecord): void {
    if (!change) return;
    const event = this.#access && this.#selection.message?.(this.#access, message, change);
    if (event) this.#queue.push(event);
  }

  onRead(moved: ReadMoved): void {
    const event = this.#access && this.#selection.read?.(this.#access, moved);
    if (event) this.#queue.push(event);
  }

  /** The viewer joined: for them the conversation is new. It may be hidden by now, but was not when they joined. */
  onJoined(): void {
    const { conversation } = this.channel;
    const event = this.#admitted && conversation && this.#selection.joined?.(this.#admitted, conversation);
    if (event) this.#queue.push(event);
  }

  onConversation(conversation: ConversationRecord, cause: ConversationCause): void {
    const event = this.#access && this.#selection.conversation?.(this.#access, conversation, cause);
    if (event) this.#queue.push(event);
  }

  onTyping(typing: TypingRecord): void {
    const event = this.#access && this.#selection.typing?.(typing, this.#stream.viewer);
    if (event) this.#queue.push(event);
  }

  onStop(message: MessageRecord): void {
    const event = this.#access && this.#selection.stop?.(this.#access, message, this.#stream.viewer);
    if (event) this.#queue.push(event);
  }

  /**
   * Passes text on as it arrives to a reader that keeps up. A slower reader gets more text less often, since the latest
   * state of a text is enough (G20).
   */
  onExtended(event: ExtendedText, written: WrittenMessage): void {
    if (!this.isLive || this.#hidden) return;
    const place = this.#behind?.get(written);
    if (!place && !this.#queue.isCongested()) return this.#pushText(event);
    this.#behind ??= new Map();
    const from = { length: event.offset, units: written.unitsOf(event) };
    if (!place || from.length < place.length) this.#behind.set(written, from);
    this.#catchUp();
  }

  /** A reader that is behind gets a text as it is now, without parts that were deleted meanwhile. */
  #correctText(behind: Map<WrittenMessage, TextOffset>, message: MessageRecord): void {
    for (const written of behind.keys()) {
      if (written.id !== message.id) continue;
      written.become(message);
      // Readers that keep up get the change itself.
      written.nextEvent();
      behind.set(written, NOTHING);
    }
  }

  /** Sends each text so far, with nothing between it and later additions. */
  #beginTexts(): void {
    for (const written of this.channel.writings.current()) {
      if (written.isUndelivered) continue;
      this.#behind ??= new Map();
      this.#behind.set(written, NOTHING);
    }
    this.#catchUp();
  }

  /** Missed events may concern a text. Until they are read, no reader gets its earlier state. */
  onSettled(): void {
    if (this.#behind) this.#catchUp();
  }

  #catchUp(): void {
    if (this.#stopWaiting || !this.channel.isSettled) return;
    for (const [written, place] of this.#behind ?? []) {
      if (!this.#access) return;
      if (this.#queue.isCongested()) return this.#wait();
      this.#behind?.delete(written);
      this.#pushText(written.since(place));
    }
    this.#behind = null;
  }

  #wait(): void {
    let isOver = false;
    const stop = this.#queue.onRoom(() => {
      isOver = true;
      this.#stopWaiting = null;
      // Not inside the write that made room.
      setImmediate(() => this.#catchUp());
    });
    if (!isOver) this.#stopWaiting = stop;
  }

  /** Nothing more is passed on. */
  close(): void {
    this.leave();
    this.#stopWaiting?.();
  }

  #pushText(extension: ExtendedText): void {
    const event = this.#access && this.#selection.extension?.(this.#access, extension);
    if (event) this.#queue.push(event);
  }

  onLeft(userIds: readonly UserId[], why: LeaveReason | null): void {
    this.#stream.onLeft(this, userIds, why);
  }

  onChannelEnd(error: ServiceError): void {
    this.#stream.onChannelEnd(this, error);
  }
}
