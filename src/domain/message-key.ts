/** The idempotency key of a message: the sender's id for the message, and a digest of its contents. */
import { createHash } from 'node:crypto';
import type { MessageKey } from '../engine/port.ts';
import type { MessageId, UserId } from '../model.ts';
import type { MessageContents } from './rule-run.ts';

/** Bytes of the digest: enough to prevent collisions. */
const DIGEST_BYTES = 16;

/** Objects with sorted keys, since the order of keys has no meaning in JSON. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function keyOf(id: string, contents: unknown): MessageKey {
  const hash = createHash('sha256').update(JSON.stringify(contents, inOrder));
  return { id, digest: hash.digest().subarray(0, DIGEST_BYTES).toString('base64url') };
}

/** Null without an id, as for a message. */
export function publicationKey(id: string | null, payload: unknown): MessageKey | null {
  return id === null ? null : keyOf(id, payload);
}

/**
 * Null without an id: a repeated send then cannot be recognised. A space, which no id contains, separates the ids of a
 * back end that acts for a user from the user's own ids.
 */
export function messageKey(
  id: string | null,
  { content, payload }: MessageContents,
  replyToId: MessageId | null,
  via: UserId | undefined,
): MessageKey | null {
  if (id === null) return null;
  return keyOf(via === undefined ? id : `${via} ${id}`, [content, payload, replyToId]);
}
