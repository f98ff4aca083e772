/** The text of a streamed message, as a reader builds it from events. */
import type { Data } from './service.ts';

export class StreamedTexts {
  readonly #texts = new Map<string, string>();
  /** What was wrong with an event: a gap, or a length that is not the text's. */
  readonly faults: string[] = [];

  /** Takes an event: keeps the text up to its offset, and adds. */
  take(event: { messageId: string; offset: number; text: string; length: number }): void {
    const { messageId, offset, text, length } = event;
    const before = [...(this.#texts.get(messageId) ?? '')];
    if (offset > before.length) this.faults.push(`a gap from ${before.length} to ${offset} in ${messageId}`);
    const next = [...before.slice(0, offset), ...text];
    if (next.length !== length) this.faults.push(`${next.length} of ${length} in ${messageId}`);
    this.#texts.set(messageId, next.join(''));
  }

  of(messageId: string): string | undefined {
    return this.#texts.get(messageId);
  }
}

/** The texts after these results of `messageStreamed`. */
export function textsOf(results: readonly Data[]): StreamedTexts {
  const texts = new StreamedTexts();
  for (const { messageStreamed } of results) texts.take(messageStreamed);
  return texts;
}
