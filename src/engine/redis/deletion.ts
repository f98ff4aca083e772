/** Deletes a conversation in Redis, and removes it from its members' lists and the list of rooms. */
import { TIMES } from '../../limits.ts';
import type { ConversationId, TenantId } from '../../model.ts';
import type { Keys } from './keys.ts';
import type { ListKeeping } from './list-keeping.ts';
import type { MembershipNotes } from './memberships.ts';

type Outcome = 'deleted' | 'not-found' | 'not-allowed';

/** As the actor: the conversation is deleted only while it has no member. */
export const NOBODY = ['', 'NOBODY'] as const;

/** `actor`: script arguments for the member whose role is checked; empty for no check. */
export type DeleteConversation = (tenant: TenantId, id: ConversationId, actor: readonly string[]) => Promise<Outcome>;

type Keeping = Pick<ListKeeping, 'memberships' | 'rooms' | 'updates' | 'outbox'>;

export function createDeletion(keys: Keys, { memberships, rooms, updates, outbox: kept }: Keeping): DeleteConversation {
  return (tenant, id, actor) => {
    const at = keys.conversation(tenant, id);
    const { meta, members, joins, messages, log, typing, notes, streams, texts, stops, gone, channel } = at;
    const work = async (): Promise<Outcome> => {
      const [outcome, unapplied = []] = (await kept.run(
        tenant,
        at.events,
        'delete-conversation',
        [meta, members, joins, messages, log, typing, notes, streams, texts, stops, gone, channel],
        [TIMES.idempotencyMs, ...actor],
      )) as [Outcome, MembershipNotes?];
      await Promise.all([
        outcome === 'not-found' ? memberships.applyAll(tenant, id) : memberships.apply(tenant, id, unapplied),
        outcome !== 'not-allowed' && rooms.remove(tenant, id),
      ]);
      return outcome;
    };
    return updates.during(tenant, id, work, () => null);
  };
}
