/** Events as frames of the raw protocol. Each is rendered once for all its recipients. */
import { LRUCache } from 'lru-cache';
import type { SeenMessage } from '../../access/seen.ts';
import type { FeedEvent, MessageNews } from '../../delivery/conversations/subscriptions.ts';
import type { ExtendedText } from '../../delivery/conversations/written-message.ts';
import type { Payload, Renderer } from '../../delivery/rendered-stream.ts';
import { encodePosition } from '../../domain/cursor.ts';
import { isDirect } from '../../domain/direct-id.ts';
import type { Domain } from '../../domain/domain.ts';
import { LIMITS } from '../../limits.ts';
import type { MessageRecord, PresenceRecord, PublicationRecord, TenantId, TypingRecord, UserId } from '../../model.ts';

const iso = (instant: number): string => new Date(instant).toISOString();

export function presenceData({ userId, status, statusText, lastSeenAt, devices }: PresenceRecord): object {
  return {
    user_id: userId,
    status,
    status_text: statusText,
    last_seen_at: lastSeenAt === null ? null : iso(lastSeenAt),
    devices: devices.map(({ deviceId, connectionType, connectedAt }) => ({
      device_id: deviceId,
      connection_type: connectionType,
      connected_at: iso(connectedAt),
    })),
  };
}

const encode = (type: string, data: object): Payload => Buffer.from(JSON.stringify({ type, data }));

function publicationFrame({ topic, payload, senderId, id, timestamp }: PublicationRecord): Payload {
  return encode('Broadcast', { topic, payload, sender_id: senderId, message_id: id, timestamp: iso(timestamp) });
}

function typingFrame({ conversationId, userId, isTyping, expiresAt }: TypingRecord): Payload {
  const expires_at = expiresAt === null ? null : iso(expiresAt);
  return encode('Typing', { conversation_id: conversationId, user_id: userId, is_typing: isTyping, expires_at });
}

/** Clients of this protocol get the content as payload when there is no payload. */
function messageData(message: MessageRecord): object {
  const { id, conversationId, senderId, sequence, content, payload, position, timestamp } = message;
  return {
    sender_id: senderId,
    payload: payload ?? content,
    content,
    message_id: id,
    conversation_id: conversationId,
    sequence,
    position: encodePosition(conversationId, position),
    timestamp: iso(timestamp),
    ...(message.state === undefined ? {} : { state: message.state }),
    ...(message.via === undefined ? {} : { via: message.via }),
  };
}

function extensionFrame({ conversationId, messageId, offset, text, length, payload }: ExtendedText): Payload {
  const data = { conversation_id: conversationId, message_id: messageId, offset, text, length };
  return encode('MessageExtended', payload === null ? data : { ...data, payload });
}

const NEWS_FRAMES: Readonly<Record<MessageNews['news'], (message: MessageRecord) => Payload>> = {
  STOP_REQUESTED: ({ id: message_id, conversationId: conversation_id, sequence }) =>
    encode('StopMessage', { conversation_id, message_id, sequence }),
  FINISHED(message) {
    const { id: message_id, conversationId: conversation_id, sequence, state = 'COMPLETE', content, payload } = message;
    const position = encodePosition(conversation_id, message.position);
    return encode('FinishMessage', { conversation_id, message_id, sequence, state, content, payload, position });
  },
};

type Members = readonly UserId[];

export interface Rendering {
  readonly publication: Renderer['render'];
  readonly presence: Renderer['render'];
  /** The frames about a tenant's conversations. */
  ofTenant(tenant: TenantId): Renderer['render'];
}

export function createRendering(domain: Domain): Rendering {
  /** Frames by event, since events are shared objects; a frame lives as long as its event. */
  const rendered = new WeakMap<object, Payload | Promise<Payload>>();
  /** The two members of a direct conversation, who never change. */
  const pairs = new LRUCache<string, Members>({ max: LIMITS.rememberedPairs });

  async function readPair(tenant: TenantId, message: SeenMessage): Promise<Members> {
    const pair = await domain.conversations.pair(tenant, message);
    pairs.set(JSON.stringify([tenant, message.conversationId]), pair);
    return pair;
  }

  function directFrame(message: MessageRecord, pair: Members): Payload {
    const target = pair.find((userId) => userId !== message.senderId) ?? message.senderId;
    return encode('DirectMessage', { target_user: target, ...messageData(message) });
  }

  function messageFrame(tenant: TenantId, message: SeenMessage): Payload | Promise<Payload> {
    const { conversationId } = message;
    if (!isDirect(conversationId)) return encode('RoomMessage', { room: conversationId, ...messageData(message) });
    const pair = pairs.get(JSON.stringify([tenant, conversationId]));
    if (pair) return directFrame(message, pair);
    return readPair(tenant, message).then((members) => directFrame(message, members));
  }

  const once =
    <Event extends object>(render: (event: Event) => Payload | Promise<Payload>): Renderer['render'] =>
    (event) => {
      const known = rendered.get(event);
      if (known) return known;
      const payload = render(event as Event);
      rendered.set(event, payload);
      // The next recipient of this event renders it again.
      if (!Buffer.isBuffer(payload)) payload.catch(() => rendered.delete(event));
      return payload;
    };

  return {
    publication: once(publicationFrame),
    presence: once((presence: PresenceRecord) => encode('Presence', presenceData(presence))),
    ofTenant: (tenant) =>
      once((event: FeedEvent) => {
        if ('isTyping' in event) return typingFrame(event);
        if ('messageId' in event) return extensionFrame(event);
        return 'news' in event ? NEWS_FRAMES[event.news](event.message) : messageFrame(tenant, event);
      }),
  };
}
