/**
 * Applies changes of members to the index of each user concerned, and announces them to these users.
 *
 * An index has its user's hash tag and cannot change in one step with the conversation. So the script that changes the
 * members also notes, in the conversation's slot, the users whose indexes lack the change, each with a version. The
 * next caller that touches the conversation gets the notes and applies them: the node that made the change, a client
 * that retries after a lost answer, or any reader or writer after a node died in between. An index accepts only a
 * version above its own, so applying a note is idempotent and may happen in any order.
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
   * Applies all notes; the indexes are up to date when this resolves. Rejects with SERVICE_UNAVAILABLE; remaining notes
   * stay. `just`: the number of users whom the script has just noted.
   */
  settle(tenant: TenantId, id: ConversationId, unsettled: Unsettled, just?: number): Promise<void>;
  /** Reads the notes of a conversation and applies them. */
  settleAll(tenant: TenantId, id: ConversationId): Promise<void>;
  /** Applies notes in the background. */
  notice(tenant: TenantId, id: ConversationId, unsettled: Unsettled): void;
}

export function createMemberships(
  { run, runOne }: Scripts,
  keys: Keys,
  log: Log,
  recent: RecentChanges | null,
): Memberships {
  /** Conversations whose notes are being applied in the background. */
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

  /** Drops applied notes; returns the remaining ones. */
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
      // These were all. Later notes are applied by the callers who made them.
      if (notes.length < asked) return forgotten(tenant, id, forgetting);
      open = await forgetting;
      asked = LIMITS.unsettledMemberships;
    }
  }

  function forgotten(tenant: TenantId, id: ConversationId, forgetting: Promise<Unsettled>): void {
    // If dropping fails the next caller applies them again, which changes nothing.
    forgetting
      .then((rest) => notice(tenant, id, rest))
      .catch((error: unknown) => log.debug({ err: error, tenant, conversation: id }, 'settled notes not forgotten'));
  }

  function notice(tenant: TenantId, id: ConversationId, unsettled: Unsettled): void {
    const key = JSON.stringify([tenant, id]);
    if (unsettled.length === 0 || noticed.has(key)) return;
    noticed.add(key);
    settle(tenant, id, unsettled)
      // The next caller that touches the conversation finds the rest.
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
