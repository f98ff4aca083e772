/** How conversations begin: groups and rooms are created, a direct one is opened by either of its two users. */
import { randomUUID } from 'node:crypto';
import { createAs, type SeenConversation, see } from '../access/seen.ts';
import type { Engine, NewConversation } from '../engine/port.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, ConversationKind, UserId, Viewer } from '../model.ts';
import type { Blocks } from './blocks.ts';
import { DIRECT_PREFIX, directId } from './direct-id.ts';
import { displayName, identifier, optional, userIdentifier, userIdentifiers } from './input.ts';
import { quotaFull } from './membership-change.ts';

export interface ConversationInput {
  readonly id?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly kind?: ConversationKind | undefined;
  readonly memberIds?: readonly string[] | null | undefined;
}

/** The one direct conversation with another user, created when its first message is stored. */
export interface DirectTarget {
  readonly id: ConversationId;
  open(): Promise<unknown>;
}

export interface Opening {
  create(viewer: Viewer, input: ConversationInput): Promise<SeenConversation>;
  openDirect(viewer: Viewer, userId: string): Promise<SeenConversation>;
  /** @throws {ServiceError} BAD_USER_INPUT for no other user. */
  directWith(viewer: Viewer, userId: string): DirectTarget;
}

/** A group's name; null for none. */
export function conversationName(name: string | null | undefined): string | null {
  return optional(name, (value) => displayName(value, 'name'));
}

const idTaken = (): ServiceError => new ServiceError('CONFLICT', 'id: is already taken.');

/** Creates a conversation with the viewer as a member; the viewer must be a member of an existing one. */
async function createAsMember(
  engine: Engine,
  viewer: Viewer,
  conversation: NewConversation,
): Promise<SeenConversation> {
  const creation = await createAs(engine, viewer, conversation);
  if (creation.outcome === 'quota-full') throw quotaFull();
  if (creation.outcome === 'gone') throw idTaken();
  if (creation.outcome === 'created') return creation.conversation;
  const [existing] = await see(engine, viewer, [conversation.id]);
  const isTheirs = conversation.kind === 'DIRECT' || creation.conversation.createdBy === viewer.userId;
  // The creator may have left. They no longer see the contents, and the id stays taken.
  if (!existing?.membership || !isTheirs) throw idTaken();
  return existing.conversation;
}

/** The other user of a requested direct conversation, and its id. */
function directPair(viewer: Viewer, other: string): { readonly id: ConversationId; readonly userId: UserId } {
  const userId = userIdentifier(other, 'userId');
  if (userId === viewer.userId) throw badInput('userId: must be another user.');
  const id = directId(viewer.userId, userId);
  return { id, userId };
}

/** The record of a requested conversation, for all kinds but direct ones. */
function newConversation(
  viewer: Viewer,
  { id, name, kind = 'GROUP' }: ConversationInput,
  others: readonly UserId[],
): NewConversation {
  const conversationId =
    optional(id, (value) => identifier<ConversationId>(value, 'id')) ?? (randomUUID() as string as ConversationId);
  if (conversationId.startsWith(DIRECT_PREFIX))
    throw badInput(`id: ids that begin with ${DIRECT_PREFIX} are reserved.`);
  return {
    id: conversationId,
    name: conversationName(name),
    kind,
    createdBy: viewer.userId,
    members: [
      { userId: viewer.userId, role: 'OWNER' },
      ...others.map((userId) => ({ userId, role: 'MEMBER' as const })),
    ],
  };
}

export function createOpening(engine: Engine, blocks: Blocks): Opening {
  async function openAs(viewer: Viewer, id: ConversationId, other: UserId): Promise<SeenConversation> {
    const [existing] = await see(engine, viewer, [id]);
    if (existing) return existing.conversation;
    await blocks.refuse(viewer, [other]);
    return createAsMember(engine, viewer, {
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

  async function openDirect(viewer: Viewer, other: string): Promise<SeenConversation> {
    const { id, userId } = directPair(viewer, other);
    return openAs(viewer, id, userId);
  }

  return {
    async create(viewer, input) {
      const { id, name, kind, memberIds } = input;
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
      const conversation = newConversation(viewer, input, others);
      await blocks.refuse(viewer, others);
      return createAsMember(engine, viewer, conversation);
    },

    openDirect,

    directWith(viewer, other) {
      const { id, userId } = directPair(viewer, other);
      return {
        id,
        /** Opens the conversation to send a message in it. */
        async open() {
          await blocks.refuse(viewer, [userId]);
          return openAs(viewer, id, userId);
        },
      };
    },
  };
}
