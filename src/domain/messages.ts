/** Messages: who changes and deletes them, and who reacts. */
import { actorOf } from '../access/acting.ts';
import { changed, requireRole, requireSeen, type SeenMessage, type ShownMessage, shownTo } from '../access/seen.ts';
import type { Engine, MessageEdit } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { MessageRecord, Viewer } from '../model.ts';
import { emojiOf } from './emoji.ts';
import { identifier, messageBody } from './input.ts';
import { createMessageReads, type MessageReads } from './message-reads.ts';
import type { Routed } from './routed.ts';
import { createSender, type Sender, type SendingParts } from './sending.ts';

export interface Messages extends MessageReads, Sender {
  edit(viewer: Viewer, id: string, content: string, payload: unknown): Promise<ShownMessage>;
  delete(viewer: Viewer, id: string): Promise<ShownMessage>;
  addReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
  removeReaction(viewer: Viewer, id: string, emoji: string): Promise<SeenMessage>;
}

const alreadyDeleted = (): ServiceError => new ServiceError('CONFLICT', 'The message was deleted.');

function resultOf(edit: MessageEdit): MessageRecord {
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

export function createMessages(engine: Engine, routed: Routed, parts: SendingParts): Messages {
  const { blocks, acting } = parts;
  const reads = createMessageReads(engine);
  const { findMany } = reads;

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

  return {
    ...reads,
    ...createSender(engine, routed, parts),

    async edit(by, id, content, data) {
      const next = messageBody(content, data);
      const viewer = await acting.asSenderOf(by, identifier(id, 'id'));
      const message = await requireAsMember(viewer, id);
      if (message.senderId !== viewer.userId) {
        throw new ServiceError('FORBIDDEN', 'Only the sender of a message may edit it.');
      }
      // The engine checks this too, but rules must not run first.
      if (message.deletedAt !== null) throw alreadyDeleted();
      await blocks.refuseIn(viewer, message.conversationId);
      return shownTo(viewer, changed(message, resultOf(await routed.edit(viewer, message, next))));
    },

    async delete(by, id) {
      const sender = await acting.asSenderOf(by, identifier(id, 'id'));
      // When the user has left, the back end deletes the message with its own rights.
      const viewer = sender !== by && !(await findMany(sender, [id]))[0] ? by : sender;
      const message = await require(viewer, id);
      const isOwn = message.senderId === viewer.userId;
      await requireRole(engine, viewer, message.conversationId, isOwn ? 'MEMBER' : 'MODERATOR');
      const edit = await engine.deleteMessage(viewer.tenant, message.id, actorOf(viewer).userId);
      return shownTo(viewer, changed(message, resultOf(edit)));
    },

    async addReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      // A short code can contain words, like a message.
      await blocks.refuseIn(viewer, message.conversationId);
      return changed(message, resultOf(await engine.addReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },

    async removeReaction(viewer, id, emoji) {
      const clean = emojiOf(emoji);
      const message = await requireAsMember(viewer, id);
      return changed(message, resultOf(await engine.removeReaction(viewer.tenant, message.id, viewer.userId, clean)));
    },
  };
}
