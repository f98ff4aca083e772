/** The rules of messages: who sends, sees, changes and reacts. */
import {
  changed,
  partOf,
  requireRole,
  requireSeen,
  type SeenConversation,
  type SeenMessage,
  seeMessages,
  seenAsMember,
} from '../access/seen.ts';
import type { Engine, MessageEdit } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, MessageId, MessageRecord, TenantId, Viewer } from '../model.ts';
import { decodeCursor } from './cursor.ts';
import { emojiOf } from './emoji.ts';
import { identifier, messageBody, optional, pageSize } from './input.ts';
import type { Routed } from './routed.ts';

export interface MessageInput {
  readonly conversationId: string;
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
  readonly replyToId?: string | null | undefined;
  readonly clientMessageId?: string | null | undefined;
}

/** Arguments of a Relay connection. */
export interface PageRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface MessagePage {
  readonly messages: readonly SeenMessage[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export type DirectMessageInput = Pick<MessageInput, 'content' | 'payload' | 'clientMessageId'>;

/** The one direct conversation of two users. */
export type OpenDirect = (viewer: Viewer, userId: string) => Promise<SeenConversation>;

export interface Messages {
  /** In the order asked; null for absent and forbidden alike. */
  findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenMessage | null)[]>;
  /** Without asking who sees them: for what belongs to something already seen. */
  readMany(tenant: TenantId, ids: readonly MessageId[]): Promise<(MessageRecord | null)[]>;
  page(tenant: TenantId, conversation: SeenConversation, request: PageRequest): Promise<MessagePage>;
  last(tenant: TenantId, conversation: SeenConversation): Promise<SeenMessage | null>;
  send(viewer: Viewer, input: MessageInput): Promise<SeenMessage>;
  /** Sends in the direct conversation with a user. */
  sendDirect(viewer: Viewer, userId: string, input: DirectMessageInput): Promise<SeenMessage>;
  edit(viewer: Viewer, id: string, content: string, payload: unknown): Promise<SeenMessage>;
  delete(viewer: Viewer, id: string): Promise<SeenMessage>;
  addReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
  removeReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
}

const alreadyDeleted = (): ServiceError => new ServiceError('CONFLICT', 'The message is deleted.');

function settle(edit: MessageEdit): MessageRecord {
  switch (edit.outcome) {
    case 'not-found':
      throw notFound('message');
    case 'deleted':
      throw alreadyDeleted();
    case 'full':
      throw new ServiceError(
        'CONFLICT',
        `A message has at most ${LIMITS.emojisPerMessage} emojis, ${LIMITS.emojisPerUserAndMessage} of one user, and ${LIMITS.reactionsPerMessage} reactions.`,
      );
    default:
      return edit.message;
  }
}

/** The range of sequences a request asks for, both ends included. */
function rangeOf(lastSequence: number, request: PageRequest): { from: number; to: number } {
  const { first, last, after, before } = request;
  if (typeof first === 'number' && typeof last === 'number') throw badInput('first, last: one of them.');
  const lowest = typeof after === 'string' ? decodeCursor('message', after, 'after') + 1 : 1;
  const end = typeof before === 'string' ? decodeCursor('message', before, 'before') - 1 : lastSequence;
  const highest = Math.min(end, lastSequence);
  if (typeof first === 'number') {
    return { from: lowest, to: Math.min(highest, lowest + pageSize(first, 'first') - 1) };
  }
  const size = pageSize(last ?? LIMITS.defaultPageSize, 'last');
  return { from: Math.max(lowest, highest - size + 1), to: highest };
}

export function createMessages(engine: Engine, routed: Routed, openDirect: OpenDirect): Messages {
  async function findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenMessage | null)[]> {
    return seeMessages(
      engine,
      viewer,
      ids.map((id) => identifier<MessageId>(id, 'id')),
    );
  }

  async function require(viewer: Viewer, id: string): Promise<SeenMessage> {
    const [message] = await findMany(viewer, [id]);
    if (!message) throw notFound('message');
    return message;
  }

  /** The message, for a member of its conversation. */
  async function requireAsMember(viewer: Viewer, id: string): Promise<SeenMessage> {
    const message = await require(viewer, id);
    const { membership } = await requireSeen(engine, viewer, message.conversationId);
    if (!membership) throw new ServiceError('FORBIDDEN', 'Only members may do this.');
    return message;
  }

  async function requireReplyTarget(viewer: Viewer, conversationId: ConversationId, id: MessageId): Promise<MessageId> {
    const [[target]] = await Promise.all([
      engine.readMessages(viewer.tenant, [id]),
      requireSeen(engine, viewer, conversationId),
    ]);
    if (target?.conversationId !== conversationId) throw badInput('replyToId: no message of this conversation.');
    return target.id;
  }

  async function send(viewer: Viewer, input: MessageInput): Promise<SeenMessage> {
    const conversationId = identifier<ConversationId>(input.conversationId, 'conversationId');
    const clientMessageId = optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
    const message = messageBody(input.content, input.payload);
    const replyTo = optional(input.replyToId, (id) => identifier<MessageId>(id, 'replyToId'));
    const append = await routed.append(viewer, {
      ...message,
      conversationId,
      senderId: viewer.userId,
      clientMessageId,
      replyToId: replyTo && (await requireReplyTarget(viewer, conversationId, replyTo)),
    });
    if (append.outcome === 'no-longer-kept') {
      throw new ServiceError('CONFLICT', 'This message was sent before and is no longer kept.');
    }
    if (append.outcome !== 'not-member') return seenAsMember(append.message);
    await requireSeen(engine, viewer, conversationId);
    throw new ServiceError('FORBIDDEN', 'Only members may send messages.');
  }

  return {
    findMany,

    readMany: (tenant, ids) => engine.readMessages(tenant, ids),

    async page(tenant, conversation, request) {
      const { from, to } = rangeOf(conversation.lastSequence, request);
      const messages = to < from ? [] : await engine.listMessages(tenant, conversation.id, from, to);
      const shown = messages.flatMap((message) => partOf(conversation, message) ?? []);
      return { messages: shown, hasNextPage: to < conversation.lastSequence, hasPreviousPage: from > 1 };
    },

    async last(tenant, conversation) {
      const { id, lastSequence } = conversation;
      const [message] = lastSequence > 0 ? await engine.listMessages(tenant, id, lastSequence, lastSequence) : [];
      return message ? partOf(conversation, message) : null;
    },

    send,

    async sendDirect(viewer, userId, input) {
      // Refused before a conversation is made for it.
      messageBody(input.content, input.payload);
      optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
      const { id } = await openDirect(viewer, userId);
      return send(viewer, { ...input, conversationId: id });
    },

    async edit(viewer, id, content, data) {
      const next = messageBody(content, data);
      const message = await requireAsMember(viewer, id);
      if (message.senderId !== viewer.userId) {
        throw new ServiceError('FORBIDDEN', 'Only its sender may edit a message.');
      }
      // The engine would say so too, and rules have no business with it.
      if (message.deletedAt !== null) throw alreadyDeleted();
      return changed(message, settle(await routed.edit(viewer, message, next)));
    },

    async delete(viewer, id) {
      const message = await require(viewer, id);
      const isOwn = message.senderId === viewer.userId;
      await requireRole(engine, viewer, message.conversationId, isOwn ? 'MEMBER' : 'MODERATOR');
      return changed(message, settle(await engine.deleteMessage(viewer.tenant, message.id)));
    },

    async addReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      return changed(message, settle(await engine.addReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },

    async removeReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      return changed(message, settle(await engine.removeReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },
  };
}
