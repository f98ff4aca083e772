/** A user's conversations as a list: latest activity first, in pages. */
import type { SeenConversation } from '../access/seen.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, Membership } from '../model.ts';
import { type ConversationPlace, decodeConversationCursor, placeOf } from './cursor.ts';
import { identifier, optional, pageSize } from './input.ts';

export interface UserConversationsPage {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly kind?: ConversationKind | null | undefined;
}

/** A conversation with the membership of the user whose list it is in. */
export type OwnConversation = readonly [SeenConversation, Membership];

const byActivity = (one: ConversationPlace, other: ConversationPlace): number =>
  other.activity - one.activity || (one.id < other.id ? -1 : Number(one.id !== other.id));

/** Latest activity first. */
export function sortByActivity(all: OwnConversation[]): OwnConversation[] {
  return all.sort(([one], [other]) => byActivity(placeOf(one), placeOf(other)));
}

export function pageOfUser(
  all: readonly OwnConversation[],
  { first, after, kind }: UserConversationsPage,
): SeenConversation[] {
  const most = pageSize(first ?? LIMITS.defaultPageSize, 'first');
  const start = optional(after, (cursor) => startBehind(all, cursor)) ?? 0;
  const page: SeenConversation[] = [];
  for (let index = start; index < all.length && page.length < most; index += 1) {
    const conversation = all[index]?.[0];
    if (conversation && (!kind || conversation.kind === kind)) page.push(conversation);
  }
  return page;
}

/** Where a page begins that goes on behind a cursor, or behind an id where that conversation is now. */
function startBehind(all: readonly OwnConversation[], cursor: string): number {
  const place = decodeConversationCursor(cursor);
  if (place) {
    const next = all.findIndex(([conversation]) => byActivity(placeOf(conversation), place) > 0);
    return next < 0 ? all.length : next;
  }
  const id = identifier<ConversationId>(cursor, 'after');
  const index = all.findIndex(([conversation]) => conversation.id === id);
  if (index < 0) throw badInput('after: not one of the user’s conversations.');
  return index + 1;
}

export function unreadOf(all: readonly OwnConversation[]): number {
  return all.reduce((sum, [{ lastSequence }, { readSequence }]) => sum + lastSequence - readSequence, 0);
}
