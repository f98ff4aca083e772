/**
 * Announcements of texts that arrive during a read, up to a cap. Past the cap they are dropped, since the next read
 * includes them.
 */
import { LIMITS } from '../../limits.ts';
import type { MessageRecord, TextExtension } from '../../model.ts';
import { jsonSizeOf } from '../../rates/json-size.ts';

/** The overhead of an announcement in characters, beside its text and payload. */
const FRAME_CHARACTERS = 200;

function charactersOf(text: string, payload: unknown): number {
  const isObject = typeof payload === 'object' && payload !== null;
  return text.length + (isObject ? jsonSizeOf(payload).characters : String(payload).length) + FRAME_CHARACTERS;
}

export class ArrivedTexts {
  started: MessageRecord[] = [];
  extensions: TextExtension[] = [];
  /** Whether the cap was exceeded, and none is kept. */
  isOver = false;
  #characters = 0;

  start(message: MessageRecord): void {
    if (this.#hasRoomFor(message.content, message.payload)) this.started.push(message);
  }

  extend(extension: TextExtension): void {
    if (this.#hasRoomFor(extension.text, extension.payload)) this.extensions.push(extension);
  }

  #hasRoomFor(text: string, payload: unknown): boolean {
    if (this.isOver) return false;
    this.#characters += charactersOf(text, payload);
    this.isOver = this.#characters > LIMITS.queuedEventBytes;
    if (!this.isOver) return true;
    this.started = [];
    this.extensions = [];
    return false;
  }
}
