/**
 * Users, their conversations and the settings of a tenant: all data that an engine stores, and the departure of
 * everybody.
 */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import {
  type ConversationId,
  EVENT_TYPES,
  type MessageId,
  type PublicationId,
  type RoutingRuleId,
  type SessionId,
  type SessionRecord,
  type Topic,
  type UserId,
} from '../../src/model.ts';
import { alice, bob, carol, connectionId, deviceId, newConversationId, tenant, text, userId } from './world.ts';

/** Blocks somebody, and hides: that is theirs to change. */
export const dave = userId('dave');
export const erin = userId('erin');
const DAY_MS = 86_400_000;
const KEY = { id: 'key', digest: 'same' };

export interface Life {
  /** Conversations that have not been deleted. */
  readonly conversations: readonly ConversationId[];
}

function sessionOf(id: string, now: number): SessionRecord {
  const times = { createdAt: now, lastSeenAt: now, expiresAt: now + 30 * DAY_MS, revokedAt: null, rotatedAt: now };
  const names = { deviceId: deviceId('phone'), deviceName: null, userAgent: null, scope: '' };
  const secrets = { currentHash: 'hash', previousHash: '', nonce: '', usedHashes: [] };
  const topics = { publish: null, subscribe: null };
  return { id: id as SessionId, userId: alice, topics, ...times, ...names, ...secrets, version: 1 };
}

async function settle(engine: Engine): Promise<void> {
  await engine.saveConsumer(tenant, { name: 'bot', events: EVENT_TYPES, conversations: null, topics: null }, 'START');
  await engine.saveWebhook(
    tenant,
    { consumer: 'bot', url: 'https://hooks.example/', timeoutMs: 1_000, secret: 'whsec_x', version: 'one' },
    0,
  );
  const health = { failingSince: null, deliveredAt: 5, error: null, disabledAt: null, version: 'one' };
  await engine.noteWebhook(tenant, 'bot', health);
  await engine.holdWebhooks('node', 60_000, 10);
  const by = { updatedAt: 1, updatedBy: alice };
  await engine.saveRoutingRule(tenant, {
    ...by,
    id: 'rule' as RoutingRuleId,
    name: 'rule',
    enabled: true,
    priority: 1,
    match: { on: ['GROUP'], topic: null, sender: null, where: null },
    action: { drop: true },
    onFault: 'PASS',
  });
  await engine.saveTopicPolicy(tenant, {
    ...by,
    pattern: 'orders.#',
    publish: 'SERVICES',
    subscribe: 'CLAIMED',
    keep: null,
    keepFor: null,
    schema: null,
  });
}

async function unsettle(engine: Engine): Promise<void> {
  await engine.leaveWebhooks('node');
  await engine.deleteWebhook(tenant, 'bot');
  await engine.deleteConsumer(tenant, 'bot');
  await engine.deleteRoutingRule(tenant, 'rule' as RoutingRuleId);
  await engine.deleteTopicPolicy(tenant, 'orders.#');
}

async function arrive(engine: Engine, now: number): Promise<void> {
  for (const user of [alice, bob, dave, erin]) {
    const phone = { connectionId: connectionId(user), deviceId: deviceId('phone'), sessionId: null };
    await engine.connect(tenant, user, { ...phone, connectionType: 'WEBSOCKET' });
  }
  await engine.setStatus(tenant, alice, 'BUSY', 'writing');
  await engine.setBlocked(tenant, dave, bob, true);
  await engine.setStatus(tenant, erin, 'OFFLINE', null);
  await engine.writeSession(tenant, sessionOf(randomUUID(), now), []);
  await engine.refuseTokens(tenant, alice, now);
  await engine.shareUse([{ rate: 'user-messages', tenant, userId: alice, count: 1 }]);
  await engine.checkHealth();
}

async function begin(engine: Engine, kind: 'GROUP' | 'DIRECT' | 'ROOM'): Promise<ConversationId> {
  const id = newConversationId();
  const members = [alice, bob].map((each) => ({ userId: each, role: 'OWNER' as const }));
  await engine.createConversation(tenant, { id, name: 'name', kind, createdBy: alice, members });
  return id;
}

async function send(engine: Engine, id: ConversationId, content: string, key?: string): Promise<MessageId> {
  const append = await engine.appendMessage(tenant, text(id, alice, content, key));
  if (!('message' in append)) throw new Error(append.outcome);
  return append.message.id;
}

async function talk(engine: Engine, id: ConversationId): Promise<void> {
  const first = await send(engine, id, 'one', 'key');
  // Lists are updated when they are read, or half a second later.
  await engine.countUnread(tenant, bob);
  await engine.editMessage(tenant, first, 'two', null);
  await engine.addReaction(tenant, first, bob, '👍');
  await engine.markRead(tenant, id, bob, 1);
  await engine.setTyping(tenant, id, bob, true);
  await engine.requestStop(tenant, first);
  const started = await engine.startMessage(tenant, { ...text(id, alice, 'to be'), isHeld: false });
  if (!('message' in started)) throw new Error(started.outcome);
  const position = started.message.position;
  await engine.writeBookmark(tenant, bob, 'session', new Map([[id, position]]));
  const sent = { conversationId: id, senderId: alice, key: { id: 'diverted', digest: 'same' } };
  await engine.noteDiverted(tenant, sent, { fate: 'DROPPED', messageId: null } as never);
}

/** In another conversation, whose id it answers. */
export async function talkElsewhere(engine: Engine): Promise<ConversationId> {
  const id = await begin(engine, 'GROUP');
  await send(engine, id, 'one');
  return id;
}

async function publish(engine: Engine): Promise<void> {
  const publication = { topic: 'news' as Topic, payload: 1, senderId: alice, key: KEY };
  await engine.publish(tenant, { ...publication, id: randomUUID() as string as PublicationId });
}

/** Everything that is stored, at least once. */
export async function live(engine: Engine, now: number): Promise<Life> {
  await settle(engine);
  await arrive(engine, now);
  const conversations = [await begin(engine, 'GROUP'), await begin(engine, 'DIRECT'), await begin(engine, 'ROOM')];
  for (const id of conversations) await talk(engine, id);
  await engine.joinConversation(tenant, conversations[2] as ConversationId, carol);
  const deleted = await begin(engine, 'ROOM');
  await engine.deleteConversation(tenant, deleted, null);
  await publish(engine);
  await engine.pullEvents(tenant, 'bot', { member: 'one', max: 1 });
  await engine.readProgress(tenant, 'bot');
  return { conversations };
}

/** All leave all conversations, and their connections end. */
export async function leave(engine: Engine, { conversations }: Life): Promise<void> {
  for (const id of conversations) {
    for (const user of [alice, bob, carol]) await engine.removeMember(tenant, id, user, null);
  }
  for (const user of [alice, bob, dave, erin] as UserId[]) await engine.disconnect(tenant, user, connectionId(user));
  await unsettle(engine);
}
