/** Adds or removes one reaction of a message. */
import { LIMITS } from '../../limits.ts';
import type { ReactionRecord, UserId } from '../../model.ts';
import type { MessageRow } from './message-rows.ts';

/** Returns the new reactions as JSON, or the reason why nothing changes. */
export function withReaction(
  row: MessageRow,
  userId: UserId,
  emoji: string,
): Partial<MessageRow> | 'unchanged' | 'deleted' | 'full' {
  if (row.deleted_at !== null) return 'deleted';
  const reactions = JSON.parse(row.reactions) as ReactionRecord[];
  const same = reactions.find((each) => each.emoji === emoji);
  if (same?.userIds.includes(userId)) return 'unchanged';
  const total = reactions.reduce((sum, { userIds }) => sum + userIds.length, 0);
  const own = reactions.filter(({ userIds }) => userIds.includes(userId)).length;
  if (own >= LIMITS.emojisPerUserAndMessage || total >= LIMITS.reactionsPerMessage) return 'full';
  if (!same && reactions.length >= LIMITS.emojisPerMessage) return 'full';
  const next = same
    ? reactions.map((each) => (each === same ? { emoji, userIds: [...each.userIds, userId] } : each))
    : [...reactions, { emoji, userIds: [userId] }];
  return { reactions: JSON.stringify(next) };
}

export function withoutReaction(row: MessageRow, userId: UserId, emoji: string): Partial<MessageRow> | 'unchanged' {
  const reactions = JSON.parse(row.reactions) as ReactionRecord[];
  const same = reactions.find((each) => each.emoji === emoji);
  if (!same?.userIds.includes(userId)) return 'unchanged';
  const next = reactions
    .map((each) => (each === same ? { emoji, userIds: each.userIds.filter((one) => one !== userId) } : each))
    .filter(({ userIds }) => userIds.length > 0);
  return { reactions: JSON.stringify(next) };
}
