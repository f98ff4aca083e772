/** A reader of streamed texts: the text it holds, and every breach of the guarantees (G20, G08). */
import { isDeepStrictEqual } from 'node:util';
import { Gate } from '../../src/delivery/back-pressure.ts';
import { AccessEnded, type ConversationStreamEvent } from '../../src/delivery/conversations/access-ended.ts';
import type { ExtendedText } from '../../src/delivery/conversations/written-message.ts';
import type { LiveStream, Sink } from '../../src/delivery/stream.ts';
import type { ConversationId, MessageId, MessageRecord } from '../../src/model.ts';

/** A message as its writer knows it. */
export class WrittenText {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  text: string;
  isOver = false;
  /** It was replaced: what is told may be shorter than what was told before. */
  isReplaced = false;
  /** Its text when it was deleted after its end, which is not told as text; null: it was not. */
  forgotten: string | null = null;
  /** What it was when its reader ceased to be a member: more may not be told. Null: the reader is one. */
  lastSeen: string | null = null;
  /** Every text that was stored, but those that another begins with. */
  readonly #stored: string[] = [];

  constructor({ id, conversationId, content }: Pick<MessageRecord, 'id' | 'conversationId' | 'content'>) {
    this.id = id;
    this.conversationId = conversationId;
    this.text = content;
    this.#stored.push(content);
  }

  become(text: string): void {
    if (text.startsWith(this.text)) this.#stored.pop();
    else this.isReplaced = true;
    this.#stored.push(text);
    this.text = text;
  }

  hasBegunWith(text: string): boolean {
    return this.#stored.some((stored) => stored.startsWith(text));
  }
}

export const lengthOf = (text: string): number => [...text].length;

export class StreamedReader implements Sink<ConversationStreamEvent<ExtendedText>> {
  readonly node: number;
  /** The only conversation it reads; null: all of its viewer's. */
  readonly named: ConversationId | null;
  readonly breaches: string[] = [];
  readonly held = new Map<MessageId, string>();
  /** Of each message the payload it was told last. */
  readonly #payloads = new Map<MessageId, unknown>();
  /** What it was told as a member that it is not any more. */
  readonly stale = new Set<MessageId>();
  /** Of which it was told that they have no text any more: they were deleted. */
  readonly #emptied = new Set<MessageId>();
  isOver = false;
  #isCongested = false;
  #stream: LiveStream<ConversationStreamEvent<ExtendedText>> | null = null;
  readonly #gate = new Gate();
  readonly #textOf: (id: MessageId) => WrittenText | undefined;

  constructor(node: number, named: ConversationId | null, textOf: (id: MessageId) => WrittenText | undefined) {
    this.node = node;
    this.named = named;
    this.#textOf = textOf;
  }

  begin(stream: LiveStream<ConversationStreamEvent<ExtendedText>>): void {
    this.#stream = stream;
    stream.pipe(this);
  }

  close(): void {
    void this.#stream?.return();
    this.end();
  }

  push(told: ConversationStreamEvent<ExtendedText>): void {
    if (told instanceof AccessEnded) return;
    const { messageId, offset, text, length, payload } = told;
    if (payload !== null) this.#payloads.set(messageId, payload);
    if (this.isOver) this.breaches.push(`told of ${messageId} past its end`);
    const written = this.#textOf(messageId);
    if (!written) return void this.breaches.push(`told of ${messageId}, which nobody wrote`);
    const before = this.held.get(messageId) ?? '';
    const points = [...before];
    if (offset > points.length) this.breaches.push(`a gap from ${points.length} to ${offset} in ${messageId}`);
    const next = points.slice(0, offset).join('') + text;
    if (lengthOf(next) !== length) this.breaches.push(`${lengthOf(next)} of ${length} in ${messageId}`);
    if (!written.hasBegunWith(next)) this.breaches.push(`${JSON.stringify(next)} was never the text of ${messageId}`);
    if (written.lastSeen?.startsWith(next) === false) this.breaches.push(`told of ${messageId} what members may read`);
    if (next !== '' && this.#emptied.has(messageId)) this.breaches.push(`told of ${messageId}, which it knew deleted`);
    if (next === '' && before !== '') this.#emptied.add(messageId);
    const isAnew = this.stale.delete(messageId);
    const isRepeated = offset < points.length && next.startsWith(before);
    if (isRepeated && !isAnew && !written.isReplaced) this.breaches.push(`told again of ${messageId} from ${offset}`);
    this.held.set(messageId, next);
  }

  withdraw(): void {
    // What was pushed was delivered.
  }

  end(): void {
    this.isOver = true;
    this.#gate.open();
  }

  isCongested(): boolean {
    return this.#isCongested && !this.isOver;
  }

  onRoom(resume: () => void): () => void {
    if (this.isCongested()) return this.#gate.add(resume);
    resume();
    return () => undefined;
  }

  lag(): void {
    this.#isCongested = true;
  }

  room(): void {
    this.#isCongested = false;
    this.#gate.open();
  }

  /** What is not as a query answers it, now that all is well. */
  judge(stored: ReadonlyMap<MessageId, MessageRecord | null>): string[] {
    if (this.isOver) return this.breaches;
    const wrong = [...stored].flatMap(([id, message]) => {
      const written = this.#textOf(id);
      const isFollowed = this.named === null || message?.conversationId === this.named;
      if (!message || written?.lastSeen !== null || !isFollowed) return [];
      const held = this.held.get(id);
      // Of what began and ended while nothing reached it, it holds nothing.
      if (message.state !== 'STREAMING' && (held === undefined || this.stale.has(id))) return [];
      // Whoever was told the end of it may not have been told of its deletion; nobody was told a part of it and no more.
      if (held === written.forgotten) return [];
      if ((held ?? '') !== message.content) return [`shows ${JSON.stringify(held)}, is ${JSON.stringify(message)}`];
      // What is deleted has none.
      const isWrong = message.payload !== null && !isDeepStrictEqual(this.#payloads.get(id), message.payload);
      return isWrong ? [`has ${JSON.stringify(this.#payloads.get(id))}, is ${JSON.stringify(message)}`] : [];
    });
    return [...this.breaches, ...wrong];
  }

  /** Of a message that was started when all was well, its text is told. */
  judgeDeafness(last: WrittenText | undefined): string[] {
    if (!last || this.isOver || last.lastSeen !== null) return [];
    if (this.named !== null && this.named !== last.conversationId) return [];
    return this.held.get(last.id) === last.text ? [] : [`hears nothing of ${last.id}`];
  }
}
