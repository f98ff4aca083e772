/** Bookmarks as both engines keep them. */
import type { BookmarkRecord, ConversationId, Position } from '../../model.ts';

export type StoredPositions = Readonly<Record<string, readonly [epoch: string, place: number]>>;

export function encodeBookmark(positions: BookmarkRecord['positions']): string {
  return JSON.stringify(Object.fromEntries([...positions].map(([id, { epoch, place }]) => [id, [epoch, place]])));
}

export function decodeBookmark(stored: StoredPositions): Map<ConversationId, Position> {
  return new Map(Object.entries(stored).map(([id, [epoch, place]]) => [id as ConversationId, { epoch, place }]));
}
