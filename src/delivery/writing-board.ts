/**
 * The messages being written in one conversation, for the readers on this node (G20).
 *
 * Knows the text of each message. An announcement that does not fit is repaired from the stored
 * texts, and so is everything after an interruption; what is announced during a reading waits
 * for it. Readers who keep up are told the same events, `Merging` says when.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { isOutage } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { ConversationId, MessageId, MessageRecord, TenantId, TextExtension } from '../model.ts';
import type { Merging } from './merging.ts';
import { type ExtendedText, WrittenMessage } from './written-message.ts';

const RETRY_MS = 250;

export interface WritingBoardOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly merging: Merging;
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly tell: (event: ExtendedText, written: WrittenMessage) => void;
}

export class WritingBoard {
  readonly #options: WritingBoardOptions;
  readonly #written = new Map<MessageId, WrittenMessage>();
  readonly #changed = new Set<WrittenMessage>();
  /** What was announced during a reading. Null: nothing is being read. */
  #arrived: TextExtension[] | null = null;
  /** Ended since the newest reading began, whose answer may say that they are being written. */
  #ended: Set<MessageId> | null = null;
  /** Begun by the first reader; before, nothing is kept. */
  #opening: Promise<void> | null = null;
  /** Between an interruption and the answer who is a member still: nobody is told anything. */
  #isInDoubt = false;
  #isMissing = false;
  #isClosed = false;
  /** Looks for writers who are silent. */
  #stopLooking: (() => void) | null = null;
  readonly #tellAll = (): void => this.#flush();

  constructor(options: WritingBoardOptions) {
    this.#options = options;
  }

  /** Resolves once all that is being written is known. */
  open(): Promise<void> {
    this.#opening ??= this.#begin();
    return this.#opening;
  }

  current(): Iterable<WrittenMessage> {
    return this.#written.values();
  }

  /** A message was started, as the log shows it. */
  sent(message: MessageRecord): void {
    // Of one that is known the announcements say more than the log, which may have been read before them.
    if (!this.#opening || this.#written.has(message.id)) return;
    if (this.#arrived) this.#isMissing = true;
    else this.#take(message);
  }

  /** A message changed. One that ended is told to its end, and forgotten. */
  changed(message: MessageRecord): void {
    if (!this.#opening || message.state === 'STREAMING') return;
    this.#ended?.add(message.id);
    const written = this.#written.get(message.id);
    if (written) this.#end(written, message);
  }

  extend(extension: TextExtension): void {
    if (!this.#opening || this.#isClosed) return;
    if (this.#arrived) {
      // Of more than a reading ever waits for, the next reading knows.
      if (this.#arrived.length < LIMITS.queuedEvents) this.#arrived.push(extension);
      else this.#isMissing = true;
    } else if (!this.#apply(extension)) this.#reread();
  }

  /** Announcements may be missing, a removal among them. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#arrived ??= [];
  }

  /** Who is no member has been let go. */
  trust(): void {
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    if (this.#opening) void this.#read();
    else this.#arrived = null;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopLooking?.();
    this.#options.merging.forget(this.#tellAll);
    this.#written.clear();
    this.#changed.clear();
  }

  async #begin(): Promise<void> {
    try {
      this.#settle(await this.#list());
      // Nobody reads yet: whoever begins is told all of it at once.
      this.#flush();
    } catch (error) {
      this.#opening = null;
      this.#arrived = null;
      throw error;
    }
    this.#look();
  }

  /** Every so often, while anything is being written: a reading aborts what its writer left. */
  #look(): void {
    if (this.#isClosed) return;
    this.#stopLooking = this.#options.clock.after(TIMES.writingMs / 2, () => {
      if (this.#written.size > 0) this.#reread();
      this.#look();
    });
  }

  #reread(): void {
    if (!this.#arrived) void this.#read();
  }

  async #read(): Promise<void> {
    try {
      this.#settle(await this.#list());
    } catch (error) {
      if (this.#isClosed) return;
      const { log, tenant, id, clock } = this.#options;
      if (!isOutage(error)) log.error({ tenant, conversation: id, err: error }, 'streamed texts not read');
      clock.after(RETRY_MS, () => void this.#read());
    }
  }

  /** What is being written, and what became of that which is no more. Null: it is read anew, and this is older. */
  async #list(): Promise<MessageRecord[] | null> {
    const { engine, tenant, id } = this.#options;
    const ended = new Set<MessageId>();
    this.#ended = ended;
    this.#arrived ??= [];
    const listed = await engine.listWritings(tenant, id);
    const ids = new Set(listed.map((message) => message.id));
    const gone = [...this.#written.keys()].filter((each) => !ids.has(each));
    const goneNow = gone.length > 0 ? await engine.readMessages(tenant, gone) : [];
    if (this.#ended !== ended) return null;
    for (const [index, message] of goneNow.entries()) if (!message) this.#forget(gone[index]);
    return [...listed, ...goneNow.flatMap((message) => message ?? [])].filter(({ id: each }) => !ended.has(each));
  }

  #forget(id: MessageId | undefined): void {
    const written = id && this.#written.get(id);
    if (!written) return;
    this.#written.delete(id);
    this.#changed.delete(written);
  }

  /** Takes what was read, then what was announced meanwhile. */
  #settle(messages: readonly MessageRecord[] | null): void {
    if (this.#isClosed || !messages) return;
    // Another interruption: what was read now is read again once it is known who may be told.
    if (this.#isInDoubt) return;
    for (const message of messages) {
      const written = this.#written.get(message.id);
      if (message.state === 'STREAMING') this.#take(message);
      else if (written) this.#end(written, message);
    }
    const arrived = this.#arrived ?? [];
    this.#arrived = null;
    this.#ended = null;
    const isMissing = this.#isMissing;
    this.#isMissing = false;
    // Of one that is not known any more the end was read.
    const misfits = arrived.filter((extension) => !this.#apply(extension) && this.#written.has(extension.messageId));
    if (isMissing || misfits.length > 0) this.#reread();
  }

  #take(message: MessageRecord): void {
    let written = this.#written.get(message.id);
    if (!written) {
      written = new WrittenMessage(message);
      this.#written.set(message.id, written);
    }
    written.become(message);
    this.#note(written);
  }

  #end(written: WrittenMessage, message: MessageRecord): void {
    written.become(message);
    this.#changed.delete(written);
    this.#written.delete(message.id);
    this.#tell(written);
  }

  /** False: something is missing. */
  #apply(extension: TextExtension): boolean {
    const written = this.#written.get(extension.messageId);
    if (!written?.extend(extension)) return false;
    this.#note(written);
    return true;
  }

  #note(written: WrittenMessage): void {
    this.#changed.add(written);
    this.#options.merging.add(this.#tellAll);
  }

  #flush(): void {
    if (this.#isClosed || this.#isInDoubt) return;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const written of changed) this.#tell(written);
  }

  #tell(written: WrittenMessage): void {
    const event = written.tell();
    if (event) this.#options.tell(event, written);
  }
}
