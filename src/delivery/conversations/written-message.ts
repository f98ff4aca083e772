/** A message that is being written, as far as this node knows it and its readers were told. */
import { lengthOf } from '../../code-points.ts';
import type { ConversationId, MessageId, MessageRecord, TextExtension } from '../../model.ts';

/**
 * What a reader is told: keep your text up to `offset` and add `text`.
 *
 * Shared by all who are told the same, so that it is rendered once for them.
 */
export interface ExtendedText {
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
  /** Of the text with it. */
  readonly length: number;
  /** The message's payload, where it may be news; null: as before. */
  readonly payload: unknown;
}

/** Up to where a reader has the text, in code points and in units of it as a string. */
export interface Place {
  readonly length: number;
  readonly units: number;
}

const START: Place = { length: 0, units: 0 };

export class WrittenMessage {
  readonly id: MessageId;
  /** When this node heard last of its writer, by the clock's `elapsed`. */
  heardAt: number;
  readonly #conversationId: ConversationId;
  #text = '';
  #length = 0;
  #payload: unknown = null;
  /** Up to where readers who keep up were told; null: they know nothing of it that holds. */
  #told: Place | null = START;
  #isPayloadTold = true;
  /** The event of a reader who begins, while nothing more is told. */
  #whole: ExtendedText | null = null;

  constructor({ id, conversationId }: MessageRecord, heardAt: number) {
    this.id = id;
    this.heardAt = heardAt;
    this.#conversationId = conversationId;
  }

  /** How long the text is that is known. */
  get length(): number {
    return this.#length;
  }

  /** Up to where the readers are who were told all that `tell` answered. */
  get told(): Place {
    return this.#told ?? START;
  }

  /** Whether all readers will be told the whole of it next: one who begins needs nothing before. */
  get isUntold(): boolean {
    return this.#told === null || (this.#told.units === 0 && this.#text !== '');
  }

  /** Takes what was added. False: it does not fit, and something is missing. */
  extend({ offset, text, length, payload }: TextExtension): boolean {
    if (offset === this.#length) {
      this.#text += text;
      this.#length = length;
      if (payload !== undefined) this.#setPayload(payload);
      return true;
    }
    return length <= this.#length;
  }

  /** Takes the whole text as it is stored. What it had, and that has not, is taken back from readers, too. */
  become({ content, payload }: Pick<MessageRecord, 'content' | 'payload'>): void {
    if (!content.startsWith(this.#text)) this.#told = null;
    this.#length = content.startsWith(this.#text)
      ? this.#length + lengthOf(content.slice(this.#text.length))
      : lengthOf(content);
    this.#text = content;
    if (JSON.stringify(payload) !== JSON.stringify(this.#payload)) this.#setPayload(payload);
  }

  /** What is news to the readers who keep up; null: nothing is. */
  tell(): ExtendedText | null {
    const from = this.#told;
    if (from && from.units === this.#text.length && this.#isPayloadTold) return null;
    this.#whole = null;
    const event = this.#event(from ?? START, this.#isPayloadTold && from ? null : this.#payload);
    this.#told = { length: this.#length, units: this.#text.length };
    this.#isPayloadTold = true;
    return event;
  }

  /** Where what was told last begins. */
  unitsOf({ text }: ExtendedText): number {
    return this.told.units - text.length;
  }

  /** What a reader is told who has the text up to a place, or nothing of it: as much as the others were. */
  since({ length, units }: Place): ExtendedText {
    if (length > 0) return this.#event({ length, units }, this.#payload, this.told);
    this.#whole ??= this.#event(START, this.#payload, this.told);
    return this.#whole;
  }

  #setPayload(payload: unknown): void {
    this.#payload = payload ?? null;
    this.#isPayloadTold = false;
  }

  #event(from: Place, payload: unknown, to: Place = { length: this.#length, units: this.#text.length }): ExtendedText {
    return {
      conversationId: this.#conversationId,
      messageId: this.id,
      offset: from.length,
      text: this.#text.slice(from.units, to.units),
      length: to.length,
      payload,
    };
  }
}
