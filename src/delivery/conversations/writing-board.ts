/**
 * The messages being written in one conversation, for the readers on this node (G20).
 *
 * The board holds the text of each message. When an announcement does not fit, and after an interruption, it reads the
 * stored texts; announcements that arrive during a read wait for it. Readers that keep up get the same events, when
 * `Merging` says so.
 */
import { type Clock, nextTurn } from '../../clock.ts';
import type { Engine, WritingPage } from '../../engine/port.ts';
import { isOutage } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import {
  type ConversationId,
  isWithheld,
  type MessageId,
  type MessageRecord,
  type TenantId,
  type TextExtension,
} from '../../model.ts';
import { hasTurnEnded } from '../back-pressure.ts';
import { ArrivedTexts } from './arrived-texts.ts';
import type { Merging } from './merging.ts';
import { type ExtendedText, WrittenMessage } from './written-message.ts';

/** Added to the allowed silence of a writer, since announcements take time. */
const SILENCE_MARGIN_MS = 1_000;
/** How many messages with a missed end are read at a time: each may be long. */
const ENDED_AT_ONCE = 4;

/** One read of all messages being written. */
interface Reading {
  /** Messages that ended since the read began; its answer may still show them as being written. */
  readonly ended: Set<MessageId>;
}

export interface WritingBoardOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly merging: Merging;
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly deliver: (event: ExtendedText, written: WrittenMessage) => void;
}

export class WritingBoard {
  readonly #options: WritingBoardOptions;
  readonly #written = new Map<MessageId, WrittenMessage>();
  readonly #changed = new Set<WrittenMessage>();
  /** Announcements that arrived during a read. Null: no read is running. */
  #arrived: ArrivedTexts | null = null;
  /** The newest read, the only one that is used. An older one stops. */
  #reading: Reading | null = null;
  /** Set by the first reader; nothing is stored before. */
  #opening: Promise<void> | null = null;
  /** Between an interruption and the read of the members: no reader gets anything. */
  #isInDoubt = false;
  #isClosed = false;
  /** Stops the search for silent writers. */
  #stopLooking: (() => void) | null = null;
  readonly #deliverAll = (): void => this.#flush();

  constructor(options: WritingBoardOptions) {
    this.#options = options;
  }

  /** Resolves once all messages being written are known. */
  open(): Promise<void> {
    this.#opening ??= this.#begin();
    return this.#opening;
  }

  current(): Iterable<WrittenMessage> {
    return this.#written.values();
  }

  /** A message was started, as the log shows it. */
  sent(message: MessageRecord): void {
    // For a known message the announcements are newer than the log, which may have been read before them.
    if (!this.#opening || this.#written.has(message.id)) return;
    if (this.#arrived) this.#arrived.start(message);
    else this.#take(message);
  }

  /** A message changed. If it ended, the rest of its text is sent and the message is dropped. */
  changed(message: MessageRecord): void {
    if (!this.#opening || message.state === 'STREAMING') return;
    this.#reading?.ended.add(message.id);
    const written = this.#written.get(message.id);
    if (written) this.#end(written, message);
  }

  extend(extension: TextExtension): void {
    if (!this.#opening || this.#isClosed) return;
    if (this.#arrived) this.#arrived.extend(extension);
    else if (!this.#apply(extension)) this.#reread();
  }

  /** Announcements may be missing, a removal among them. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#arrived ??= new ArrivedTexts();
  }

  /** Readers that are not members have been removed. */
  trust(): void {
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    if (this.#opening) void this.#read();
    else this.#arrived = null;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopLooking?.();
    this.#options.merging.forget(this.#deliverAll);
    this.#written.clear();
  }

  async #begin(): Promise<void> {
    const reading = this.#newReading();
    try {
      await this.#list(reading);
      // No reader yet: the first gets all of it at once.
      this.#flush();
    } catch (error) {
      // Otherwise a newer read is running, which retries until it is answered.
      if (this.#reading === reading) {
        this.#opening = null;
        this.#arrived = null;
        this.#reading = null;
        throw error;
      }
    }
    this.#look();
  }

  /** Reads at intervals while any message is being written: a read aborts messages whose writers are gone. */
  #look(): void {
    if (this.#isClosed) return;
    this.#stopLooking = this.#options.clock.after(this.#untilLookMs(), () => {
      if (this.#written.size > 0) this.#reread();
      this.#look();
    });
  }

  /**
   * The time until a writer may have been silent for too long. Empty appends, which keep a message alive, are not
   * announced.
   */
  #untilLookMs(): number {
    const now = this.#options.clock.elapsed();
    let untilMs = TIMES.writingMs / 2;
    for (const { heardAt } of this.#written.values()) {
      const leftMs = heardAt + TIMES.writingMs + SILENCE_MARGIN_MS - now;
      if (leftMs > 0) untilMs = Math.min(untilMs, leftMs);
    }
    return untilMs;
  }

  #reread(): void {
    if (!this.#arrived) void this.#read();
  }

  #newReading(): Reading {
    this.#arrived ??= new ArrivedTexts();
    this.#reading = { ended: new Set() };
    return this.#reading;
  }

  async #read(reading = this.#newReading()): Promise<void> {
    try {
      await this.#list(reading);
    } catch (error) {
      if (!this.#isTaken(reading)) return;
      const { log, tenant, id } = this.#options;
      if (!isOutage(error)) log.error({ tenant, conversation: id, err: error }, 'streamed texts not read');
      this.#retry();
    }
  }

  #retry(): void {
    const reading = this.#newReading();
    this.#options.clock.after(TIMES.retryMs, () => {
      if (this.#isTaken(reading)) void this.#read(reading);
    });
  }

  /** Whether the result of a read is used: not after a newer read began, nor while the members are in doubt. */
  #isTaken(reading: Reading): boolean {
    return this.#reading === reading && !this.#isClosed && !this.#isInDoubt;
  }

  /**
   * Takes the messages being written and those that ended, page by page, then the announcements that arrived meanwhile.
   */
  async #list(reading: Reading): Promise<void> {
    const { engine, tenant, id } = this.#options;
    const listed = new Set<MessageId>();
    for (let after: number | null = 0; after !== null; ) {
      // Each page may be long, and a reader may have many conversations.
      while (hasTurnEnded()) await nextTurn();
      const page: WritingPage = await engine.listWritings(tenant, id, after);
      if (!this.#isTaken(reading)) return;
      for (const message of page.messages) {
        listed.add(message.id);
        if (!reading.ended.has(message.id)) this.#take(message);
      }
      after = page.next;
    }
    const gone = [...this.#written.keys()].filter((each) => !listed.has(each));
    for (let from = 0; from < gone.length; from += ENDED_AT_ONCE) {
      const some = gone.slice(from, from + ENDED_AT_ONCE);
      const messages = await engine.readMessages(tenant, some);
      if (!this.#isTaken(reading)) return;
      for (const [index, each] of some.entries())
        if (!reading.ended.has(each)) this.#takeGone(each, messages[index] ?? null);
    }
    this.#takeArrived(reading);
  }

  #takeGone(id: MessageId, message: MessageRecord | null): void {
    const written = this.#written.get(id);
    if (!message) this.#forget(id);
    else if (message.state === 'STREAMING') this.#take(message);
    else if (written) this.#end(written, message);
  }

  #forget(id: MessageId | undefined): void {
    const written = id && this.#written.get(id);
    if (!written) return;
    this.#written.delete(id);
    this.#changed.delete(written);
  }

  /** Takes the announcements that arrived during a read. */
  #takeArrived({ ended }: Reading): void {
    const { started, extensions, isOver } = this.#arrived ?? new ArrivedTexts();
    this.#arrived = null;
    this.#reading = null;
    for (const message of started) if (!this.#written.has(message.id) && !ended.has(message.id)) this.#take(message);
    // A message that is unknown now has ended, and its end was read.
    const misfits = extensions.filter((extension) => !this.#apply(extension) && this.#written.has(extension.messageId));
    // Not at once, since as much may be announced during the next read.
    if (isOver) this.#retry();
    else if (misfits.length > 0) this.#reread();
  }

  #take(message: MessageRecord): void {
    let written = this.#written.get(message.id);
    if (!written) {
      written = new WrittenMessage(message, this.#options.clock.elapsed());
      this.#written.set(message.id, written);
    }
    const before = written.length;
    written.become(message);
    if (written.length !== before) written.heardAt = this.#options.clock.elapsed();
    this.#note(written);
  }

  #end(written: WrittenMessage, message: MessageRecord): void {
    written.become(message);
    this.#changed.delete(written);
    this.#written.delete(message.id);
    this.#deliver(written);
  }

  /** False: something is missing, or no longer shown. */
  #apply(extension: TextExtension): boolean {
    if (isWithheld(extension)) return false;
    const written = this.#written.get(extension.messageId);
    if (!written?.extend(extension)) return false;
    written.heardAt = this.#options.clock.elapsed();
    this.#note(written);
    return true;
  }

  #note(written: WrittenMessage): void {
    this.#changed.add(written);
    this.#options.merging.add(this.#deliverAll);
  }

  #flush(): void {
    if (this.#isClosed || this.#isInDoubt) return;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const written of changed) this.#deliver(written);
  }

  #deliver(written: WrittenMessage): void {
    const event = written.nextEvent();
    if (event) this.#options.deliver(event, written);
  }
}
