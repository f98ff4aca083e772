/** How a message is known that is sent again: its sender's id for it, and what was sent under that. */
import { createHash } from 'node:crypto';
import type { MessageKey } from '../engine/port.ts';
import type { MessageId, UserId } from '../model.ts';
import type { Said } from './rule-run.ts';

/** Of the digest: enough that nobody finds two messages with the same. */
const DIGEST_BYTES = 16;

/** Objects with their keys in order: in JSON their order says nothing. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function keyOf(id: string, said: unknown): MessageKey {
  const hash = createHash('sha256').update(JSON.stringify(said, inOrder));
  return { id, digest: hash.digest().subarray(0, DIGEST_BYTES).toString('base64url') };
}

/** Null without an id, as of a message. */
export function publicationKey(id: string | null, payload: unknown): MessageKey | null {
  return id === null ? null : keyOf(id, payload);
}

/**
 * Null without an id: what has none cannot be told from another. Ids that a service gives to what it sends for a
 * user are its own, and never one of the user's: neither has a space.
 */
export function messageKey(
  id: string | null,
  { content, payload }: Said,
  replyToId: MessageId | null,
  via: UserId | undefined,
): MessageKey | null {
  if (id === null) return null;
  return keyOf(via === undefined ? id : `${via} ${id}`, [content, payload, replyToId]);
}
