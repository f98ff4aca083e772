/** How many round trips to Redis follow one another in an operation: each is felt where Redis is far. */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { MessageId, MessageRecord } from '../../src/model.ts';
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

const MOST = 2;
/** What takes more still: changes of members reach users' indexes and lists, which live in other slots, one after the other. */
const MORE: Readonly<Record<string, number>> = {
  createConversation: 4,
  addMembers: 3,
  joinConversation: 5,
  removeMember: 5,
  markRead: 3,
};
const RANGE = { after: 0, before: null, limit: 10, from: 'first' } as const;
const LIST = { kind: null, isArchived: null, isUnread: null, order: 'pins', after: null, limit: 10 } as const;

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
  };
  afterAll(() => engine.close());
  // What an operation leaves to be done is done before the next: a change is told to lists, and its note is taken back.
  beforeEach(async () => {
    for (let n = 0; n < 2; n += 1) await countRounds(async () => clock.advance(TIMES.listMs));
  });

  const many = Array.from({ length: 100 }, (_, n) => userId(`user-${n}`));
  const messageIds = (): MessageId[] => Array.from({ length: 50 }, () => message.id);
  const OPERATIONS: Readonly<Record<string, () => Promise<unknown>>> = {
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
    listConversations: () => engine.listConversations(tenant, alice, LIST),
    countUnread: () => engine.countUnread(tenant, alice),
    changeListed: () => engine.changeListed(tenant, alice, id, { isPinned: true }),
  };

  it.each(Object.entries(OPERATIONS))('%s', async (name, operate) => {
    expect(await countRounds(operate)).toBeLessThanOrEqual(MORE[name] ?? MOST);
  });
});
