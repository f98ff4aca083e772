/**
 * Text that is written bit by bit, as the parts in which it is stored.
 *
 * All parts but the last have `LIMITS.writtenPartCharacters` code points, so that an offset
 * says which part it is in, and an append rewrites the last one only (G20).
 */
import { unitsPast } from '../../code-points.ts';
import { LIMITS } from '../../limits.ts';
import type { Writer } from '../port.ts';

const SIZE = LIMITS.writtenPartCharacters;

export interface TextPart {
  /** Which part, from 0. */
  readonly index: number;
  /** The part of the text that it holds. */
  readonly text: string;
}

/** A text that begins at an offset, cut where parts end. Nothing of an empty one. */
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

/** A writer as it is stored. No id has a space: what a service writes for a user takes none of the user's own room. */
export function writerKey({ senderId, via }: Writer): string {
  return via === undefined ? senderId : `${senderId} ${via}`;
}

/** When the next append may come, past this one; null: this one comes too soon. Appends of a second may come at once. */
export function paceAfter(freeAt: number, now: number, paceMs: number): number | null {
  const next = Math.max(freeAt, now) + paceMs;
  return next - now > Math.max(1_000, paceMs) ? null : next;
}
