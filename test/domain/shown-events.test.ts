/** Events as consumers receive them, and what a node counts. */
import { countAccepted } from '../../src/domain/accepted.ts';
import { shownEvent } from '../../src/domain/event-data.ts';
import type { EventRecord } from '../../src/engine/shared/consumer.ts';
import type { ConversationId, EventType } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { openTestDomain } from '../support/domain.ts';
import { alice, bob, tenant, viewerOf } from '../support/world.ts';

describe('events as they are shown', () => {
  const at = 1_000;
  const iso = new Date(at).toISOString();
  const event = (type: EventType, data: object) =>
    ({ id: 'e', at, subject: 's', attempt: 2, type, data }) as unknown as EventRecord;
  const shown = (type: EventType, data: object) => shownEvent(event(type, data)).data;

  it('have the names and times of the protocol', () => {
    const position = { epoch: 'e', place: 1 };
    const publication = { id: 'p', topic: 't', payload: 1, senderId: alice, timestamp: at, position };
    expect(shownEvent(event('PUBLISHED', publication))).toEqual({
      id: 'e',
      type: 'published',
      time: at,
      subject: 's',
      attempt: 2,
      data: { ...publication, timestamp: iso, position: expect.any(String) },
    });
    expect(shown('USER_UNREACHED', { userId: bob })).toEqual({ userId: bob });
    const device = { deviceId: 'd', connectionType: 'SSE', connectedAt: at };
    const presence = { userId: bob, status: 'ONLINE', statusText: null, lastSeenAt: null, devices: [device] };
    expect(shown('PRESENCE_CHANGED', presence)).toEqual({ ...presence, devices: [{ ...device, connectedAt: iso }] });
    expect(shown('PRESENCE_CHANGED', { ...presence, lastSeenAt: at })).toMatchObject({ lastSeenAt: iso });
    const session = { id: 's', createdAt: at, expiresAt: at, revokedAt: null };
    expect(shown('SESSION_STARTED' as EventType, session)).toEqual({
      id: 's',
      createdAt: iso,
      expiresAt: iso,
      revokedAt: null,
    });
  });

  it('messages have every field, also those that are stored only when needed', () => {
    const message = { id: 'm', content: 'x', timestamp: at, editedAt: null, deletedAt: null, position: {} };
    expect(shown('MESSAGE_SENT', message)).toEqual({
      id: 'm',
      content: 'x',
      timestamp: iso,
      editedAt: null,
      deletedAt: null,
      deletedBy: null,
      via: null,
      state: 'COMPLETE',
    });
    expect(
      shown('MESSAGE_SENT', { ...message, editedAt: at, deletedAt: at, deletedBy: bob, via: 'crm', state: 'ABORTED' }),
    ).toMatchObject({
      editedAt: iso,
      deletedAt: iso,
      deletedBy: bob,
      via: 'crm',
      state: 'ABORTED',
    });
  });

  it('conversations have their public fields, and why members left', () => {
    const conversation = {
      id: 'c',
      name: null,
      kind: 'ROOM',
      createdAt: at,
      createdBy: alice,
      memberCount: 2,
      lastSequence: 3,
    };
    const data = { conversation: { ...conversation, version: 9, position: {} }, userIds: [bob] };
    expect(shown('MEMBER_LEFT' as EventType, data)).toEqual({
      conversation: { ...conversation, createdAt: iso },
      userIds: [bob],
      reason: null,
    });
    expect(shown('MEMBER_LEFT' as EventType, { ...data, why: 'REMOVED' })).toMatchObject({ reason: 'REMOVED' });
  });
});

it('accepted messages and publications are counted, for each tenant and in all', async () => {
  const domain = openTestDomain();
  const user = viewerOf(alice);
  const counted: unknown[] = [];
  const counter = (name: string) => ({ inc: (count: number) => counted.push([name, count]) });
  const counters = {
    messages: counter('messages'),
    publications: counter('publications'),
    tenants: { count: (...given: unknown[]) => counted.push(given) },
  };
  const { messages, topics, writings } = countAccepted(domain, counters);
  const since = (): unknown[] => counted.splice(0);
  const each = (name: string, count: number) => [
    [name, count],
    [tenant, name, count],
  ];
  await domain.conversations.create(user, { id: 'c' });
  const input = { conversationId: 'c' as ConversationId, content: 'x' };
  await messages.send(user, input);
  expect(since()).toEqual(each('messages', 1));
  await messages.sendMany(user, [input, { ...input, content: '' }, input], UNMETERED);
  expect(since()).toEqual(each('messages', 2));
  await messages.sendDirect(user, bob, input);
  expect(since()).toEqual(each('messages', 1));
  await writings.start(user, input);
  expect(since()).toEqual(each('messages', 1));
  await topics.publish(user, { topic: 't', payload: 1 });
  expect(since()).toEqual(each('publications', 1));
  await topics.publishMany(
    user,
    [
      { topic: 't', payload: 1 },
      { topic: '', payload: 1 },
    ],
    UNMETERED,
  );
  expect(since()).toEqual(each('publications', 1));
  await expect(messages.send(user, { ...input, content: '' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(since()).toEqual([]);
  await domain.close();
});
