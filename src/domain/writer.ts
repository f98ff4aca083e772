/** Who may write a streamed message, and the errors for others. */
import { viaOf } from '../access/acting.ts';
import { requireSeen, type SeenMessage, seeMessages } from '../access/seen.ts';
import { lengthOf } from '../code-points.ts';
import type { Engine, Writer } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import type { MessageId, Viewer } from '../model.ts';
import { isTooLongToWrite, payload, writtenText } from './input.ts';

export function conflict(message: string, length: number): ServiceError {
  return new ServiceError('CONFLICT', message, { length });
}

/**
 * The viewer is the sender, but a back end started the message for them; or the viewer's back end is not the one that
 * started it.
 */
export const writtenByAnother = (): ServiceError =>
  new ServiceError('FORBIDDEN', 'Only the user or back end that started a message may write it.');

export const writerOf = (viewer: Viewer): Writer => ({ senderId: viewer.userId, via: viaOf(viewer) });

/** Undefined without a value: the payload does not change. */
export const newPayload = (value: unknown): unknown =>
  value === undefined || value === null ? undefined : payload(value, 'payload');

export interface WriterChecks {
  /** The viewer's own message. @throws {ServiceError} As for a message that does not exist, or of another sender. */
  requireOwn(viewer: Viewer, id: MessageId): Promise<SeenMessage>;
  /** The checked text for a message of the viewer. The current length is read only for the error. */
  textFor(viewer: Viewer, id: MessageId, text: string, name: string): string | Promise<string>;
  /** Throws the reason why nothing was written. */
  refuse(viewer: Viewer, id: MessageId): Promise<never>;
}

export function createWriterChecks(engine: Engine): WriterChecks {
  async function requireOwn(viewer: Viewer, id: MessageId): Promise<SeenMessage> {
    const [message] = await seeMessages(engine, viewer, [id]);
    if (!message) throw notFound('message');
    if (message.senderId !== viewer.userId)
      throw new ServiceError('FORBIDDEN', 'Only the sender of a message may write it.');
    return message;
  }

  async function lengthNow(viewer: Viewer, id: MessageId): Promise<number> {
    const writing = await engine.readWriting(viewer.tenant, id, writerOf(viewer));
    return lengthOf((writing?.message ?? (await requireOwn(viewer, id))).content);
  }

  return {
    requireOwn,

    textFor(viewer, id, text, name) {
      if (!isTooLongToWrite(text)) return writtenText(text, name, 0);
      return lengthNow(viewer, id).then((length) => writtenText(text, name, length));
    },

    async refuse(viewer, id) {
      const { content, conversationId, state } = await requireOwn(viewer, id);
      const { membership } = await requireSeen(engine, viewer, conversationId);
      if (!membership) throw new ServiceError('FORBIDDEN', 'Only members may send messages.');
      if (state === 'STREAMING') throw writtenByAnother();
      throw conflict('The message is finished.', lengthOf(content));
    },
  };
}
