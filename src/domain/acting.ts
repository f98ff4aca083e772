/** As whom a service sends messages, and changes those that it sent for users. */
import { LRUCache } from 'lru-cache';
import { actFor } from '../access/acting.ts';
import { isService } from '../access/rights.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { MessageId, UserId, Viewer } from '../model.ts';
import { userIdentifier } from './input.ts';

export interface Acting {
  /** Left out: the viewer themselves. @throws {ServiceError} FORBIDDEN for who is no service. */
  as(viewer: Viewer, onBehalfOf: string | null | undefined): Viewer;
  /** The viewer; of a message that they sent for a user as a service, that user. */
  asSenderOf(viewer: Viewer, id: MessageId): Viewer | Promise<Viewer>;
}

export function createActing(engine: Engine): Acting {
  /** For whom services sent messages, themselves included. That never changes: a text is added to without asking again. */
  const senders = new LRUCache<string, UserId>({ max: LIMITS.rememberedSenders });

  async function find(viewer: Viewer, id: MessageId, key: string): Promise<Viewer> {
    const [message] = await engine.readMessages(viewer.tenant, [id]);
    if (!message) return viewer;
    const sender = message.via === viewer.userId ? message.senderId : viewer.userId;
    senders.set(key, sender);
    return actFor(viewer, sender);
  }

  return {
    as: (viewer, onBehalfOf) =>
      onBehalfOf === null || onBehalfOf === undefined
        ? viewer
        : actFor(viewer, userIdentifier(onBehalfOf, 'onBehalfOf')),

    asSenderOf(viewer, id) {
      if (!isService(viewer)) return viewer;
      const key = JSON.stringify([viewer.tenant, viewer.userId, id]);
      const sender = senders.get(key);
      return sender === undefined ? find(viewer, id, key) : actFor(viewer, sender);
    },
  };
}
