/** The arguments and answers of scripts that change a conversation. */
import type { Actor, MembershipChange } from '../port.ts';
import { decodeConversation } from './codec.ts';
import type { MembershipNotes } from './memberships.ts';

/** Empty without an actor. */
export const actorArgs = (actor: Actor | null): string[] => (actor ? [actor.userId, actor.least] : []);

export function toChange(answer: unknown): MembershipChange {
  const [outcome, conversation] = answer as [string, string];
  if (outcome === 'changed' || outcome === 'unchanged') {
    return { outcome, conversation: decodeConversation(conversation) };
  }
  return { outcome: outcome as Exclude<MembershipChange['outcome'], 'changed' | 'unchanged'> };
}

export type ChangeAnswer = readonly [
  outcome: MembershipChange['outcome'],
  conversation?: string,
  unapplied?: MembershipNotes,
];
