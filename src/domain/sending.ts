/** Sends messages: one, many at once, and in a direct conversation that may not exist yet. */
import { viaOf } from '../access/acting.ts';
import { ownMessage, requireSeen, type ShownMessage } from '../access/seen.ts';
import type { Engine, NewMessage } from '../engine/port.ts';
import { badInput, ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ConversationId, MessageId, Meter, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import { type BatchResult, inBatch } from './batch.ts';
import type { Blocks } from './blocks.ts';
import { isDirect } from './direct-id.ts';
import { identifier, messageBody, optional } from './input.ts';
import { messageKey } from './message-key.ts';
import type { Opening } from './opening.ts';
import type { Routed } from './routed.ts';
import type { Sent } from './sent.ts';

export interface MessageInput {
  readonly conversationId: string;
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
  readonly replyToId?: string | null | undefined;
  readonly clientMessageId?: string | null | undefined;
  /** The user for whom a back end sends. */
  readonly onBehalfOf?: string | null | undefined;
}

export type DirectMessageInput = Pick<MessageInput, 'content' | 'payload' | 'clientMessageId'>;

/** Returns the sent message, or throws the reason of the refusal. */
export type ResultOfSent = (viewer: Viewer, conversationId: ConversationId, sent: Sent) => Promise<ShownMessage>;

/** The outcome of a send; ROUTED: the message is in another conversation. */
export interface Sending {
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED';
  readonly message: ShownMessage;
}

export interface Sender {
  send(viewer: Viewer, input: MessageInput): Promise<ShownMessage>;
  /** Each message is metered. Results are in the given order; messages of one conversation are also sent in this order. */
  sendMany(viewer: Viewer, inputs: readonly MessageInput[], meter: Meter): Promise<BatchResult<Sending>[]>;
  /** Sends in the direct conversation with a user. */
  sendDirect(viewer: Viewer, userId: string, input: DirectMessageInput): Promise<ShownMessage>;
}

export function createResultOfSent(engine: Engine): ResultOfSent {
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

/** The message as it is stored when no rule changes it. */
function newMessage(
  viewer: Viewer,
  conversationId: ConversationId,
  input: Omit<MessageInput, 'conversationId'>,
): NewMessage {
  const clientMessageId = optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
  const contents = messageBody(input.content, input.payload);
  const replyToId = optional(input.replyToId, (id) => identifier<MessageId>(id, 'replyToId'));
  const via = viaOf(viewer);
  const key = messageKey(clientMessageId, contents, replyToId, via);
  return { ...contents, conversationId, senderId: viewer.userId, clientMessageId, key, replyToId, via };
}

export interface SendingParts {
  readonly directWith: Opening['directWith'];
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly log: Log;
}

export function createSender(
  engine: Engine,
  routed: Routed,
  { directWith, blocks, acting, log }: SendingParts,
): Sender {
  const resultOfSent = createResultOfSent(engine);

  async function send(by: Viewer, input: MessageInput): Promise<Sending> {
    const conversationId = identifier<ConversationId>(input.conversationId, 'conversationId');
    const viewer = acting.as(by, input.onBehalfOf);
    const message = newMessage(viewer, conversationId, input);
    if (isDirect(conversationId)) await blocks.refuseIn(viewer, conversationId);
    const sent = await routed.append(viewer, message, null);
    const stored = await resultOfSent(viewer, conversationId, sent);
    if (stored.conversationId !== conversationId) return { outcome: 'ROUTED', message: stored };
    return { outcome: sent.outcome === 'duplicate' ? 'DUPLICATE' : 'STORED', message: stored };
  }

  return {
    send: async (viewer, input) => (await send(viewer, input)).message,

    sendMany(viewer, inputs, meter) {
      const orderedBy = ({ conversationId }: MessageInput): string => conversationId;
      return inBatch(inputs, { name: 'items', meter, orderedBy, log }, (input) => send(viewer, input));
    },

    async sendDirect(viewer, userId, input) {
      const target = directWith(viewer, userId);
      const message = newMessage(viewer, target.id, input);
      // The first stored message creates the conversation, so a dropped message leaves nothing visible.
      return resultOfSent(viewer, target.id, await routed.append(viewer, message, target));
    },
  };
}
