/** The number of consecutive round trips to Redis in an operation, which counts where Redis is far away. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Bus, Engine, NewConversation, RateStore } from '../../src/engine/port.ts';
import type { ConsumerStore } from '../../src/engine/shared/consumer.ts';
import type { TopicStore } from '../../src/engine/shared/publication.ts';
import type { WebhookStore } from '../../src/engine/shared/webhook.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId, MessageRecord, RoutingRuleId, SessionId } from '../../src/model.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { countRounds } from '../support/rounds.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import {
  alice,
  bob,
  carol,
  connectionId,
  createGroup,
  newConversationId,
  tenant,
  text,
  userId,
} from '../support/world.ts';

/** A change of a conversation, and then of what lies under its users. */
const MOST = 2;
const RANGE = { after: 0, before: null, limit: 10, from: 'first' } as const;
const LIST = { kind: null, isArchived: null, isUnread: null, order: 'pins', after: null, limit: 10 } as const;

/** What is no operation of a caller, and what nothing counts yet. */
type Uncounted =
  | keyof Bus
  | 'kind'
  | 'checkHealth'
  | 'close'
  | 'findSent'
  | 'noteDiverted'
  | 'startMessage'
  | 'appendText'
  | 'finishMessage'
  | 'readWriting'
  | 'writeSession'
  | 'saveRoutingRule'
  | 'saveTopicPolicy'
  | Exclude<keyof ConsumerStore, 'readConsumers'>
  | keyof WebhookStore
  | keyof RateStore
  | 'writeBookmark'
  | keyof TopicStore
  | 'time';
type Counted = Exclude<keyof Engine, Uncounted>;

describe('G14, F46: round trips of an operation', () => {
  // Nothing that the engine does from time to time happens unless the test moves it.
  const clock = new StillClock();
  let engine: Engine;
  let id: Awaited<ReturnType<typeof createGroup>>;
  let message: MessageRecord;
  beforeAll(async () => {
    engine = await openEngineOn(sharedRedisUrl(), { prefix: `trips-${randomUUID().slice(0, 8)}`, clock });
    await countRounds(prepare);
  });
  const pair = [alice, bob].map((each) => ({ userId: each, role: 'OWNER' as const }));
  const prepare = async (): Promise<void> => {
    id = await createGroup(engine, alice, bob);
    const append = await engine.appendMessage(tenant, text(id, alice, 'x'));
    if (!('message' in append)) throw new Error(append.outcome);
    message = append.message;
    // Each script is sent whole the first time that it is run on a server.
    const other = await createGroup(engine, alice);
    await engine.addMembers(tenant, other, [bob], 'MEMBER');
    await engine.joinConversation(tenant, other, carol);
    await engine.appendMessage(tenant, text(other, alice, 'x'));
    await engine.markRead(tenant, other, bob, 1);
    await engine.removeMember(tenant, other, carol, null);
    await engine.createConversation(tenant, newRoom(room));
    await engine.createConversation(tenant, { ...newRoom(direct), kind: 'DIRECT', members: pair });
    await engine.deleteConversation(tenant, other, null);
    for (const operate of [
      OPERATIONS.requestStop,
      OPERATIONS.refuseTokens,
      OPERATIONS.deleteRoutingRule,
      OPERATIONS.deleteTopicPolicy,
    ])
      await operate();
  };
  afterAll(() => engine.close());
  // What an operation leaves to be done is done before the next: a change is told to lists, and its note is taken back.
  beforeEach(async () => {
    await countRounds(async () => clock.advance(TIMES.listMs));
  });

  const room = newConversationId();
  const direct = newConversationId();
  const newRoom = (roomId: ConversationId): NewConversation => ({
    id: roomId,
    name: 'Room',
    kind: 'ROOM',
    createdBy: alice,
    members: [{ userId: alice, role: 'OWNER' }],
  });
  const thousand = Array.from({ length: 1_000 }, (_, n) => userId(`user-${n}`));
  const many = Array.from({ length: 100 }, (_, n) => userId(`user-${n}`));
  const messageIds = (): MessageId[] => Array.from({ length: 50 }, () => message.id);
  /** The engine's operations by name. What is added to the port is counted here, or named in `Uncounted`. */
  const OPERATIONS: Readonly<Record<Counted, () => Promise<unknown>>> = {
    createConversation: () => createGroup(engine, alice, ...many),
    readConversations: () => engine.readConversations(tenant, [id, newConversationId()]),
    readMemberships: () =>
      engine.readMemberships(
        tenant,
        [alice, bob, carol].map((each) => ({ conversationId: id, userId: each })),
      ),
    listConversationIds: () => engine.listConversationIds(tenant, alice),
    renameConversation: () => engine.renameConversation(tenant, id, 'name'),
    addMembers: () => engine.addMembers(tenant, id, many, 'MEMBER'),
    joinConversation: () => engine.joinConversation(tenant, id, carol),
    removeMember: () => engine.removeMember(tenant, id, carol, null),
    setMemberRole: () => engine.setMemberRole(tenant, id, bob, 'MODERATOR', null),
    listMembers: () => engine.listMembers(tenant, id, 0, 50),
    markRead: () => engine.markRead(tenant, id, bob, 1),
    listReadReceipts: () => engine.listReadReceipts(tenant, id, 0, 50),
    appendMessage: () => engine.appendMessage(tenant, text(id, alice, 'x', 'key')),
    editMessage: () => engine.editMessage(tenant, message.id, 'y', null),
    addReaction: () => engine.addReaction(tenant, message.id, bob, '👍'),
    removeReaction: () => engine.removeReaction(tenant, message.id, bob, '👍'),
    readMessages: () => engine.readMessages(tenant, messageIds()),
    listMessages: () => engine.listMessages(tenant, id, RANGE),
    readLog: () => engine.readLog(tenant, id, message.position, 100),
    deleteMessage: () => engine.deleteMessage(tenant, message.id, null),
    connect: () =>
      engine.connect(tenant, alice, {
        connectionId: connectionId('c'),
        deviceId: null,
        sessionId: null,
        connectionType: 'SSE',
      }),
    setStatus: () => engine.setStatus(tenant, alice, 'AWAY', null),
    readPresence: () => engine.readPresence(tenant, many),
    disconnect: () => engine.disconnect(tenant, alice, connectionId('c')),
    setTyping: () => engine.setTyping(tenant, id, alice, true),
    readTyping: () => engine.readTyping(tenant, [id, id]),
    readSessions: () => engine.readSessions(tenant, alice, null),
    readRefusal: () => engine.readRefusal(tenant, alice),
    readRoutingRules: () => engine.readRoutingRules(tenant),
    readTopicPolicies: () => engine.readTopicPolicies(tenant),
    listConversations: () => engine.listConversations(tenant, alice, LIST),
    listHidden: () => engine.listHidden(tenant, alice),
    countUnread: () => engine.countUnread(tenant, alice),
    changeListed: () => engine.changeListed(tenant, alice, id, { isPinned: true }),
    readListed: () => engine.readListed(tenant, alice, [id, direct]),
    readUserLog: () => engine.readUserLog(tenant, alice, null, 10),
    readHeads: () => engine.readHeads(tenant, [id, direct], 0),
    listRooms: () => engine.listRooms(tenant, { search: '', after: null, limit: 10 }),
    setBlocked: () => engine.setBlocked(tenant, alice, carol, true),
    findBlockers: () => engine.findBlockers(tenant, carol, [alice, bob]),
    deleteConversation: () => engine.deleteConversation(tenant, room, null),
    requestStop: () => engine.requestStop(tenant, message.id),
    listWritings: () => engine.listWritings(tenant, id, 0),
    findSessionUser: () => engine.findSessionUser(tenant, 'none' as SessionId),
    refuseTokens: () => engine.refuseTokens(tenant, carol, 1),
    deleteRoutingRule: () => engine.deleteRoutingRule(tenant, 'none' as RoutingRuleId),
    deleteTopicPolicy: () => engine.deleteTopicPolicy(tenant, 'none'),
    readBookmark: () => engine.readBookmark(tenant, alice, 'session'),
    readConsumers: () => engine.readConsumers(tenant),
  };
  /** The same with what costs more. In this order: each finds what those before it left. */
  const FORMS: Readonly<Record<string, () => Promise<unknown>>> = {
    'createConversation of a thousand': () => createGroup(engine, alice, ...thousand),
    'createConversation of a room': () => engine.createConversation(tenant, newRoom(newConversationId())),
    'createConversation that is there': () => engine.createConversation(tenant, newRoom(room)),
    'renameConversation of a room': () => engine.renameConversation(tenant, room, 'Another'),
    'joinConversation of a room': () => engine.joinConversation(tenant, room, bob),
    'joinConversation of a member': () => engine.joinConversation(tenant, room, alice),
    'removeMember who leaves': () => engine.removeMember(tenant, room, bob, { userId: bob, least: 'MEMBER' }),
    'markRead of a direct conversation': () => engine.markRead(tenant, direct, bob, 0),
    'changeListed of a direct conversation': () => engine.changeListed(tenant, bob, direct, { isPinned: true }),
  };

  const { deleteConversation, ...lasting } = OPERATIONS;
  const inOrder = { ...lasting, ...FORMS, deleteConversation };
  it.each(Object.entries(inOrder))('%s', async (_name, operate) => {
    expect(await countRounds(operate)).toBeLessThanOrEqual(MOST);
  });
});

it('G11, F46: 5,000 connections of a dead node are swept in less than a lease at 20 ms a round trip', async () => {
  const clock = new StillClock();
  const prefix = `sweep-${randomUUID().slice(0, 8)}`;
  const dead = randomUUID();
  const { log, logged } = captureLog('info');
  const engine = await openEngineOn(sharedRedisUrl(), { prefix, clock, log });
  const admin = new Redis(sharedRedisUrl());
  const left = Array.from({ length: 5_000 }, (_, n) => JSON.stringify([tenant, `user-${n}`, `connection-${n}`]));
  await admin.sadd(`${prefix}:{node.${dead}}:connections`, ...left);
  await admin.sadd(`${prefix}:{nodes}:dead`, dead);
  const rounds = await countRounds(async () => {
    clock.advance(TIMES.nodeRenewMs);
    await logged('dead node swept', [{ connections: 5_000 }]);
  });
  expect(rounds * 20).toBeLessThan(TIMES.nodeLeaseMs);
  expect(await admin.exists(`${prefix}:{nodes}:dead`, `${prefix}:{node.${dead}}:connections`)).toBe(0);
  admin.disconnect();
  await engine.close();
});
