/**
 * The consequences of a change of members: the index of each user concerned, and the announcement to them.
 *
 * An index lives under its user's hash tag and cannot change with the conversation.
 * So the script that changes the members notes, in the conversation's slot and in the
 * same step, the users whose indexes lack the change, each with a version. The next
 * caller that touches the conversation gets those notes and applies them: the node
 * that made the change, a client that retries because the answer was lost, or
 * any reader or writer after a node died in between. An index accepts only a version
 * above its own, so neither the number nor the order of the tries matters.
 */
import { LIMITS } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import type { Keys } from './keys.ts';
import type { RecentChanges } from './recent-changes.ts';

/** Notes as a script answers them: user, note, user, note, … */
export type Unsettled = readonly string[];

export interface Memberships {
  /**
   * Carries out all that is noted: the indexes have it when this resolves. Rejects with
   * SERVICE_UNAVAILABLE; what is left stays noted. `just`: of how many users the script that answered noted something.
   */
  settle(tenant: TenantId, id: ConversationId, unsettled: Unsettled, just?: number): Promise<void>;
  /** Looks for what is noted, and carries it out. */
  settleAll(tenant: TenantId, id: ConversationId): Promise<void>;
  /** Does so without being waited for. */
  notice(tenant: TenantId, id: ConversationId, unsettled: Unsettled): void;
}

export function createMemberships(
  { run, runOne }: Scripts,
  keys: Keys,
  log: Log,
  recent: RecentChanges | null,
): Memberships {
  /** Conversations whose notes are being carried out unwaited for. */
  const noticed = new Set<string>();

  async function index(tenant: TenantId, id: ConversationId, userId: UserId, note: string): Promise<void> {
    const at = keys.user(tenant, userId);
    const list = [at.order, at.entries, at.unread, at.large];
    await runOne(
      'index-membership',
      [at.conversations, at.joined, at.left, ...list, at.logState, at.log, at.membershipsMark, at.memberships],
      [id, note, nonce()],
      [LIMITS.leftConversationsPerUser, LIMITS.userLogEntries],
    );
  }

  /** Forgets what is in the indexes; answers what is noted besides. */
  async function forget(tenant: TenantId, id: ConversationId, settled: Unsettled): Promise<Unsettled> {
    const { outbox } = keys.conversation(tenant, id);
    return (await run('settle-memberships', [outbox], [...settled])) as string[];
  }

  async function settle(tenant: TenantId, id: ConversationId, unsettled: Unsettled, just = 0): Promise<void> {
    let asked = LIMITS.unsettledMemberships + just;
    for (let open = unsettled; open.length > 0; ) {
      recent?.rememberNotes(tenant, id, open);
      const notes = open.flatMap((userId, at) =>
        at % 2 === 0 ? [[userId as UserId, open[at + 1] ?? ''] as const] : [],
      );
      await Promise.all(notes.map(([userId, note]) => index(tenant, id, userId, note)));
      const forgetting = forget(tenant, id, open);
      // These were all. Later notes are for those who made them, and are not waited for.
      if (notes.length < asked) return forgotten(tenant, id, forgetting);
      open = await forgetting;
      asked = LIMITS.unsettledMemberships;
    }
  }

  function forgotten(tenant: TenantId, id: ConversationId, forgetting: Promise<Unsettled>): void {
    // The next to touch the conversation finds them again, and they change nothing.
    forgetting
      .then((rest) => notice(tenant, id, rest))
      .catch((error: unknown) => log.debug({ err: error, tenant, conversation: id }, 'settled notes not forgotten'));
  }

  function notice(tenant: TenantId, id: ConversationId, unsettled: Unsettled): void {
    const key = JSON.stringify([tenant, id]);
    if (unsettled.length === 0 || noticed.has(key)) return;
    noticed.add(key);
    settle(tenant, id, unsettled)
      // The next to touch the conversation finds the rest.
      .catch((error: unknown) => log.debug({ err: error, tenant, conversation: id }, 'memberships not settled'))
      .finally(() => noticed.delete(key));
  }

  return {
    settle,

    async settleAll(tenant, id) {
      await settle(tenant, id, await forget(tenant, id, []));
    },

    notice,
  };
}
