/** The text of a message being written: what this node knows, and what its readers have. */
import { lengthOf } from '../../code-points.ts';
import type { ConversationId, MessageId, MessageRecord, TextExtension } from '../../model.ts';

/**
 * The event for readers: keep your text up to `offset` and add `text`.
 *
 * Shared by all readers with the same event, so that it is rendered once for them.
 */
export interface ExtendedText {
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
  /** Length of the text after the event. */
  readonly length: number;
  /** The message's payload, where it may have changed; null: unchanged. */
  readonly payload: unknown;
}

/** The end of a reader's text, in code points and in units of the string. */
export interface TextOffset {
  readonly length: number;
  readonly units: number;
}

const START: TextOffset = { length: 0, units: 0 };

export class WrittenMessage {
  readonly id: MessageId;
  /** The time of its writer's last announcement, by the clock's `elapsed`. */
  heardAt: number;
  readonly #conversationId: ConversationId;
  #text = '';
  #length = 0;
  #payload: unknown = null;
  /** The end of the text that readers who keep up have; null: they have nothing valid. */
  #delivered: TextOffset | null = START;
  #isPayloadDelivered = true;
  /** The event for a new reader, until more text is sent. */
  #whole: ExtendedText | null = null;

  constructor({ id, conversationId }: MessageRecord, heardAt: number) {
    this.id = id;
    this.heardAt = heardAt;
    this.#conversationId = conversationId;
  }

  /** The length of the known text. */
  get length(): number {
    return this.#length;
  }

  /** The end of the text that readers have after everything `nextEvent` returned. */
  get delivered(): TextOffset {
    return this.#delivered ?? START;
  }

  /** Whether all readers get the whole text next, so that a new reader needs no earlier event. */
  get isUndelivered(): boolean {
    return this.#delivered === null || (this.#delivered.units === 0 && this.#text !== '');
  }

  /** Takes an addition. False: it does not fit, and something is missing. */
  extend({ offset, text, length, payload }: TextExtension): boolean {
    if (offset === this.#length) {
      this.#text += text;
      this.#length = length;
      if (payload !== undefined) this.#setPayload(payload);
      return true;
    }
    return length <= this.#length;
  }

  /** Takes the whole stored text. Readers also lose text that is no longer part of it. */
  become({ content, payload }: Pick<MessageRecord, 'content' | 'payload'>): void {
    if (!content.startsWith(this.#text)) this.#delivered = null;
    this.#length = content.startsWith(this.#text)
      ? this.#length + lengthOf(content.slice(this.#text.length))
      : lengthOf(content);
    this.#text = content;
    if (JSON.stringify(payload) !== JSON.stringify(this.#payload)) this.#setPayload(payload);
  }

  /** The next event for readers that keep up; null: there is nothing new. */
  nextEvent(): ExtendedText | null {
    const from = this.#delivered;
    if (from && from.units === this.#text.length && this.#isPayloadDelivered) return null;
    this.#whole = null;
    const event = this.#event(from ?? START, this.#isPayloadDelivered && from ? null : this.#payload);
    this.#delivered = { length: this.#length, units: this.#text.length };
    this.#isPayloadDelivered = true;
    return event;
  }

  /** The start of the last sent text. */
  unitsOf({ text }: ExtendedText): number {
    return this.delivered.units - text.length;
  }

  /** The event for a reader that has the text up to an offset, or none. It brings the reader level with the others. */
  since({ length, units }: TextOffset): ExtendedText {
    if (length > 0) return this.#event({ length, units }, this.#payload, this.delivered);
    this.#whole ??= this.#event(START, this.#payload, this.delivered);
    return this.#whole;
  }

  #setPayload(payload: unknown): void {
    this.#payload = payload ?? null;
    this.#isPayloadDelivered = false;
  }

  #event(
    from: TextOffset,
    payload: unknown,
    to: TextOffset = { length: this.#length, units: this.#text.length },
  ): ExtendedText {
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
