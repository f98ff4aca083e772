/** Inboxes as both engines keep them. */
import type { ConversationId, InboxRecord, Position } from '../../model.ts';

export type StoredPositions = Readonly<Record<string, readonly [epoch: string, place: number]>>;

export function encodeInbox(positions: InboxRecord['positions']): string {
  return JSON.stringify(Object.fromEntries([...positions].map(([id, { epoch, place }]) => [id, [epoch, place]])));
}

export function decodeInbox(stored: StoredPositions): Map<ConversationId, Position> {
  return new Map(Object.entries(stored).map(([id, [epoch, place]]) => [id as ConversationId, { epoch, place }]));
}
