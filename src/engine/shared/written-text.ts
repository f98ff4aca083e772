/**
 * The text of a streamed message, in the parts in which it is stored.
 *
 * All parts but the last have `LIMITS.writtenPartCharacters` code points, so an offset identifies its part, and an
 * append rewrites only the last part (G20).
 */
import { unitsPast } from '../../code-points.ts';
import { LIMITS } from '../../limits.ts';
import type { Writer } from '../port.ts';

const SIZE = LIMITS.writtenPartCharacters;

export interface TextPart {
  /** The index of the part, from 0. */
  readonly index: number;
  /** The text of the part. */
  readonly text: string;
}

/** Cuts a text that begins at an offset into parts. An empty text has none. */
export function partsOf(offset: number, text: string): TextPart[] {
  const parts: TextPart[] = [];
  let index = Math.floor(offset / SIZE);
  let room = SIZE - (offset % SIZE);
  for (let from = 0; from < text.length; index += 1) {
    const to = unitsPast(text, from, room);
    parts.push({ index, text: text.slice(from, to) });
    from = to;
    room = SIZE;
  }
  return parts;
}

/**
 * The stored form of a writer. No id contains a space, so a back end that writes for a user does not use the user's own
 * cap.
 */
export function writerKey({ senderId, via }: Writer): string {
  return via === undefined ? senderId : `${senderId} ${via}`;
}

/** When the next append may come; null: this one comes too soon. The appends of one second may come at once. */
export function paceAfter(freeAt: number, now: number, paceMs: number): number | null {
  const next = Math.max(freeAt, now) + paceMs;
  return next - now > Math.max(1_000, paceMs) ? null : next;
}
