/** Conversations, members and read positions in Redis. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type {
  ConversationId,
  ConversationRecord,
  MemberRole,
  ReadReceiptRecord,
  TenantId,
  UserId,
} from '../../model.ts';
import type { Actor, ConversationStore, MembershipChange } from '../port.ts';
import { attempt, begun, nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import type { RedisClient } from './client.ts';
import { decodeConversation, decodeMember, encodeHead, type StoredMember, toReadReceipt } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import type { ListUpdates } from './list-updates.ts';
import type { Lists } from './lists.ts';
import type { Memberships, Unsettled } from './memberships.ts';
import { NO_PLACE_NEEDED, type PlaceArgs, type Places } from './places.ts';
import type { Rooms } from './rooms.ts';

/** Members read at once where only some of them are wanted. */
const LEAST_MEMBERS_READ = 200;

/** Conversations of a user's list that are read at once: it may have a hundred thousand. */
const LISTED_AT_ONCE = 1_000;

/** Empty without an actor. */
const actorArgs = (actor: Actor | null): string[] => (actor ? [actor.userId, actor.least] : []);

function toChange(answer: unknown): MembershipChange {
  const [outcome, conversation] = answer as [string, string];
  if (outcome === 'changed' || outcome === 'unchanged') {
    return { outcome, conversation: decodeConversation(conversation) };
  }
  return { outcome: outcome as Exclude<MembershipChange['outcome'], 'changed' | 'unchanged'> };
}

type ChangeAnswer = readonly [outcome: MembershipChange['outcome'], conversation?: string, unsettled?: Unsettled];
type CreateAnswer = readonly ['created' | 'exists' | 'gone' | 'no-place', conversation?: string, unsettled?: Unsettled];

interface Adding {
  readonly userIds: readonly UserId[];
  readonly role: MemberRole;
  readonly place: PlaceArgs;
}

/** Maintains the members' lists beside their conversations. */
export interface ListKeeping {
  readonly lists: Lists;
  readonly memberships: Memberships;
  readonly rooms: Rooms;
  readonly updates: ListUpdates;
  readonly places: Places;
  readonly outbox: EventOutbox;
  readonly isOneServer: boolean;
}

export function createConversations(
  client: RedisClient,
  { run, runOne }: Scripts,
  keys: Keys,
  clock: Clock,
  { lists, memberships, rooms, updates, places, outbox: kept, isOneServer }: ListKeeping,
): ConversationStore {
  const readMember = async (tenant: TenantId, id: ConversationId, userId: UserId): Promise<string | null> =>
    (await runOne('read-members', [keys.conversation(tenant, id).members], [userId])) as string | null;

  async function read(tenant: TenantId, id: ConversationId): Promise<ConversationRecord | null> {
    const { meta, outbox } = keys.conversation(tenant, id);
    const answer = await runOne('read-conversations', [meta, outbox]);
    if (!answer) return null;
    const [conversation, unsettled] = answer as [string, Unsettled];
    memberships.notice(tenant, id, unsettled);
    return decodeConversation(conversation);
  }

  /** Changes the members of a conversation, and then their lists; beside these `more`, as the answer asks for. */
  async function settled(
    tenant: TenantId,
    id: ConversationId,
    change: () => Promise<{ readonly answer: ChangeAnswer; readonly more?: Promise<void> | null }>,
    just = 1,
  ): Promise<MembershipChange> {
    const work = async (): Promise<ChangeAnswer> => {
      const { answer, more } = await change();
      await Promise.all([memberships.settle(tenant, id, answer[2] ?? [], just), more]);
      return answer;
    };
    return toChange(await updates.during(tenant, id, work, () => null));
  }

  async function addMembers(
    tenant: TenantId,
    id: ConversationId,
    { userIds, role, place }: Adding,
  ): Promise<ChangeAnswer> {
    const { meta, members, joins, outbox, channel, events } = keys.conversation(tenant, id);
    const args = [
      clock.offset(),
      LIMITS.membersPerConversation,
      role,
      LIMITS.listedMembers,
      id,
      place.told,
      ...userIds,
    ];
    const at = [meta, members, joins, outbox, channel, ...place.keys];
    return (await kept.run(tenant, events, 'add-members', at, args)) as ChangeAnswer;
  }

  /** Members with an ordinal above `after`, by ordinal, and whether there are no more. */
  async function readMembers(
    tenant: TenantId,
    id: ConversationId,
    after: number,
    limit: number,
  ): Promise<{ readonly members: StoredMember[]; readonly isLast: boolean }> {
    const { joins, members: key } = keys.conversation(tenant, id);
    return attempt(async () => {
      const userIds = await client.zrange(joins, `(${after}`, '+inf', 'BYSCORE', 'LIMIT', 0, limit);
      const values = userIds.length === 0 ? [] : await client.hmget(key, ...userIds);
      const members = userIds.flatMap((userId, index) => (values[index] ? [decodeMember(userId, values[index])] : []));
      return { members, isLast: userIds.length < limit || members.length === 0 };
    });
  }

  return {
    async createConversation(tenant, conversation) {
      const { id, name, members, createdBy } = conversation;
      const { meta, members: memberKey, joins, outbox, gone, channel, events } = keys.conversation(tenant, id);
      const create = async ({ keys: placeKeys, told }: PlaceArgs): Promise<CreateAnswer> =>
        (await kept.run(
          tenant,
          events,
          'create-conversation',
          [meta, memberKey, joins, outbox, gone, channel, ...placeKeys],
          [
            clock.offset(),
            encodeHead(conversation),
            JSON.stringify(name),
            nonce(),
            LIMITS.listedMembers,
            id,
            told,
            ...members.flatMap(({ userId, role }) => [userId, role]),
          ],
        )) as CreateAnswer;
      const taking = begun(places.take(tenant, createdBy, id));
      const work = async (): Promise<CreateAnswer> => {
        const { answer, place } = await places.within(taking, keys.user(tenant, createdBy), create);
        const [made, stored, unsettled] = answer;
        const isRoom = made === 'created' && conversation.kind === 'ROOM';
        await Promise.all([
          memberships.settle(tenant, id, unsettled ?? [], members.length),
          isRoom && rooms.place(tenant, id, { name, version: String(decodeConversation(stored).version) }),
          places.settle(tenant, createdBy, id, { place, isMember: made === 'created' }),
        ]);
        return answer;
      };
      const [outcome, json] = await updates.during(tenant, id, work, () => null);
      if (outcome === 'gone' || outcome === 'no-place') return { outcome };
      return { outcome, conversation: decodeConversation(json) };
    },

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
      const { conversations } = keys.user(tenant, userId);
      // A part may name again what another has named.
      const all = new Set<ConversationId>();
      for (let cursor: string | null = '0'; cursor !== null; ) {
        const from: string = cursor;
        const [next, part] = await attempt(() => client.sscan(conversations, from, 'COUNT', LISTED_AT_ONCE));
        const ids = part as ConversationId[];
        const members = await Promise.all(ids.map((id) => readMember(tenant, id, userId)));
        for (const [index, id] of ids.entries()) if (members[index] !== null) all.add(id);
        cursor = next === '0' ? null : next;
      }
      return [...all];
    },

    async renameConversation(tenant, id, name) {
      const { meta, channel } = keys.conversation(tenant, id);
      const work = async (): Promise<MembershipChange> => {
        const change = toChange(await run('rename-conversation', [meta, channel], [JSON.stringify(name)]));
        if ('conversation' in change && change.conversation.kind === 'ROOM') {
          await rooms.place(tenant, id, { name, version: String(change.conversation.version) });
        }
        return change;
      };
      return updates.during(tenant, id, work, () => null);
    },

    addMembers: (tenant, id, userIds, role) =>
      settled(
        tenant,
        id,
        async () => ({ answer: await addMembers(tenant, id, { userIds, role, place: NO_PLACE_NEEDED }) }),
        userIds.length,
      ),

    async joinConversation(tenant, id, userId) {
      const taking = begun(places.take(tenant, userId, id));
      const join = (place: PlaceArgs): Promise<ChangeAnswer> =>
        addMembers(tenant, id, { userIds: [userId], role: 'MEMBER', place });
      return settled(tenant, id, async () => {
        const { answer, place } = await places.within(taking, keys.user(tenant, userId), join);
        return { answer, more: places.settle(tenant, userId, id, { place, isMember: answer[0] === 'changed' }) };
      });
    },

    async removeMember(tenant, id, userId, actor) {
      const { meta, members, joins, typing, outbox, channel, events } = keys.conversation(tenant, id);
      const remove = async (): Promise<ChangeAnswer> =>
        (await kept.run(
          tenant,
          events,
          'remove-member',
          [meta, members, joins, typing, outbox, channel],
          [userId, ...actorArgs(actor)],
        )) as ChangeAnswer;
      // As it was before they left: one who comes back has another.
      const finding = begun(places.find(tenant, userId, id));
      return settled(tenant, id, async () => {
        if (!isOneServer) await finding;
        const [place, answer] = await Promise.all([finding, remove()]);
        return { answer, more: answer[0] === 'changed' && place ? places.giveBack(tenant, userId, place) : null };
      });
    },

    async setMemberRole(tenant, id, userId, role, actor) {
      const { meta, members, channel } = keys.conversation(tenant, id);
      return toChange(await run('set-role', [meta, members, channel], [userId, role, ...actorArgs(actor)]));
    },

    async deleteConversation(tenant, id, actor) {
      const at = keys.conversation(tenant, id);
      const { meta, members, joins, messages, log, typing, outbox, streams, texts, stops, gone, channel } = at;
      const work = async (): Promise<'deleted' | 'not-found' | 'not-allowed'> => {
        const [outcome, unsettled = []] = (await kept.run(
          tenant,
          at.events,
          'delete-conversation',
          [meta, members, joins, messages, log, typing, outbox, streams, texts, stops, gone, channel],
          [TIMES.idempotencyMs, ...actorArgs(actor)],
        )) as ['deleted' | 'not-found' | 'not-allowed', Unsettled?];
        await Promise.all([
          outcome === 'not-found' ? memberships.settleAll(tenant, id) : memberships.settle(tenant, id, unsettled),
          outcome !== 'not-allowed' && rooms.remove(tenant, id),
        ]);
        return outcome;
      };
      return updates.during(tenant, id, work, () => null);
    },

    listMembers: async (tenant, id, after, limit) => (await readMembers(tenant, id, after, limit)).members,

    async markRead(tenant, id, userId, sequence) {
      const { meta, members, outbox, channel } = keys.conversation(tenant, id);
      const work = async (): Promise<readonly [string, string?, unknown[]?]> => {
        const args = [clock.offset(), userId, sequence];
        const answer = await run('mark-read', [meta, members, outbox, channel], args);
        const [, , facts] = answer as readonly [string, string?, unknown[]?];
        if (facts) await lists.bringTo(facts, tenant, userId, id, ['m', 0]);
        return answer as readonly [string, string?, unknown[]?];
      };
      const [outcome, conversation] = await updates.during(tenant, id, work, () => null);
      if (outcome === 'not-member' || outcome === 'past-head') return { outcome };
      return { outcome: outcome as 'changed' | 'unchanged', conversation: decodeConversation(conversation) };
    },

    async listReadReceipts(tenant, id, after, limit) {
      const receipts: ReadReceiptRecord[] = [];
      let behind = after;
      // Of those who have read nothing there may be any number between two who have.
      while (receipts.length < limit) {
        const { members, isLast } = await readMembers(tenant, id, behind, Math.max(limit, LEAST_MEMBERS_READ));
        const read = members.filter(({ readSequence, readAt }) => readSequence > 0 && readAt > 0).map(toReadReceipt);
        receipts.push(...read.slice(0, limit - receipts.length));
        behind = members.at(-1)?.ordinal ?? behind;
        if (isLast) break;
      }
      return receipts;
    },
  };
}
