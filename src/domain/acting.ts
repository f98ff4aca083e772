/** Finds the user for whom a back end sends or changes messages. */
import { LRUCache } from 'lru-cache';
import { actFor } from '../access/acting.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import { isService, type MessageId, type UserId, type Viewer } from '../model.ts';
import { userIdentifier } from './input.ts';

export interface Acting {
  /** Without `onBehalfOf`: the viewer. @throws {ServiceError} FORBIDDEN for a viewer that is not a back end. */
  as(viewer: Viewer, onBehalfOf: string | null | undefined): Viewer;
  /** The viewer, or the user for whom the viewer, a back end, sent the message. */
  asSenderOf(viewer: Viewer, id: MessageId): Viewer | Promise<Viewer>;
}

export function createActing(engine: Engine): Acting {
  /**
   * The senders of messages that back ends sent, for users or for themselves. A sender never changes, so it is read once
   * for all appends.
   */
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
