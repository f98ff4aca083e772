/** The rules of conversations: who makes, sees, names, joins and leaves them. */
import { randomUUID } from 'node:crypto';
import { isAdmin, isService } from '../access/rights.ts';
import {
  afterRemoval,
  changed,
  createAs,
  findOpen,
  joinAs,
  keepAs,
  type MarkedConversation,
  markReadAs,
  outranks,
  requireRole,
  requireSeen,
  type SeenConversation,
  type SeenMessage,
  type ShownConversation,
  see,
} from '../access/seen.ts';
import type { Clock } from '../clock.ts';
import type { Actor, Engine, MembershipChange, NewConversation, NoPlace } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type {
  ConversationId,
  ConversationKind,
  ConversationRecord,
  MemberRecord,
  MemberRole,
  Membership,
  Meter,
  ReadReceiptRecord,
  TenantId,
  UserId,
  Viewer,
} from '../model.ts';
import type { Blocks } from './blocks.ts';
import { decodeCursor } from './cursor.ts';
import { DIRECT_PREFIX, directId } from './direct-id.ts';
import { displayName, identifier, natural, optional, pageSize, userIdentifier, userIdentifiers } from './input.ts';
import { withOwnReceipt } from './own-receipt.ts';

export interface ConversationInput {
  readonly id?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly kind?: ConversationKind | undefined;
  readonly memberIds?: readonly string[] | null | undefined;
}

/** The one direct conversation with another user, made when the first message of it is stored. */
export interface DirectPlace {
  readonly id: ConversationId;
  open(): Promise<unknown>;
}

export interface MemberPage {
  readonly members: readonly MemberRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface ReceiptPage {
  readonly receipts: readonly ReadReceiptRecord[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface Conversations {
  /** In the order asked; null for absent and forbidden alike. */
  findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenConversation | null)[]>;
  /** Without asking who sees them: for what belongs to something already seen. */
  readMany(tenant: TenantId, ids: readonly ConversationId[]): Promise<(ConversationRecord | null)[]>;
  /** The viewer's own memberships, in the order asked. */
  membershipsOf(viewer: Viewer, ids: readonly ConversationId[]): Promise<(Membership | null)[]>;
  members(tenant: TenantId, conversation: SeenConversation, first: number, after: string | null): Promise<MemberPage>;
  /** The two of a direct conversation of which something is seen. */
  pair(tenant: TenantId, seen: SeenMessage | SeenConversation): Promise<UserId[]>;
  readReceipts(
    tenant: TenantId,
    conversation: SeenConversation | MarkedConversation,
    first: number,
    after: string | null,
  ): Promise<ReceiptPage>;
  create(viewer: Viewer, input: ConversationInput): Promise<SeenConversation>;
  openDirect(viewer: Viewer, userId: string): Promise<SeenConversation>;
  /** @throws {ServiceError} BAD_USER_INPUT for no other user. */
  directWith(viewer: Viewer, userId: string): DirectPlace;
  rename(viewer: Viewer, id: string, name: string | null): Promise<SeenConversation>;
  join(viewer: Viewer, id: string): Promise<SeenConversation>;
  leave(viewer: Viewer, id: string): Promise<ShownConversation>;
  addMembers(viewer: Viewer, id: string, userIds: readonly string[]): Promise<SeenConversation>;
  removeMember(viewer: Viewer, id: string, userId: string): Promise<ShownConversation>;
  setMemberRole(viewer: Viewer, id: string, userId: string, role: MemberRole): Promise<SeenConversation>;
  markRead(viewer: Viewer, meter: Meter, id: string, sequence: number): Promise<SeenConversation | MarkedConversation>;
  /** A direct one is only hidden from the viewer, until its next message. */
  delete(viewer: Viewer, id: string): Promise<void>;
}

/** A group's name; null for none. */
function conversationName(name: string | null | undefined): string | null {
  return optional(name, (value) => displayName(value, 'name'));
}

function noPlace(): ServiceError {
  return new ServiceError('CONFLICT', `A user begins or joins at most ${LIMITS.conversationsPerUser} conversations.`);
}

const idTaken = (): ServiceError => new ServiceError('CONFLICT', 'id: is already taken.');

function pastHead(): ServiceError {
  return badInput('sequence: must not be past the last message.');
}

/** Of a change by which the conversation is seen, one that is seen. */
type Change<Conversation> =
  | { readonly outcome: 'changed' | 'unchanged'; readonly conversation: Conversation }
  | Exclude<MembershipChange, { readonly conversation: ConversationRecord }>
  | NoPlace;

function settle<Conversation extends ConversationRecord>(change: Change<Conversation>): Conversation {
  switch (change.outcome) {
    case 'no-place':
      throw noPlace();
    case 'not-found':
      throw notFound('member');
    case 'full':
      throw new ServiceError('CONFLICT', `A conversation has at most ${LIMITS.membersPerConversation} members.`);
    case 'not-allowed':
      throw new ServiceError('FORBIDDEN', 'The caller no longer has the right to do this.');
    case 'last-owner':
      throw new ServiceError('CONFLICT', 'A conversation needs an owner.');
    default:
      return change.conversation;
  }
}

/** `unchanged`: somebody else has removed the member since they were looked up. */
function settleRemoval(change: MembershipChange): ConversationRecord {
  if (change.outcome === 'unchanged') throw notFound('member');
  return settle(change);
}

function refuseDirect({ kind }: ConversationRecord): void {
  if (kind === 'DIRECT') {
    throw new ServiceError('FORBIDDEN', 'The members and the name of a direct conversation cannot change.');
  }
}

/** The actor whose role the engine checks again with the change. Null for admins, who need no role. */
const actorOf = (viewer: Viewer, least: MemberRole): Actor | null =>
  isAdmin(viewer) ? null : { userId: viewer.userId, least };

export function createConversations(engine: Engine, clock: Clock, blocks: Blocks): Conversations {
  /** Creates a conversation of which the viewer is a member; one that is there already must have them as a member. */
  async function createAsMember(viewer: Viewer, conversation: NewConversation): Promise<SeenConversation> {
    const creation = await createAs(engine, viewer, conversation);
    if (creation.outcome === 'no-place') throw noPlace();
    if (creation.outcome === 'gone') throw idTaken();
    if (creation.outcome === 'created') return creation.conversation;
    const [existing] = await see(engine, viewer, [conversation.id]);
    const isTheirs = conversation.kind === 'DIRECT' || creation.conversation.createdBy === viewer.userId;
    // Its creator may have left it since: what it holds now is not theirs, and its id stays taken.
    if (!existing?.membership || !isTheirs) throw idTaken();
    return existing.conversation;
  }

  async function openAs(viewer: Viewer, id: ConversationId, other: UserId): Promise<SeenConversation> {
    const [existing] = await see(engine, viewer, [id]);
    if (existing) return existing.conversation;
    await blocks.refuse(viewer, [other]);
    return createAsMember(viewer, {
      id,
      name: null,
      kind: 'DIRECT',
      createdBy: viewer.userId,
      members: [
        { userId: viewer.userId, role: 'MEMBER' },
        { userId: other, role: 'MEMBER' },
      ],
    });
  }

  function directWith(viewer: Viewer, other: string) {
    const userId = userIdentifier(other, 'userId');
    if (userId === viewer.userId) throw badInput('userId: must be another user.');
    const id = directId(viewer.userId, userId);
    /** Opened in order to send something there. */
    async function open(): Promise<SeenConversation> {
      await blocks.refuse(viewer, [userId]);
      return openAs(viewer, id, userId);
    }
    return { id, userId, open };
  }

  async function openDirect(viewer: Viewer, other: string): Promise<SeenConversation> {
    const { id, userId } = directWith(viewer, other);
    return openAs(viewer, id, userId);
  }

  async function join(viewer: Viewer, id: ConversationId): Promise<SeenConversation> {
    const open = await findOpen(engine, viewer, id);
    if (open) return settle(await joinAs(engine, viewer, open));
    const { conversation, membership } = await requireSeen(engine, viewer, id);
    if (membership) return conversation;
    throw new ServiceError('FORBIDDEN', 'Only rooms can be joined; a moderator adds members to other conversations.');
  }

  return {
    async findMany(viewer, ids) {
      const valid = ids.map((id) => identifier<ConversationId>(id, 'id'));
      return (await see(engine, viewer, valid)).map((found) => found?.conversation ?? null);
    },

    readMany: (tenant, ids) => engine.readConversations(tenant, ids),

    membershipsOf: ({ tenant, userId }, ids) =>
      engine.readMemberships(
        tenant,
        ids.map((conversationId) => ({ conversationId, userId })),
      ),

    async members(tenant, { id }, first, after) {
      const most = pageSize(first, 'first');
      const start = after === null ? 0 : decodeCursor('member', after, 'after');
      const members = await engine.listMembers(tenant, id, start, most + 1);
      return { members: members.slice(0, most), hasNextPage: members.length > most, hasPreviousPage: start > 0 };
    },

    async pair(tenant, seen) {
      const conversationId = 'conversationId' in seen ? seen.conversationId : seen.id;
      return (await engine.listMembers(tenant, conversationId, 0, 2)).map(({ userId }) => userId);
    },

    async readReceipts(tenant, conversation, first, after) {
      const most = pageSize(first, 'first');
      const start = after === null ? 0 : decodeCursor('receipt', after, 'after');
      const stored = await engine.listReadReceipts(tenant, conversation.id, start, most + 1);
      const receipts = withOwnReceipt(conversation, stored, start).slice(0, most + 1);
      return { receipts: receipts.slice(0, most), hasNextPage: receipts.length > most, hasPreviousPage: start > 0 };
    },

    async create(viewer, { id, name, kind = 'GROUP', memberIds }) {
      const others = userIdentifiers(memberIds ?? [], 'memberIds', LIMITS.usersPerCall).filter(
        (userId) => userId !== viewer.userId,
      );
      if (kind === 'DIRECT') {
        const [other, ...more] = others;
        if ((id ?? name ?? null) !== null || other === undefined || more.length > 0) {
          throw badInput('kind: a DIRECT conversation must have exactly one other member, and no id or name.');
        }
        return openDirect(viewer, other);
      }
      const conversationId =
        optional(id, (value) => identifier<ConversationId>(value, 'id')) ?? (randomUUID() as string as ConversationId);
      if (conversationId.startsWith(DIRECT_PREFIX))
        throw badInput(`id: ids that begin with ${DIRECT_PREFIX} are reserved.`);
      const cleanName = conversationName(name);
      await blocks.refuse(viewer, others);
      return createAsMember(viewer, {
        id: conversationId,
        name: cleanName,
        kind,
        createdBy: viewer.userId,
        members: [
          { userId: viewer.userId, role: 'OWNER' },
          ...others.map((userId) => ({ userId, role: 'MEMBER' as const })),
        ],
      });
    },

    openDirect,
    directWith,

    async rename(viewer, id, name) {
      const cleanName = conversationName(name);
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(conversation);
      return changed(conversation, settle(await engine.renameConversation(viewer.tenant, conversation.id, cleanName)));
    },

    join: (viewer, id) => join(viewer, identifier(id, 'id')),

    async leave(viewer, id) {
      const { conversation, membership } = await requireSeen(engine, viewer, identifier(id, 'id'));
      if (!membership) throw notFound('member');
      refuseDirect(conversation);
      const { tenant, userId } = viewer;
      const change = await engine.removeMember(tenant, conversation.id, userId, { userId, least: 'MEMBER' });
      return afterRemoval(viewer, true, settleRemoval(change));
    },

    async addMembers(viewer, id, userIds) {
      const users = userIdentifiers(userIds, 'userIds', LIMITS.usersPerCall);
      if (users.length === 0) throw badInput('userIds: must have at least one id.');
      // A service adds itself.
      if (isService(viewer) && users.every((userId) => userId === viewer.userId))
        return join(viewer, identifier(id, 'id'));
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(conversation);
      await blocks.refuse(viewer, users);
      return changed(conversation, settle(await engine.addMembers(viewer.tenant, conversation.id, users, 'MEMBER')));
    },

    async removeMember(viewer, id, userId) {
      const target = userIdentifier(userId, 'userId');
      const found = await requireRole(engine, viewer, identifier(id, 'id'), 'MODERATOR');
      refuseDirect(found.conversation);
      const conversationId = found.conversation.id;
      const [membership] = await engine.readMemberships(viewer.tenant, [{ conversationId, userId: target }]);
      if (!membership) throw notFound('member');
      if (!outranks(found, viewer, membership.role)) {
        throw new ServiceError('FORBIDDEN', 'Only a member with a higher role may remove this member.');
      }
      const actor = actorOf(viewer, 'MODERATOR');
      const change = await engine.removeMember(viewer.tenant, conversationId, target, actor);
      if (change.outcome === 'not-allowed') await requireSeen(engine, viewer, conversationId);
      return afterRemoval(viewer, target === viewer.userId, settleRemoval(change));
    },

    async setMemberRole(viewer, id, userId, role) {
      const target = userIdentifier(userId, 'userId');
      const { conversation } = await requireRole(engine, viewer, identifier(id, 'id'), 'OWNER');
      refuseDirect(conversation);
      const actor = actorOf(viewer, 'OWNER');
      const change = await engine.setMemberRole(viewer.tenant, conversation.id, target, role, actor);
      if (change.outcome === 'not-allowed') await requireSeen(engine, viewer, conversation.id);
      return changed(conversation, settle(change));
    },

    async delete(viewer, id) {
      const conversationId = identifier<ConversationId>(id, 'id');
      const { conversation } = await requireSeen(engine, viewer, conversationId);
      if (conversation.kind === 'DIRECT') {
        await keepAs(engine, viewer, conversationId, { isHidden: true });
        return;
      }
      await requireRole(engine, viewer, conversationId, 'OWNER');
      const actor = actorOf(viewer, 'OWNER');
      const outcome = await engine.deleteConversation(viewer.tenant, conversationId, actor);
      if (outcome === 'not-found') throw notFound('conversation');
      if (outcome === 'not-allowed') {
        await requireSeen(engine, viewer, conversationId);
        throw new ServiceError('FORBIDDEN', 'The caller no longer has the right to do this.');
      }
    },

    async markRead(viewer, meter, id, sequence) {
      const conversationId = identifier<ConversationId>(id, 'conversationId');
      natural(sequence, 'sequence');
      return meter.signal({
        kind: `read ${conversationId}`,
        // It moves forward only: an earlier one never takes the place of a later.
        rank: sequence,
        late: 'in-turn',
        async apply() {
          const change = await markReadAs(engine, viewer, conversationId, sequence);
          if (change.outcome === 'not-member') throw notFound('conversation');
          if (change.outcome === 'past-head') throw pastHead();
          return change.conversation;
        },
        async asIfApplied() {
          const { conversation, membership } = await requireSeen(engine, viewer, conversationId);
          if (!membership) throw notFound('conversation');
          if (sequence > conversation.lastSequence) throw pastHead();
          if (sequence === 0 || sequence < membership.readSequence) return conversation;
          const { ordinal } = membership;
          return { ...conversation, ownReceipt: { ordinal, userId: viewer.userId, sequence, readAt: clock.now() } };
        },
      });
    },
  };
}
