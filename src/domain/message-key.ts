/** The key by which a repeated send is recognised: the sender's id for the message, and a digest of its contents. */
import { createHash } from 'node:crypto';
import type { MessageKey } from '../engine/port.ts';
import type { MessageId, UserId } from '../model.ts';
import type { Said } from './rule-run.ts';

/** Of the digest: enough that no two contents with the same digest can be found. */
const DIGEST_BYTES = 16;

/** Objects with their keys in order, since their order has no meaning in JSON. */
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
 * Null without an id, since such a message cannot be told from another. Ids that a service gives to messages for a
 * user are the service's own, and never equal one of the user's: neither has a space.
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
