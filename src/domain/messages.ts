/** The rules of messages: who sends, sees, changes and reacts. */
import { actorOf, viaOf } from '../access/acting.ts';
import {
  changed,
  ownMessage,
  partOf,
  requireRole,
  requireSeen,
  type SeenConversation,
  type SeenMessage,
  type ShownMessage,
  seeMessages,
  shownTo,
} from '../access/seen.ts';
import type { Engine, KeptMessages, MessageEdit, MessageRange, NewMessage } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { ConversationId, MessageId, MessageRecord, Meter, TenantId, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import { type BatchResult, inBatch } from './batch.ts';
import type { Blocks } from './blocks.ts';
import type { DirectPlace } from './conversations.ts';
import { decodeCursor } from './cursor.ts';
import { isDirect } from './direct-id.ts';
import { emojiOf } from './emoji.ts';
import { identifier, messageBody, optional, pageSize } from './input.ts';
import { messageKey } from './message-key.ts';
import type { Routed, Sent } from './routed.ts';

export interface MessageInput {
  readonly conversationId: string;
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
  readonly replyToId?: string | null | undefined;
  readonly clientMessageId?: string | null | undefined;
  /** The user for whom a service sends it. */
  readonly onBehalfOf?: string | null | undefined;
}

/** Arguments of a Relay connection. */
export interface PageRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface PageEnds {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface MessagePage extends PageEnds {
  readonly messages: readonly SeenMessage[];
}

export type DirectMessageInput = Pick<MessageInput, 'content' | 'payload' | 'clientMessageId'>;

/** Answers what was sent, or throws why it was not. */
export type SettleSent = (viewer: Viewer, conversationId: ConversationId, sent: Sent) => Promise<ShownMessage>;

export type DirectWith = (viewer: Viewer, userId: string) => DirectPlace;

/** What became of a message; ROUTED: it is in another conversation. */
export interface Sending {
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED';
  readonly message: ShownMessage;
}

export interface Messages {
  /** In the order asked; null for absent and forbidden alike. */
  findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenMessage | null)[]>;
  /** Without asking who sees them: for what belongs to something already seen. */
  readMany(tenant: TenantId, ids: readonly MessageId[]): Promise<(MessageRecord | null)[]>;
  page(tenant: TenantId, conversation: SeenConversation, request: PageRequest): Promise<MessagePage>;
  last(tenant: TenantId, conversation: SeenConversation): Promise<SeenMessage | null>;
  send(viewer: Viewer, input: MessageInput): Promise<ShownMessage>;
  /** Each counted by the meter, and answered in the order given; those of one conversation are sent in that order. */
  sendMany(viewer: Viewer, inputs: readonly MessageInput[], meter: Meter): Promise<BatchResult<Sending>[]>;
  /** Sends in the direct conversation with a user. */
  sendDirect(viewer: Viewer, userId: string, input: DirectMessageInput): Promise<ShownMessage>;
  edit(viewer: Viewer, id: string, content: string, payload: unknown): Promise<ShownMessage>;
  delete(viewer: Viewer, id: string): Promise<ShownMessage>;
  addReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
  removeReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
}

const alreadyDeleted = (): ServiceError => new ServiceError('CONFLICT', 'The message was deleted.');

function settle(edit: MessageEdit): MessageRecord {
  switch (edit.outcome) {
    case 'not-found':
      throw notFound('message');
    case 'deleted':
      throw alreadyDeleted();
    case 'being-written':
      throw new ServiceError('CONFLICT', 'The message is still being written.');
    case 'full':
      throw new ServiceError(
        'CONFLICT',
        `A message has at most ${LIMITS.emojisPerMessage} emojis, ${LIMITS.emojisPerUserAndMessage} of one user, and ${LIMITS.reactionsPerMessage} reactions.`,
      );
    default:
      return edit.message;
  }
}

/** The range of sequences a request asks for. */
function rangeOf({ first, last, after, before }: PageRequest): MessageRange {
  if (typeof first === 'number' && typeof last === 'number')
    throw badInput('first, last: only one of them can be given.');
  const between = {
    after: optional(after, (cursor) => decodeCursor('message', cursor, 'after')) ?? 0,
    before: optional(before, (cursor) => decodeCursor('message', cursor, 'before')),
  };
  if (typeof first === 'number') return { ...between, limit: pageSize(first, 'first'), from: 'first' };
  return { ...between, limit: pageSize(last ?? LIMITS.defaultPageSize, 'last'), from: 'last' };
}

/**
 * Whether there is more before and behind what was found, of what is kept.
 *
 * In the direction of the walk only what lies in the range counts, so that who goes on
 * while there is more comes to an end, also where there is nothing between two cursors.
 */
function endsOf({ after, before, from }: MessageRange, kept: KeptMessages): PageEnds {
  const { messages, firstSequence, lastSequence } = kept;
  const lowest = Math.max(after + 1, firstSequence);
  const highest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, lastSequence);
  const start = messages[0]?.sequence ?? (from === 'first' ? lowest : highest + 1);
  const end = messages.at(-1)?.sequence ?? (from === 'first' ? lowest - 1 : highest);
  if (from === 'first') return { hasPreviousPage: start > firstSequence, hasNextPage: end < highest };
  return { hasPreviousPage: start > lowest, hasNextPage: end < lastSequence };
}

function partsOf(conversation: SeenConversation, { messages }: KeptMessages): SeenMessage[] {
  return messages.flatMap((message) => partOf(conversation, message) ?? []);
}

export function createSettleSent(engine: Engine): SettleSent {
  return async (viewer, conversationId, sent) => {
    switch (sent.outcome) {
      case 'no-longer-kept':
        throw new ServiceError(
          'CONFLICT',
          'The message was already sent with this clientMessageId and is no longer kept.',
        );
      case 'conflict':
        throw new ServiceError('CONFLICT', 'clientMessageId: was already used for another message.');
      case 'no-reply-target':
        throw badInput('replyToId: must be a message of this conversation.');
      case 'not-member':
        await requireSeen(engine, viewer, conversationId);
        throw new ServiceError('FORBIDDEN', 'Only members may send messages.');
      default:
        return ownMessage(viewer, sent.message);
    }
  };
}

export interface MessagesParts {
  readonly directWith: DirectWith;
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly log: Log;
}

export function createMessages(
  engine: Engine,
  routed: Routed,
  { directWith, blocks, acting, log }: MessagesParts,
): Messages {
  const settleSent = createSettleSent(engine);

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

  /** What is sent, as it is stored when no rule changes it. */
  function newMessage(
    viewer: Viewer,
    conversationId: ConversationId,
    input: Omit<MessageInput, 'conversationId'>,
  ): NewMessage {
    const clientMessageId = optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
    const said = messageBody(input.content, input.payload);
    const replyToId = optional(input.replyToId, (id) => identifier<MessageId>(id, 'replyToId'));
    const via = viaOf(viewer);
    const key = messageKey(clientMessageId, said, replyToId, via);
    return { ...said, conversationId, senderId: viewer.userId, clientMessageId, key, replyToId, via };
  }

  async function send(by: Viewer, input: MessageInput): Promise<Sending> {
    const conversationId = identifier<ConversationId>(input.conversationId, 'conversationId');
    const viewer = acting.as(by, input.onBehalfOf);
    const message = newMessage(viewer, conversationId, input);
    if (isDirect(conversationId)) await blocks.refuseIn(viewer, conversationId);
    const sent = await routed.append(viewer, message, null);
    const stored = await settleSent(viewer, conversationId, sent);
    if (stored.conversationId !== conversationId) return { outcome: 'ROUTED', message: stored };
    return { outcome: sent.outcome === 'duplicate' ? 'DUPLICATE' : 'STORED', message: stored };
  }

  return {
    findMany,

    readMany: (tenant, ids) => engine.readMessages(tenant, ids),

    async page(tenant, conversation, request) {
      const range = rangeOf(request);
      const kept = await engine.listMessages(tenant, conversation.id, range);
      return { messages: partsOf(conversation, kept), ...endsOf(range, kept) };
    },

    async last(tenant, conversation) {
      const range = { after: 0, before: null, limit: 1, from: 'last' } as const;
      const kept = await engine.listMessages(tenant, conversation.id, range);
      return partsOf(conversation, kept)[0] ?? null;
    },

    send: async (viewer, input) => (await send(viewer, input)).message,

    sendMany(viewer, inputs, meter) {
      const orderedBy = ({ conversationId }: MessageInput): string => conversationId;
      return inBatch(inputs, { name: 'items', meter, orderedBy, log }, (input) => send(viewer, input));
    },

    async sendDirect(viewer, userId, input) {
      const place = directWith(viewer, userId);
      const message = newMessage(viewer, place.id, input);
      // It is opened by what is stored in it: what a rule drops leaves nothing to be seen.
      return settleSent(viewer, place.id, await routed.append(viewer, message, place));
    },

    async edit(by, id, content, data) {
      const next = messageBody(content, data);
      const viewer = await acting.asSenderOf(by, identifier(id, 'id'));
      const message = await requireAsMember(viewer, id);
      if (message.senderId !== viewer.userId) {
        throw new ServiceError('FORBIDDEN', 'Only the sender of a message may edit it.');
      }
      // The engine would say so too, and rules have no business with it.
      if (message.deletedAt !== null) throw alreadyDeleted();
      await blocks.refuseIn(viewer, message.conversationId);
      return shownTo(viewer, changed(message, settle(await routed.edit(viewer, message, next))));
    },

    async delete(by, id) {
      const sender = await acting.asSenderOf(by, identifier(id, 'id'));
      // Whose user left deletes it by its own rights.
      const viewer = sender !== by && !(await findMany(sender, [id]))[0] ? by : sender;
      const message = await require(viewer, id);
      const isOwn = message.senderId === viewer.userId;
      await requireRole(engine, viewer, message.conversationId, isOwn ? 'MEMBER' : 'MODERATOR');
      const edit = await engine.deleteMessage(viewer.tenant, message.id, actorOf(viewer).userId);
      return shownTo(viewer, changed(message, settle(edit)));
    },

    async addReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      // A short code says as much as a message does.
      await blocks.refuseIn(viewer, message.conversationId);
      return changed(message, settle(await engine.addReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },

    async removeReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      return changed(message, settle(await engine.removeReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },
  };
}
