/** Events in the public names and shapes that consumers receive. */
import type { DeadLetter, EventRecord, Happening } from '../engine/shared/consumer.ts';
import type { ShownEvent } from '../model.ts';
import { encodeTopicPosition } from './cursor.ts';

const typeName = (type: string): string => type.toLowerCase().replaceAll('_', '.');

const date = (ms: number | null | undefined): string | null =>
  typeof ms === 'number' ? new Date(ms).toISOString() : null;

function dataOf(happening: Happening): unknown {
  if (happening.type === 'PUBLISHED') {
    const { id, topic, payload, senderId, timestamp, position } = happening.data;
    return { id, topic, payload, senderId, timestamp: date(timestamp), position: encodeTopicPosition(topic, position) };
  }
  if (happening.type === 'USER_UNREACHED') return happening.data;
  if (happening.type === 'PRESENCE_CHANGED') {
    const { lastSeenAt, devices, ...presence } = happening.data;
    const shown = devices.map(({ connectedAt, ...device }) => ({ ...device, connectedAt: date(connectedAt) }));
    return { ...presence, lastSeenAt: date(lastSeenAt), devices: shown };
  }
  if ('revokedAt' in happening.data) {
    const { createdAt, expiresAt, revokedAt, ...session } = happening.data;
    return { ...session, createdAt: date(createdAt), expiresAt: date(expiresAt), revokedAt: date(revokedAt) };
  }
  if ('conversation' in happening.data) {
    const { conversation, userIds, why = null } = happening.data;
    const { id, name, kind, createdAt, createdBy, memberCount, lastSequence } = conversation;
    const shown = { id, name, kind, createdAt: date(createdAt), createdBy, memberCount, lastSequence };
    return { conversation: shown, userIds, reason: why };
  }
  const { position: _, timestamp, editedAt, deletedAt, deletedBy = null, via = null, ...message } = happening.data;
  const { state = 'COMPLETE', ...rest } = message;
  const times = { timestamp: date(timestamp), editedAt: date(editedAt), deletedAt: date(deletedAt) };
  return { ...rest, ...times, deletedBy, via, state };
}

export function shownEvent(event: EventRecord | DeadLetter): ShownEvent {
  const { id, at, subject, attempt } = event;
  // The data of an unknown type have an unknown form.
  if (event.type === null) return { id, type: typeName(event.newer), time: at, subject, data: {}, attempt };
  return { id, type: typeName(event.type), time: at, subject, data: dataOf(event), attempt };
}
