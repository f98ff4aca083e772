/** Opaque cursors of Relay connections, and opaque positions of the log. */
import type { ListSortKey, RoomSortKey } from '../engine/port.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type ConversationId, type ConversationRecord, isIdentifier, type Position, type Topic } from '../model.ts';
import { identifiers } from './input.ts';
import { isDigest, nameInPosition, ResumePoints } from './resume-points.ts';
import { isTopic } from './topic-name.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function decode(value: string): unknown {
  if (value.length > 1_024 || !/^[\w-]+$/.test(value)) return null;
  try {
    return JSON.parse(Buffer.from(value, 'base64url').toString());
  } catch {
    return null;
  }
}

const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

export type CursorKind = 'message' | 'member' | 'receipt';

export function encodeCursor(kind: CursorKind, place: number): string {
  return encode([kind, place]);
}

/** The number in a cursor of this kind. @throws {ServiceError} BAD_USER_INPUT for any other text. */
export function decodeCursor(kind: CursorKind, cursor: string, name: string): number {
  const value = decode(cursor);
  if (Array.isArray(value) && value.length === 2 && value[0] === kind && isNatural(value[1])) return value[1];
  throw badInput(`${name}: must be a cursor of this list.`);
}

/** The sort key of a session among its user's, latest first. */
export interface SessionSortKey {
  readonly createdAt: number;
  readonly id: string;
}

export function encodeSessionCursor({ createdAt, id }: SessionSortKey): string {
  return encode(['session', createdAt, id]);
}

export function decodeSessionCursor(cursor: string): SessionSortKey {
  const value = decode(cursor);
  if (Array.isArray(value) && value.length === 3 && value[0] === 'session') {
    const [, createdAt, id] = value as unknown[];
    if (isNatural(createdAt) && typeof id === 'string') return { createdAt, id };
  }
  throw badInput('after: must be a cursor of this list.');
}

/** Times have thirteen digits at most. */
const MOST_ACTIVITY = 10 ** 13;

/** The sort key of a conversation among its user's, latest activity first. */
export interface ConversationSortKey {
  readonly activity: number;
  readonly id: ConversationId;
}

export const sortKeyOf = ({ id, lastActivityAt, createdAt }: ConversationRecord): ConversationSortKey => ({
  activity: lastActivityAt ?? createdAt,
  id,
});

/** The first character of a cursor. No id begins with it: `User.conversations` takes ids as well. */
const PLACE_MARK = '~';

export function encodeConversationCursor(conversation: ConversationRecord): string {
  const { activity, id } = sortKeyOf(conversation);
  return PLACE_MARK + encode(['conversation', activity, id]);
}

/** Null for an id. @throws {ServiceError} BAD_USER_INPUT for a text that is neither cursor nor id. */
export function decodeConversationCursor(cursor: string): ConversationSortKey | null {
  if (!cursor.startsWith(PLACE_MARK)) return null;
  const value = decode(cursor.slice(PLACE_MARK.length));
  if (Array.isArray(value) && value.length === 3 && value[0] === 'conversation') {
    const [, activity, id] = value as unknown[];
    const isSortKey = isNatural(activity) && activity < MOST_ACTIVITY && typeof id === 'string' && isIdentifier(id);
    if (isSortKey) return { activity, id: id as ConversationId };
  }
  throw badInput('after: must be a cursor of this list.');
}

/** The sort key of an entry in an inbox. */
export function encodeInboxCursor({ isPinned, activity, id }: ListSortKey): string {
  return encode(['inbox', Number(isPinned), activity, id]);
}

export function decodeInboxCursor(cursor: string): ListSortKey {
  const value = decode(cursor);
  if (Array.isArray(value) && value.length === 4 && value[0] === 'inbox') {
    const [, isPinned, activity, id] = value as unknown[];
    const isSortKey = isNatural(activity) && activity < MOST_ACTIVITY && typeof id === 'string' && isIdentifier(id);
    if (isSortKey && (isPinned === 0 || isPinned === 1)) {
      return { isPinned: isPinned === 1, activity, id: id as ConversationId };
    }
  }
  throw badInput('after: must be a cursor of this list.');
}

/** The sort key of a room in the list of rooms. */
export function encodeRoomCursor({ name, id }: RoomSortKey): string {
  return encode(['room', name, id]);
}

export function decodeRoomCursor(cursor: string): RoomSortKey {
  const value = decode(cursor);
  if (Array.isArray(value) && value.length === 3 && value[0] === 'room') {
    const [, name, id] = value as unknown[];
    if (typeof name === 'string' && typeof id === 'string' && isIdentifier(id))
      return { name, id: id as ConversationId };
  }
  throw badInput('after: must be a cursor of this list.');
}

/** Separates the parts: no id and no epoch contains this character. */
const PART = '~';

/** Short, since a client in a thousand conversations sends a thousand of them in one frame. */
export function encodePosition(conversationId: ConversationId, { epoch, place }: Position): string {
  return Buffer.from([nameInPosition(conversationId), epoch, place.toString(36)].join(PART)).toString('base64url');
}

/** The position, and the name of its conversation in it. Positions of earlier versions contain long ids in full. */
function decodePosition(value: string, argument: string): Position & { readonly name: string } {
  const parts = decodeParts(value);
  if (parts.length === 3) {
    const [name, epoch, place] = parts;
    if (typeof name === 'string' && typeof epoch === 'string' && isNatural(place)) {
      if (isIdentifier(name)) return { name: nameInPosition(name as ConversationId), epoch, place };
      if (isDigest(name)) return { name, epoch, place };
    }
  }
  throw badInput(`${argument}: must be a position.`);
}

function decodeParts(value: string): unknown[] {
  const older = decode(value);
  if (Array.isArray(older)) return older;
  if (value.length > 1_024 || !/^[\w-]+$/.test(value)) return [];
  const [id, epoch, place = '', ...more] = Buffer.from(value, 'base64url').toString().split(PART);
  return /^[0-9a-z]{1,11}$/.test(place) ? [id, epoch, Number.parseInt(place, 36), ...more] : [];
}

/** Null: the publication was returned to its publisher only, and is not stored in the topic. */
export function encodeTopicPosition(topic: Topic, { epoch, place }: Position): string | null {
  return epoch === '' ? null : Buffer.from([topic, epoch, place.toString(36)].join(PART)).toString('base64url');
}

/** The position of each topic. @throws {ServiceError} BAD_USER_INPUT for two positions of one topic, or a position of another topic. */
export function topicPositions(
  topics: readonly Topic[],
  after: readonly string[] | null | undefined,
): ReadonlyMap<Topic, Position> {
  if ((after?.length ?? 0) > LIMITS.topicsPerSubscription) throw badInput('after: has too many positions.');
  const points = new Map<Topic, Position>();
  for (const text of after ?? []) {
    const [topic, epoch, place] = decodeParts(text);
    if (typeof topic !== 'string' || !isTopic(topic) || typeof epoch !== 'string' || !isNatural(place)) {
      throw badInput('after: must be a position.');
    }
    if (points.has(topic)) throw badInput('after: must have at most one position for each topic.');
    if (!topics.includes(topic)) throw badInput('after: must be of a subscribed topic.');
    points.set(topic, { epoch, place });
  }
  return points;
}

/** The arguments of a stream over conversations: the conversations, and the position in each. */
export interface StreamRequest {
  readonly conversationIds: readonly ConversationId[] | null;
  readonly after: ResumePoints;
}

/** Checks the arguments of a stream over conversations. `Last-Event-ID` replaces `after`. */
export function streamRequest(
  conversationIds: readonly string[] | null | undefined,
  after: readonly string[] | null | undefined,
  lastEventId: string | null = null,
): StreamRequest {
  const most = LIMITS.conversationsPerSubscription;
  const ids = conversationIds ? identifiers<ConversationId>(conversationIds, 'conversationIds', most) : null;
  if (ids?.length === 0) throw badInput('conversationIds: must have at least one id, or be left out.');
  if ((after?.length ?? 0) > LIMITS.positionsPerStream) throw badInput('after: has too many positions.');
  const names = ids && new Set(ids.map(nameInPosition));
  const isResumed = lastEventId !== null && ids?.length === 1;
  const [argument, positions] = isResumed ? ['Last-Event-ID', [lastEventId]] : ['after', after ?? []];
  const points = new Map<string, Position>();
  for (const text of positions) {
    const { name, ...position } = decodePosition(text, argument);
    if (points.has(name)) throw badInput('after: must have at most one position for each conversation.');
    if (names && !names.has(name)) throw badInput(`${argument}: must be of a subscribed conversation.`);
    points.set(name, position);
  }
  return { conversationIds: ids, after: new ResumePoints(points) };
}
