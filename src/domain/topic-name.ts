/**
 * The canonical spelling of topics. Topics are compared as text, so each topic and the user id in it are stored in one
 * spelling.
 */
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isUserId, type Topic, type UserId } from '../model.ts';

const CHARACTERS = /^[A-Za-z0-9._:@/%-]+$/;

/** The id of a user in a topic: after `user.` up to the next `.` or `/`, after `user/` up to the next `/`. */
const OWNED = /^user(?:\.(?<plain>[^./]*)|\/(?<encoded>[^/]*))/;

/** The id after `user/`: percent-encoded (RFC 3986), including `~`, which no topic contains. */
function encodedInTopic(id: UserId): string {
  return encodeURIComponent(id).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The topic in its stored spelling. Every percent-encoding of the same id after `user/` names the same topic. */
export function inOneSpelling(topic: string): string {
  return topic.replace(/^user\/([^/*#]+)/, (given, id: string) => {
    const owner = decoded(id);
    return owner !== null && isUserId(owner) ? `user/${encodedInTopic(owner)}` : given;
  });
}

interface Owned {
  /** Null: the text in the place of the id names no user. */
  readonly owner: UserId | null;
  /** Null: the owner is spelled correctly. */
  readonly fault: string | null;
}

const NOBODY: Owned = {
  owner: null,
  fault: 'in user.<id> an id has no percent sign, in user/<id> it is percent-encoded, and it is the id of a user.',
};

/** Null for a topic without an owner. */
function ownedBy(topic: string): Owned | null {
  const { plain, encoded } = OWNED.exec(topic)?.groups ?? {};
  if (plain !== undefined) {
    return isUserId(plain) && !plain.includes('%') ? { owner: plain, fault: null } : NOBODY;
  }
  if (encoded === undefined) return null;
  const owner = decoded(encoded);
  return owner !== null && isUserId(owner) ? { owner, fault: null } : NOBODY;
}

/** The owner of a topic; null when there is none. */
export const ownerOf = (topic: Topic): UserId | null => ownedBy(topic)?.owner ?? null;

/** The fault of the user id in a topic, or in a pattern whose id has no wildcard; null: none. */
export function faultOfOwner(topic: string): string | null {
  return /^user\/[^/]*[*#]/.test(topic) ? null : (ownedBy(topic)?.fault ?? null);
}

/** The reason for which a text is not a topic; null for a topic. */
export function faultOfTopic(text: string): string | null {
  if (text.length > LIMITS.topicCharacters || !CHARACTERS.test(text)) {
    return `a topic is 1 to ${LIMITS.topicCharacters} of A-Z a-z 0-9 . _ : @ - / %`;
  }
  return faultOfOwner(text);
}

/** The topic that a text names, in its one spelling. @throws {ServiceError} BAD_USER_INPUT. */
export function topicOf(text: string, name: string): Topic {
  const spelled = inOneSpelling(text);
  const fault = faultOfTopic(spelled);
  if (fault !== null) throw badInput(`${name}: ${fault}`);
  return spelled as Topic;
}

export const isTopic = (text: string): text is Topic => faultOfTopic(text) === null;
