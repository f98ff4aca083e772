/** Conversations in Redis: created, read, named and deleted. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, ConversationRecord, TenantId, UserId } from '../../model.ts';
import type { ConversationStore, MembershipChange } from '../port.ts';
import { begun, nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import type { RedisClient } from './client.ts';
import { decodeConversation, decodeMember, encodeHead } from './codec.ts';
import { createDeletion } from './deletion.ts';
import type { Keys } from './keys.ts';
import type { ListKeeping } from './list-keeping.ts';
import { createMemberPages } from './member-pages.ts';
import { createMembers } from './members.ts';
import { actorArgs, toChange } from './membership-answers.ts';
import type { QuotaArgs } from './membership-quota.ts';
import type { MembershipNotes, Memberships } from './memberships.ts';

/** Conversations of a user's list that are read at once, since a list may have a hundred thousand. */
const LISTED_AT_ONCE = 1_000;

type CreateAnswer = readonly [
  'created' | 'exists' | 'gone' | 'quota-full',
  conversation?: string,
  unapplied?: MembershipNotes,
];

/** The reads of conversations and memberships. */
function createReads(
  { run, runOne }: Scripts,
  keys: Keys,
  memberships: Memberships,
): Pick<ConversationStore, 'readConversations' | 'readMemberships' | 'listConversationIds'> {
  const readMember = async (tenant: TenantId, id: ConversationId, userId: UserId): Promise<string | null> =>
    (await runOne('read-members', [keys.conversation(tenant, id).members], [userId])) as string | null;

  async function read(tenant: TenantId, id: ConversationId): Promise<ConversationRecord | null> {
    const { meta, notes } = keys.conversation(tenant, id);
    const answer = await runOne('read-conversations', [meta, notes]);
    if (!answer) return null;
    const [conversation, unapplied] = answer as [string, MembershipNotes];
    memberships.notice(tenant, id, unapplied);
    return decodeConversation(conversation);
  }

  return {
    async readConversations(tenant, ids) {
      return Promise.all(ids.map((id) => read(tenant, id)));
    },

    async readMemberships(tenant, pairs) {
      const values = await Promise.all(
        pairs.map(({ conversationId, userId }) => readMember(tenant, conversationId, userId)),
      );
      return pairs.map(({ conversationId, userId }, index) => {
        const value = values[index];
        return value ? { ...decodeMember(userId, value), conversationId } : null;
      });
    },

    async listConversationIds(tenant, userId) {
      const { list } = keys.user(tenant, userId);
      // SSCAN may return a member twice.
      const all = new Set<ConversationId>();
      for (let cursor: string | null = '0'; cursor !== null; ) {
        const args: (string | number)[] = [cursor, LISTED_AT_ONCE];
        const [next, ids] = (await run('scan-conversations', list, args)) as [string, ConversationId[]];
        const members = await Promise.all(ids.map((id) => readMember(tenant, id, userId)));
        for (const [index, id] of ids.entries()) if (members[index] !== null) all.add(id);
        cursor = next === '0' ? null : next;
      }
      return [...all];
    },
  };
}

/** Creates a conversation in its own slot, then updates its members' lists. */
function createBeginning(
  keys: Keys,
  clock: Clock,
  { memberships, rooms, updates, quota, outbox: kept }: ListKeeping,
): ConversationStore['createConversation'] {
  return async (tenant, conversation) => {
    const { id, name, members, createdBy } = conversation;
    const { meta, members: memberKey, joins, notes, gone, channel, events } = keys.conversation(tenant, id);
    const create = async ({ keys: quotaKeys, isReserved }: QuotaArgs): Promise<CreateAnswer> =>
      (await kept.run(
        tenant,
        events,
        'create-conversation',
        [meta, memberKey, joins, notes, gone, channel, ...quotaKeys],
        [
          clock.offset(),
          encodeHead(conversation),
          JSON.stringify(name),
          nonce(),
          LIMITS.listedMembers,
          id,
          isReserved,
          ...members.flatMap(({ userId, role }) => [userId, role]),
        ],
      )) as CreateAnswer;
    const taking = begun(quota.take(tenant, createdBy, id));
    const work = async (): Promise<CreateAnswer> => {
      const { answer, reservation } = await quota.within(taking, keys.user(tenant, createdBy), create);
      const [made, stored, unapplied] = answer;
      const isRoom = made === 'created' && conversation.kind === 'ROOM';
      await Promise.all([
        memberships.apply(tenant, id, unapplied ?? [], members.length),
        isRoom && rooms.list(tenant, id, { name, version: String(decodeConversation(stored).version) }),
        quota.conclude(tenant, createdBy, id, { reservation, isMember: made === 'created' }),
      ]);
      return answer;
    };
    const [outcome, json] = await updates.during(tenant, id, work, () => null);
    if (outcome === 'gone') return { outcome };
    if (outcome === 'quota-full') return { outcome };
    return { outcome, conversation: decodeConversation(json) };
  };
}

export function createConversations(
  client: RedisClient,
  scripts: Scripts,
  keys: Keys,
  clock: Clock,
  keeping: ListKeeping,
): ConversationStore {
  const { run } = scripts;
  const { lists, memberships, rooms, updates } = keeping;
  const deleteConversation = createDeletion(keys, keeping);

  return {
    ...createReads(scripts, keys, memberships),
    ...createMembers(run, keys, clock, keeping),
    ...createMemberPages(client, keys),
    createConversation: createBeginning(keys, clock, keeping),

    async renameConversation(tenant, id, name) {
      const { meta, channel } = keys.conversation(tenant, id);
      const work = async (): Promise<MembershipChange> => {
        const change = toChange(await run('rename-conversation', [meta, channel], [JSON.stringify(name)]));
        if ('conversation' in change && change.conversation.kind === 'ROOM') {
          await rooms.list(tenant, id, { name, version: String(change.conversation.version) });
        }
        return change;
      };
      return updates.during(tenant, id, work, () => null);
    },

    deleteConversation: (tenant, id, actor) => deleteConversation(tenant, id, actorArgs(actor)),

    async markRead(tenant, id, userId, sequence) {
      const { meta, members, notes, channel } = keys.conversation(tenant, id);
      const work = async (): Promise<readonly [string, string?, unknown[]?]> => {
        const args = [clock.offset(), userId, sequence];
        const answer = await run('mark-read', [meta, members, notes, channel], args);
        const [, , facts] = answer as readonly [string, string?, unknown[]?];
        if (facts) await lists.bringTo(facts, tenant, userId, id, ['m', 0]);
        return answer as readonly [string, string?, unknown[]?];
      };
      const [outcome, conversation] = await updates.during(tenant, id, work, () => null);
      if (outcome === 'not-member' || outcome === 'past-head') return { outcome };
      return { outcome: outcome as 'changed' | 'unchanged', conversation: decodeConversation(conversation) };
    },
  };
}
