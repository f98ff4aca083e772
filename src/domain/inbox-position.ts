/** Positions of an inbox: one short text for a user's positions in all conversations. */
import { createHash } from 'node:crypto';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CheckpointPoint, ConversationId, InboxPosition, InboxReturn } from '../model.ts';
import { streamRequest } from './cursor.ts';
import type { ResumePoints } from './resume-points.ts';

export interface InboxResumption {
  /** Null: no checkpoint yet. */
  readonly checkpoint: InboxReturn | null;
  readonly positions: ResumePoints;
}

/**
 * Separates the parts: no name and no epoch contains this character. The text also begins with it, unlike positions of
 * conversations.
 */
const PART = '~';
const KIND = 'inbox';
const PARTS_OF_POINT = 4;
/** 96 bits. A collision would confuse two conversations of this client, and reveal nothing of others. */
const NAME_CHARACTERS = 16;
/** The cap on the encoded text: the maximum of conversations, each with the longest epoch. */
const MOST_CHARACTERS = 100 + LIMITS.checkpointConversations * 100;

const nameOf = (id: ConversationId): string =>
  createHash('sha256').update(id).digest('base64url').slice(0, NAME_CHARACTERS);

const shortly = (value: number): string => value.toString(36);

export function encodeInboxPosition({ time, list, points }: InboxPosition): string {
  const parts = [...points].flatMap(([id, { position, version }]) => [
    nameOf(id),
    position.epoch,
    shortly(position.place),
    shortly(version),
  ]);
  const text = ['', KIND, shortly(time), list.epoch, shortly(list.place), ...parts].join(PART);
  return Buffer.from(text).toString('base64url');
}

const naturalOf = (text: string | undefined): number | null =>
  text !== undefined && /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : null;

/** Null: not a position of an inbox. */
function partsOf(text: string): string[] | null {
  if (text.length > MOST_CHARACTERS || !/^[\w-]+$/.test(text)) return null;
  const [before, kind, ...parts] = Buffer.from(text, 'base64url').toString().split(PART);
  return before === '' && kind === KIND ? parts : null;
}

function decode(parts: readonly string[], argument: string): InboxReturn {
  const [time, place] = [naturalOf(parts[0]), naturalOf(parts[2])];
  const named = parts.slice(3);
  if (time === null || place === null || named.length % PARTS_OF_POINT > 0)
    throw badInput(`${argument}: must be a position.`);
  const points = new Map<string, CheckpointPoint>();
  for (let at = 0; at < named.length; at += PARTS_OF_POINT) {
    const [name = '', epoch = ''] = named.slice(at, at + 2);
    const [pointPlace, version] = [naturalOf(named[at + 2]), naturalOf(named[at + 3])];
    if (pointPlace === null || version === null) throw badInput(`${argument}: must be a position.`);
    points.set(name, { position: { epoch, place: pointPlace }, version });
  }
  return { time, list: { epoch: parts[1] ?? '', place }, pointOf: (id) => points.get(nameOf(id)) };
}

/** Checks the position of a client in an inbox: a checkpoint, and the positions since. `Last-Event-ID` replaces `after`. */
export function inboxRequest(after: readonly string[] | null | undefined, lastEventId: string | null): InboxResumption {
  const [argument, given] = lastEventId === null ? ['after', after ?? []] : ['Last-Event-ID', [lastEventId]];
  if (given.length > LIMITS.positionsPerStream) throw badInput('after: has too many positions.');
  let checkpoint: InboxReturn | null = null;
  const positions: string[] = [];
  for (const text of given) {
    const parts = partsOf(text);
    if (!parts) positions.push(text);
    else if (checkpoint) throw badInput('after: must have at most one checkpoint.');
    else checkpoint = decode(parts, argument);
  }
  if (lastEventId !== null && !checkpoint) throw badInput('Last-Event-ID: must be a position of the inbox.');
  return { checkpoint, positions: streamRequest(null, positions).after };
}
