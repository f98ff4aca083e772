/**
 * A conversation with listeners on this node.
 *
 * Owns the position. Message announcements are passed on only in the order of
 * the log: when one is not the next, or the bus was interrupted, the
 * channel reads the gap from the log first (G05, G07). Other changes (name,
 * members, read positions, typing) are state: the latest is the whole truth, and
 * after an interruption it is read again.
 */
import type { Clock } from '../../clock.ts';
import type { Announcement, Engine, LeaveReason, Listening, ReadMove } from '../../engine/port.ts';
import { notFound, positionExpired, ServiceError } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type {
  ConversationId,
  ConversationRecord,
  Membership,
  MessageChange,
  MessageRecord,
  Position,
  TenantId,
  TypingRecord,
  UserId,
} from '../../model.ts';
import { Latest } from '../latest.ts';
import { notePast } from '../past.ts';
import { SharedRead } from '../shared-read.ts';
import type { Merging } from './merging.ts';
import { receiptsSince } from './read-moves.ts';
import { TypingBoard } from './typing-board.ts';
import { WritingBoard } from './writing-board.ts';
import type { ExtendedText, WrittenMessage } from './written-message.ts';

type ConversationAnnouncement = Extract<Announcement, { type: 'conversation' }>;

/** The cause of a change of a conversation: a message was sent, a member has read, or any other. */
export type ConversationCause = 'SENT' | 'READ' | 'CHANGED';

/** A read position that moved. Shared by all recipients. */
export interface ReadMoved extends ReadMove {
  readonly conversationId: ConversationId;
}

/** The events for a listener. Calls are synchronous and must not throw. */
export interface ChannelListener {
  /** The user whose membership the listener depends on; null: none, or not yet. */
  readonly member: UserId | null;
  isOf(membership: Membership | null): boolean;
  /** Whether it takes changes of the conversation itself; a listener that does not costs nothing then. */
  readonly takesConversation: boolean;
  onMessage(change: MessageChange, message: MessageRecord): void;
  /** The log's head, read just now: a listener past it may hold what the log has lost. */
  onHead(position: Position): void;
  onConversation(conversation: ConversationRecord, cause: ConversationCause): void;
  /** Whether it takes read positions. */
  readonly takesReads: boolean;
  onRead(moved: ReadMoved): void;
  onTyping(typing: TypingRecord): void;
  /** Whether it takes text that is added to messages. */
  readonly takesText: boolean;
  /** Text added since the last call, of a message whose text other listeners take as well. */
  onExtended(event: ExtendedText, written: WrittenMessage): void;
  /** The channel has passed on everything it knows of; called for listeners that take text. */
  onSettled(): void;
  /** The writer of the message is asked to stop. */
  onStop(message: MessageRecord): void;
  /** These users are no longer members. Null: the reason is unknown. */
  onLeft(userIds: readonly UserId[], why: LeaveReason | null): void;
  /** The channel cannot continue for this reason; nothing follows. */
  onLost(error: ServiceError): void;
}

/** Counts a gap in the announcements: closed from the log, or lost, which is reported to the listeners. */
export type CountHole = (outcome: 'closed' | 'lost') => void;

export interface ConversationChannelOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countHole: CountHole;
  readonly merging: Merging;
}

export class ConversationChannel {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly typing: TypingBoard;
  readonly writings: WritingBoard;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #countHole: CountHole;
  readonly #listeners = new Set<ChannelListener>();
  /** Listeners that take changes of the conversation itself. */
  readonly #watchers = new Set<ChannelListener>();
  /** Listeners that take text. */
  readonly #readers = new Set<ChannelListener>();
  #listening: Listening | null = null;
  #position: Position = { epoch: '', place: 0 };
  readonly #conversation = new Latest<ConversationRecord>();
  #lastSent: Pick<ConversationRecord, 'lastSequence' | 'lastActivityAt' | 'position'> | null = null;
  readonly #head: SharedRead<Position | null>;
  #isClosed = false;
  /** The reason for which it cannot continue; null: it can. */
  #loss: ServiceError | null = null;
  /** While the log is read, announcements are dropped: the log has them. */
  #isCatchingUp = true;
  #isBehind = false;
  /** After an interruption a removal may have been missed: nothing is delivered until the members were read. */
  #isInDoubt = false;
  /** The time up to which everything was heard before that; null: it is not in doubt. */
  #heardBefore: number | null = null;
  /** Whether read positions may have moved unheard. */
  #areReadsUnheard = false;
  #interruptions = 0;

  constructor(
    { engine, clock, log, countHole, merging }: ConversationChannelOptions,
    tenant: TenantId,
    id: ConversationId,
  ) {
    this.tenant = tenant;
    this.id = id;
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#countHole = countHole;
    this.#head = new SharedRead(async () => (await engine.readConversations(tenant, [id]))[0]?.position ?? null);
    const tell = (event: ExtendedText, written: WrittenMessage): void => {
      for (const reader of this.#readers) reader.onExtended(event, written);
    };
    this.writings = new WritingBoard({ engine, clock, log, merging, tenant, id, tell });
    this.typing = new TypingBoard(clock, id, (typing) => this.#each((listener) => listener.onTyping(typing)));
  }

  /** The last place of the log that was passed on. */
  get position(): Position {
    return this.#position;
  }

  /** The present head of the log: the channel is behind it while the bus is interrupted. Null: there is no log. */
  readHead(): Promise<Position | null> {
    return this.#head.ask();
  }

  /** The newest known state of the conversation. */
  get conversation(): ConversationRecord | null {
    return this.#conversation.current;
  }

  /** By `Clock.elapsed`: everything announced before this has been passed on. */
  get heardAt(): number {
    return this.#heardBefore ?? this.#listening?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether it has passed on everything it knows of. */
  get isSettled(): boolean {
    return !this.#isCatchingUp && !this.#isBehind && !this.#isInDoubt;
  }

  /** The channel cannot continue. The next listener needs a new one. */
  get isLost(): boolean {
    return this.#loss !== null;
  }

  /** Joins the bus, then notes the head; false when there is no such conversation. */
  async open(): Promise<boolean> {
    const { tenant, id } = this;
    this.#listening = await this.#engine.listen(
      { kind: 'conversation', tenant, id },
      {
        onAnnouncement: (announcement) => this.#receive(announcement),
        onInterrupted: () => this.#recover(),
      },
    );
    const take = this.#conversation.reading();
    const takeTyping = this.typing.reading();
    const [[conversation], [typing]] = await Promise.all([
      this.#engine.readConversations(tenant, [id]),
      this.#engine.readTyping(tenant, [id]),
    ]);
    if (!conversation) return false;
    this.#position = conversation.position;
    take(conversation);
    takeTyping(typing ?? []);
    this.#isCatchingUp = false;
    if (this.#isBehind) await this.#catchUp();
    return true;
  }

  /** A listener that comes to a lost channel is told at once, since no later event would tell it. */
  add(listener: ChannelListener): void {
    if (this.#loss) return listener.onLost(this.#loss);
    this.#listeners.add(listener);
    if (listener.takesConversation) this.#watchers.add(listener);
    if (listener.takesText) this.#readers.add(listener);
  }

  remove(listener: ChannelListener): void {
    this.#listeners.delete(listener);
    this.#watchers.delete(listener);
    this.#readers.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.typing.clear();
    this.writings.close();
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #each(tell: (listener: ChannelListener) => void): void {
    for (const listener of [...this.#listeners]) tell(listener);
  }

  #receive(announcement: Announcement): void {
    if (this.#isClosed) return;
    switch (announcement.type) {
      case 'message':
        return this.#receiveMessage(announcement.change, announcement.message);
      case 'conversation':
        if (announcement.left.length > 0) this.#tellLeft(announcement);
        for (const userId of announcement.left) this.typing.stop(userId);
        if (this.#isInDoubt) return void this.#readState();
        return this.#receiveConversation(announcement);
      case 'typing':
        if (this.#isInDoubt) return void this.#readState();
        return this.typing.hear(announcement.typing);
      case 'extension':
        return this.writings.extend(announcement.extension);
      case 'stop':
        // A writer that misses this learns of it with its next append.
        if (!this.#isInDoubt) this.#each((listener) => listener.onStop(announcement.message));
        return;
      default:
        return;
    }
  }

  #tellLeft({ left, why }: ConversationAnnouncement): void {
    this.#each((listener) => listener.onLeft(left, why ?? null));
  }

  #receiveConversation({ conversation, read }: ConversationAnnouncement): void {
    if (!this.#conversation.take(this.#withSent(conversation))) return;
    this.#tellConversation(read ? 'READ' : 'CHANGED');
    if (read) this.#tellRead(read);
  }

  #tellRead(read: ReadMove): void {
    const { userId, sequence, readAt } = read;
    const moved = { conversationId: this.id, userId, sequence, readAt };
    for (const listener of [...this.#listeners]) if (listener.takesReads) listener.onRead(moved);
  }

  #receiveMessage(change: MessageChange, message: MessageRecord): void {
    // While in doubt the channel reads the log instead, now or when the engine answers again.
    if (this.#isCatchingUp || this.#isInDoubt) {
      this.#isBehind = true;
      return;
    }
    const { epoch, place } = message.position;
    if (epoch === this.#position.epoch && place <= this.#position.place) return;
    if (epoch !== this.#position.epoch || place !== this.#position.place + 1) return void this.#catchUp();
    this.#pass(change, message);
  }

  #pass(change: MessageChange, message: MessageRecord): void {
    if (this.#isClosed) return;
    this.#position = message.position;
    if (change !== 'SENT') {
      notePast(message);
      // Text that readers do not have yet is delivered before its end.
      this.writings.changed(message);
    }
    // Not copied: a listener that leaves meanwhile gets no call, and none can join within a synchronous call.
    for (const listener of this.#listeners) listener.onMessage(change, message);
    if (change === 'SENT') this.#noteSent(message);
    if (message.state === 'STREAMING') this.writings.sent(message);
  }

  /** A message ends its sender's typing and updates the conversation. No other announcement says so. */
  #noteSent({ sequence, timestamp, position, senderId }: MessageRecord): void {
    this.typing.sent(senderId, timestamp);
    this.#lastSent = { lastSequence: sequence, lastActivityAt: timestamp, position };
    const before = this.#conversation.current;
    if (!before || sequence <= before.lastSequence) return;
    this.#conversation.amend({ ...before, lastSequence: sequence, lastActivityAt: timestamp, position });
    this.#tellConversation('SENT');
  }

  /** State that was read, or heard late, may be older than the last message, which no other announcement reports. */
  #withSent(conversation: ConversationRecord): ConversationRecord {
    const sent = this.#lastSent;
    const isNewer =
      sent?.position.epoch === conversation.position.epoch && sent.lastSequence > conversation.lastSequence;
    return isNewer ? { ...conversation, ...sent } : conversation;
  }

  #tellConversation(cause: ConversationCause): void {
    const { current } = this.#conversation;
    if (this.#isClosed || !current) return;
    for (const watcher of [...this.#watchers]) watcher.onConversation(current, cause);
  }

  #recover(): void {
    if (this.#isClosed) return;
    this.#heardBefore ??= this.#listening?.heardAt ?? Number.NEGATIVE_INFINITY;
    this.#interruptions += 1;
    this.#isInDoubt = true;
    this.writings.doubt();
    this.#conversation.doubt();
    void this.#readState();
    void this.#catchUp();
  }

  /** Reads the conversation, typing and members. Retries until the engine answers. */
  async #readState(): Promise<void> {
    const take = this.#conversation.reading();
    const takeTyping = this.typing.reading();
    try {
      const [[conversation], [typing]] = await Promise.all([
        this.#engine.readConversations(this.tenant, [this.id]),
        this.#engine.readTyping(this.tenant, [this.id]),
      ]);
      await this.#confirmMembers();
      if (this.#isClosed) return;
      if (conversation && take(this.#withSent(conversation))) {
        this.#tellConversation('CHANGED');
        this.#areReadsUnheard = true;
      }
      takeTyping(typing ?? []);
      await this.#tellReads();
      if (!this.#isInDoubt) this.#heardBefore = null;
    } catch (error) {
      this.#retry(error, () => void this.#readState());
    }
  }

  /** Reports the read positions that moved unheard. They are state: some may be sent again. */
  async #tellReads(): Promise<void> {
    if (!this.#areReadsUnheard || ![...this.#listeners].some(({ takesReads }) => takesReads)) return;
    const engine = this.#engine;
    const unheardMs = this.#clock.elapsed() - (this.#heardBefore ?? this.#clock.elapsed());
    const since = (await engine.time()) - unheardMs - TIMES.clocksApartMs;
    for await (const receipt of receiptsSince(engine, this, since)) this.#tellRead(receipt);
    this.#areReadsUnheard = false;
  }

  /** Passes on everything between the position and the log's head, in order. */
  async #catchUp(): Promise<void> {
    this.#isBehind = true;
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    try {
      while (this.#isBehind && !this.#isClosed) {
        this.#isBehind = false;
        if (!(await this.#readPage())) this.#isBehind = true;
      }
    } catch (error) {
      this.#isBehind = true;
      this.#retry(error, () => void this.#catchUp());
    } finally {
      this.#isCatchingUp = false;
    }
    this.#tellSettled();
  }

  /** True when the page reached the head. */
  async #readPage(): Promise<boolean> {
    const page = await this.#engine.readLog(this.tenant, this.id, this.#position, LIMITS.logPage);
    if (this.#isClosed) return true;
    if (page.outcome !== 'read') {
      if (page.outcome === 'expired') this.#lose(positionExpired(page.reason, { conversationId: this.id }));
      else this.#end(notFound('conversation', { conversationId: this.id }));
      return true;
    }
    if (page.entries.length > 0 || this.#isInDoubt) await this.#confirmMembers();
    for (const { change, message } of page.entries) {
      if (message) this.#pass(change, message);
      else this.#lose(positionExpired('RETENTION', { conversationId: this.id }));
    }
    if (!page.isWhole) return false;
    if (page.entries.length > 0) this.#countHole('closed');
    this.#each((listener) => listener.onHead(this.#position));
    return true;
  }

  /**
   * Removes listeners that are no longer members. Announcements come in order with removals, but entries
   * read from the log may follow a removal that was not announced (G08).
   */
  async #confirmMembers(): Promise<void> {
    const interruptions = this.#interruptions;
    const listeners = [...this.#listeners].filter(({ member }) => member !== null);
    const userIds = [...new Set(listeners.flatMap(({ member }) => member ?? []))];
    const keys = userIds.map((userId) => ({ conversationId: this.id, userId }));
    const memberships = await this.#engine.readMemberships(this.tenant, keys);
    const known = new Map(userIds.map((userId, index) => [userId, memberships[index] ?? null]));
    for (const listener of listeners) {
      const { member } = listener;
      if (member !== null && !listener.isOf(known.get(member) ?? null)) listener.onLeft([member], null);
    }
    if (interruptions !== this.#interruptions) return;
    this.#isInDoubt = false;
    this.writings.trust();
    this.#tellSettled();
  }

  #tellSettled(): void {
    if (this.isSettled) for (const reader of [...this.#readers]) reader.onSettled();
  }

  #lose(error: ServiceError): void {
    this.#log.warn(
      { tenant: this.tenant, conversation: this.id, reason: error.reason },
      'conversation channel lost its position',
    );
    this.#countHole('lost');
    this.#end(error);
  }

  #end(error: ServiceError): void {
    this.#isClosed = true;
    this.#loss = error;
    this.#each((listener) => listener.onLost(error));
    this.#listeners.clear();
    this.#watchers.clear();
    this.#readers.clear();
    this.writings.close();
  }

  #retry(error: unknown, again: () => void): void {
    if (this.#isClosed) return;
    const isExpected = error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE';
    if (!isExpected)
      this.#log.error({ tenant: this.tenant, conversation: this.id, err: error }, 'conversation channel failed');
    this.#clock.after(TIMES.retryMs, again);
  }
}
