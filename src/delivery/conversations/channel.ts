/**
 * A conversation with listeners on this node.
 *
 * The channel owns the position. It passes message announcements on only in the order of the log: when one is not the
 * next, or the bus was interrupted, it reads the gap from the log first (G05, G07). Other changes (name, members, read
 * positions, typing) are state: the latest value is enough, and it is read again after an interruption.
 */
import type { Announcement, KindElsewhere, Listening, ReadMove } from '../../engine/port.ts';
import { type ExpiryReason, isOutage, notFound, positionExpired, type ServiceError } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type {
  ConversationId,
  ConversationRecord,
  MessageChange,
  MessageRecord,
  Position,
  TenantId,
} from '../../model.ts';
import { CatchUp } from '../catch-up.ts';
import { notePast } from '../past.ts';
import { SharedRead } from '../shared-read.ts';
import { ChannelDoubt } from './channel-doubt.ts';
import type { ConversationChannelParts } from './channel-parts.ts';
import { ConversationState } from './conversation-state.ts';
import { type ChannelListener, type ConversationCause, Listeners } from './listeners.ts';
import { receiptsSince } from './read-moves.ts';
import { TypingBoard } from './typing-board.ts';
import { WritingBoard } from './writing-board.ts';

type ConversationAnnouncement = Extract<Announcement, { type: 'conversation' }>;

export class ConversationChannel {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly typing: TypingBoard;
  readonly writings: WritingBoard;
  readonly #parts: ConversationChannelParts;
  readonly #listeners = new Listeners();
  #listening: Listening | null = null;
  #position: Position = { epoch: '', place: 0 };
  readonly #conversation = new ConversationState();
  readonly #head: SharedRead<Position | null>;
  #isClosed = false;
  /** Why the channel cannot continue; null: it can. */
  #endedBy: ServiceError | null = null;
  /** Passes on everything between the position and the log's head, in order. */
  readonly #gap = new CatchUp(
    () => this.#readPage(),
    (error) => this.#retry(error, () => void this.#catchUp()),
  );
  readonly #doubt = new ChannelDoubt();
  /** Whether announcements of read positions may have been missed. */
  #mayHaveMissedReads = false;

  constructor(parts: ConversationChannelParts, tenant: TenantId, id: ConversationId) {
    const { engine, clock, log, merging } = parts;
    this.tenant = tenant;
    this.id = id;
    this.#parts = parts;
    this.#head = new SharedRead(async () => (await engine.readConversations(tenant, [id]))[0]?.position ?? null);
    const deliver = this.#listeners.deliverText.bind(this.#listeners);
    this.writings = new WritingBoard({ engine, clock, log, merging, tenant, id, deliver });
    this.typing = new TypingBoard(clock, id, (typing) => this.#listeners.each((listener) => listener.onTyping(typing)));
  }

  /** The last place of the log that was passed on. */
  get position(): Position {
    return this.#position;
  }

  /**
   * The present head of the log, which the channel has not reached while the bus is interrupted. Null: there is no log.
   */
  readHead(): Promise<Position | null> {
    return this.#head.ask();
  }

  /** The newest known state of the conversation. */
  get conversation(): ConversationRecord | null {
    return this.#conversation.current;
  }

  /** Every announcement before this time, by `Clock.elapsed`, has been passed on. */
  get heardAt(): number {
    return this.#doubt.heardBefore ?? this.#listenedAt;
  }

  get #listenedAt(): number {
    return this.#listening?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether the channel has passed on everything it received. */
  get isSettled(): boolean {
    return this.#gap.isDone && !this.#doubt.isInDoubt;
  }

  /** The channel cannot continue. The next listener needs a new one. */
  get hasEnded(): boolean {
    return this.#endedBy !== null;
  }

  /** Joins the bus, then notes the head; false when there is no such conversation. */
  async open(): Promise<boolean> {
    const { tenant, id } = this;
    this.#listening = await this.#parts.engine.listen(
      { kind: 'conversation', tenant, id },
      {
        onAnnouncement: (announcement) => this.#receive(announcement),
        onInterrupted: () => this.#recover(),
      },
    );
    const { read, take, takeTyping } = this.#reading();
    const [[conversation], [typing]] = await read;
    if (!conversation) return false;
    this.#position = conversation.position;
    take(conversation);
    takeTyping(typing ?? []);
    await this.#gap.begin();
    this.#notifySettled();
    return true;
  }

  /** A listener that is added to an ended channel is notified at once, since no event follows. */
  add(listener: ChannelListener): void {
    if (this.#endedBy) return listener.onChannelEnd(this.#endedBy);
    this.#listeners.add(listener);
  }

  remove(listener: ChannelListener): void {
    this.#listeners.remove(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#gap.close();
    this.typing.clear();
    this.writings.close();
    this.#listening?.close().catch((error: unknown) => this.#parts.log.warn({ err: error }, 'channel not closed'));
  }

  #receive(announcement: Announcement): void {
    if (this.#isClosed) return;
    switch (announcement.type) {
      case 'message':
        return this.#receiveMessage(announcement.change, announcement.message);
      case 'conversation':
        this.#receiveLeft(announcement);
        if (this.#doubt.isInDoubt) return void this.#readState();
        return this.#receiveConversation(announcement);
      case 'typing':
        if (this.#doubt.isInDoubt) return void this.#readState();
        return this.typing.receive(announcement.typing);
      case 'extension':
        return this.writings.extend(announcement.extension);
      case 'stop':
        // A writer that misses this learns of it with its next append.
        if (!this.#doubt.isInDoubt) this.#listeners.each((listener) => listener.onStop(announcement.message));
        return;
      default:
        announcement.type satisfies KindElsewhere;
    }
  }

  #receiveLeft({ left, why }: ConversationAnnouncement): void {
    if (left.length > 0) this.#listeners.each((listener) => listener.onLeft(left, why ?? null));
    for (const userId of left) this.typing.stop(userId);
  }

  #receiveConversation({ conversation, read }: ConversationAnnouncement): void {
    if (!this.#conversation.take(conversation)) return;
    this.#deliverConversation(read ? 'READ' : 'CHANGED');
    if (read) this.#deliverRead(read);
  }

  #deliverRead(read: ReadMove): void {
    const { userId, sequence, readAt } = read;
    this.#listeners.deliverRead({ conversationId: this.id, userId, sequence, readAt });
  }

  #receiveMessage(change: MessageChange | null, message: MessageRecord): void {
    // While in doubt the channel reads the log instead, now or when the engine answers again.
    if (this.#gap.isRunning || this.#doubt.isInDoubt) return this.#gap.missed();
    const { epoch, place } = message.position;
    if (epoch === this.#position.epoch && place <= this.#position.place) return;
    if (epoch !== this.#position.epoch || place !== this.#position.place + 1) return void this.#catchUp();
    this.#pass(change, message);
  }

  #pass(change: MessageChange | null, message: MessageRecord): void {
    this.#position = message.position;
    if (change !== 'SENT') {
      notePast(message);
      // Text that readers do not have yet is delivered before its end.
      this.writings.changed(message);
    }
    this.#listeners.deliverMessage(change, message);
    if (change === 'SENT') this.#noteSent(message);
    if (message.state === 'STREAMING') this.writings.sent(message);
  }

  /** A message ends its sender's typing and updates the conversation. No other announcement says so. */
  #noteSent(message: MessageRecord): void {
    this.typing.sent(message.senderId, message.timestamp);
    if (this.#conversation.sent(message)) this.#deliverConversation('SENT');
  }

  #deliverConversation(cause: ConversationCause): void {
    const { current } = this.#conversation;
    if (current && !this.#isClosed) this.#listeners.deliverConversation(current, cause);
  }

  /** Begins a read of the conversation and of typing. */
  #reading() {
    const { tenant, id } = this;
    const { engine } = this.#parts;
    const take = this.#conversation.reading();
    const takeTyping = this.typing.reading();
    const read = Promise.all([engine.readConversations(tenant, [id]), engine.readTyping(tenant, [id])]);
    return { read, take, takeTyping };
  }

  #recover(): void {
    if (this.#isClosed) return;
    this.#doubt.begin(this.#listenedAt);
    this.writings.doubt();
    this.#conversation.doubt();
    void this.#readState();
    void this.#catchUp();
  }

  /** Reads the conversation, typing and members. Retries until the engine answers. */
  async #readState(): Promise<void> {
    const { read, take, takeTyping } = this.#reading();
    try {
      const [[conversation], [typing]] = await read;
      await this.#confirmMembers();
      if (this.#isClosed) return;
      if (conversation && take(conversation)) {
        this.#deliverConversation('CHANGED');
        this.#mayHaveMissedReads = true;
      }
      takeTyping(typing ?? []);
      await this.#deliverMissedReads();
      this.#doubt.settle();
    } catch (error) {
      this.#retry(error, () => void this.#readState());
    }
  }

  /** Reports read positions whose announcements may have been missed. They are state, so some may be sent again. */
  async #deliverMissedReads(): Promise<void> {
    if (!this.#mayHaveMissedReads || !this.#listeners.takeReads) return;
    const { engine, clock } = this.#parts;
    const unheardMs = clock.elapsed() - (this.#doubt.heardBefore ?? clock.elapsed());
    const since = (await engine.time()) - unheardMs - TIMES.clocksApartMs;
    for await (const receipt of receiptsSince(engine, this, since)) this.#deliverRead(receipt);
    this.#mayHaveMissedReads = false;
  }

  async #catchUp(): Promise<void> {
    await this.#gap.run();
    this.#notifySettled();
  }

  /** True when the page reached the head. */
  async #readPage(): Promise<boolean> {
    const page = await this.#parts.engine.readLog(this.tenant, this.id, this.#position, LIMITS.logPage);
    if (this.#isClosed) return true;
    if (page.outcome !== 'read') {
      if (page.outcome === 'expired') this.#lose(page.reason);
      else this.#end(notFound('conversation', { conversationId: this.id }));
      return true;
    }
    if (page.entries.length > 0 || this.#doubt.isInDoubt) await this.#confirmMembers();
    for (const { change, message } of page.entries) {
      if (this.#isClosed) break;
      if (message) this.#pass(change, message);
      else this.#lose('RETENTION');
    }
    if (this.#isClosed || !page.isWhole) return false;
    if (page.entries.length > 0) this.#parts.countGap('closed');
    this.#listeners.each((listener) => listener.onHead(this.#position));
    return true;
  }

  /** The channel is no longer in doubt, unless it was interrupted again. */
  async #confirmMembers(): Promise<void> {
    const confirmed = this.#doubt.checking();
    await this.#listeners.confirmMembers(this.#parts.engine, this.tenant, this.id);
    if (!confirmed()) return;
    this.writings.trust();
    this.#notifySettled();
  }

  #notifySettled(): void {
    if (this.isSettled) this.#listeners.notifySettled();
  }

  #lose(reason: ExpiryReason): void {
    const { tenant, id } = this;
    this.#parts.log.warn({ tenant, conversation: id, reason }, 'conversation channel lost its position');
    this.#parts.countGap('lost');
    this.#end(positionExpired(reason, { conversationId: id }));
  }

  #end(error: ServiceError): void {
    this.#isClosed = true;
    this.#gap.close();
    this.#endedBy = error;
    this.#listeners.each((listener) => listener.onChannelEnd(error));
    this.#listeners.clear();
    this.writings.close();
  }

  #retry(error: unknown, again: () => void): void {
    if (this.#isClosed) return;
    if (!isOutage(error))
      this.#parts.log.error({ tenant: this.tenant, conversation: this.id, err: error }, 'conversation channel failed');
    this.#parts.clock.after(TIMES.retryMs, again);
  }
}
