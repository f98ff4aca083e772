/** How a streamed message begins. */
import type { ShownMessage } from '../access/seen.ts';
import type { Engine, NewWriting } from '../engine/port.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, MessageId, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import type { Blocks } from './blocks.ts';
import { isDirect } from './direct-id.ts';
import { identifier, optional, payload, writtenText } from './input.ts';
import { messageKey } from './message-key.ts';
import type { Routed } from './routed.ts';
import type { MessageInput, ResultOfSent } from './sending.ts';
import { writerOf } from './writer.ts';

export type StartWriting = (viewer: Viewer, input: MessageInput) => Promise<ShownMessage>;

export interface WritingStartParts {
  readonly engine: Engine;
  readonly routed: Routed;
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly resultOfSent: ResultOfSent;
}

function refuseFull(): ServiceError {
  return new ServiceError(
    'CONFLICT',
    `At most ${LIMITS.writingsPerSender} messages of one sender, and ${LIMITS.writingsPerConversation} of all, are written in a conversation at once.`,
  );
}

export function createStartWriting({ engine, routed, blocks, acting, resultOfSent }: WritingStartParts): StartWriting {
  return async (by, input) => {
    const viewer = acting.as(by, input.onBehalfOf);
    const { tenant } = viewer;
    const { senderId, via } = writerOf(viewer);
    const conversationId = identifier<ConversationId>(input.conversationId, 'conversationId');
    const clientMessageId = optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
    const contents = {
      content: writtenText(input.content ?? '', 'content', 0),
      payload: payload(input.payload, 'payload'),
    };
    const replyToId = optional(input.replyToId, (id) => identifier<MessageId>(id, 'replyToId'));
    const key = messageKey(clientMessageId, contents, replyToId, via);
    if (isDirect(conversationId)) await blocks.refuseIn(viewer, conversationId);
    const isHeld = await routed.isHeld(tenant, conversationId, senderId);
    const message: NewWriting = { ...contents, conversationId, senderId, clientMessageId, key, replyToId, via, isHeld };
    const started = await engine.startMessage(tenant, message);
    if (started.outcome === 'full') throw refuseFull();
    if (started.outcome === 'diverted') {
      throw new ServiceError(
        'CONFLICT',
        'clientMessageId: was already used for a message that a routing rule diverted.',
      );
    }
    return resultOfSent(viewer, conversationId, started);
  };
}
