/** Members of conversations in Redis: who joins, leaves, is added and removed; their lists follow. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MemberRole, TenantId, UserId } from '../../model.ts';
import type { ConversationStore, MembershipChange } from '../port.ts';
import { begun } from './attempt.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { ListKeeping } from './list-keeping.ts';
import { actorArgs, type ChangeAnswer, toChange } from './membership-answers.ts';
import { NO_RESERVATION_NEEDED, type QuotaArgs } from './membership-quota.ts';
import type { RunScript } from './scripts.ts';

interface Adding {
  readonly userIds: readonly UserId[];
  readonly role: MemberRole;
  readonly quota: QuotaArgs;
}

interface AddingParts {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly kept: EventOutbox;
}

/** Adds members in one script, each as a member and in the order of joining. */
async function addMembers(
  { keys, clock, kept }: AddingParts,
  tenant: TenantId,
  id: ConversationId,
  { userIds, role, quota }: Adding,
): Promise<ChangeAnswer> {
  const { meta, members, joins, notes, channel, events } = keys.conversation(tenant, id);
  const args = [
    clock.offset(),
    LIMITS.membersPerConversation,
    role,
    LIMITS.listedMembers,
    id,
    quota.isReserved,
    ...userIds,
  ];
  const at = [meta, members, joins, notes, channel, ...quota.keys];
  return (await kept.run(tenant, events, 'add-members', at, args)) as ChangeAnswer;
}

export function createMembers(
  run: RunScript,
  keys: Keys,
  clock: Clock,
  { memberships, updates, quota, outbox: kept, isOneServer }: ListKeeping,
): Pick<ConversationStore, 'addMembers' | 'joinConversation' | 'removeMember' | 'setMemberRole'> {
  const adding = { keys, clock, kept };

  /** Changes the members of a conversation, then their lists, and `more` as the answer requires. */
  async function applied(
    tenant: TenantId,
    id: ConversationId,
    change: () => Promise<{ readonly answer: ChangeAnswer; readonly more?: Promise<void> | null }>,
    just = 1,
  ): Promise<MembershipChange> {
    const work = async (): Promise<ChangeAnswer> => {
      const { answer, more } = await change();
      await Promise.all([memberships.apply(tenant, id, answer[2] ?? [], just), more]);
      return answer;
    };
    return toChange(await updates.during(tenant, id, work, () => null));
  }

  return {
    addMembers: (tenant, id, userIds, role) =>
      applied(
        tenant,
        id,
        async () => ({ answer: await addMembers(adding, tenant, id, { userIds, role, quota: NO_RESERVATION_NEEDED }) }),
        userIds.length,
      ),

    async joinConversation(tenant, id, userId) {
      const taking = begun(quota.take(tenant, userId, id));
      const join = (quotaArgs: QuotaArgs): Promise<ChangeAnswer> =>
        addMembers(adding, tenant, id, { userIds: [userId], role: 'MEMBER', quota: quotaArgs });
      return applied(tenant, id, async () => {
        const { answer, reservation } = await quota.within(taking, keys.user(tenant, userId), join);
        return { answer, more: quota.conclude(tenant, userId, id, { reservation, isMember: answer[0] === 'changed' }) };
      });
    },

    async removeMember(tenant, id, userId, actor) {
      const { meta, members, joins, typing, notes, channel, events } = keys.conversation(tenant, id);
      const remove = async (): Promise<ChangeAnswer> =>
        (await kept.run(
          tenant,
          events,
          'remove-member',
          [meta, members, joins, typing, notes, channel],
          [userId, ...actorArgs(actor)],
        )) as ChangeAnswer;
      // Looked up before the departure, since a user who returns gets another reservation.
      const finding = begun(quota.find(tenant, userId, id));
      return applied(tenant, id, async () => {
        if (!isOneServer) await finding;
        const [reservation, answer] = await Promise.all([finding, remove()]);
        return {
          answer,
          more: answer[0] === 'changed' && reservation ? quota.giveBack(tenant, userId, reservation) : null,
        };
      });
    },

    async setMemberRole(tenant, id, userId, role, actor) {
      const { meta, members, channel } = keys.conversation(tenant, id);
      return toChange(await run('set-role', [meta, members, channel], [userId, role, ...actorArgs(actor)]));
    },
  };
}
