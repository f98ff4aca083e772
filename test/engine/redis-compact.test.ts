/** The compact form of messages in Redis, beside the form of 0.1.0. */
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { ConversationId, MessageRecord } from '../../src/model.ts';
import { describeMessageChanges } from '../contract/message-changes.ts';
import { describeMessages } from '../contract/messages.ts';
import { describeRetention } from '../contract/retention.ts';
import { createRandom } from '../faults/random.ts';
import { newPrefix, openTwoNodes } from '../support/redis-engine.ts';
import { StillClock } from '../support/still-clock.ts';
import {
  alice,
  bob,
  createGroup,
  newConversationId,
  type OpenWorld,
  sendText,
  tenant,
  text,
  type World,
} from '../support/world.ts';
import { RedisWorld } from './redis-world.ts';

const redis = new RedisWorld();
/** Enough that most are in blocks. */
const COUNT = 70;

let admin: Redis;
beforeAll(() => {
  admin = new Redis(redis.server.url);
});
afterAll(() => admin.disconnect());

/** A world whose data were begun by an earlier release. */
async function openEarlier(...[options, prefix = newPrefix()]: [...Parameters<OpenWorld>, string?]): Promise<World> {
  await admin.set(`${prefix}:schema`, 1);
  return openTwoNodes(redis.server.url, options, prefix);
}

/** A message without what differs between two runs of the same changes. */
const told = (message: MessageRecord) => ({
  ...message,
  ...{ id: null, conversationId: null, timestamp: null, replyToId: message.replyToId !== null },
  ...{ editedAt: message.editedAt !== null, deletedAt: message.deletedAt !== null, position: message.position.place },
});

/** All that can be read of a conversation's messages. */
async function readAll({ engine, other }: World, id: ConversationId, ids: MessageRecord['id'][]) {
  const page = { after: 0, before: null, limit: 1_000 };
  const first = await engine.listMessages(tenant, id, { ...page, from: 'first' });
  const last = await other.listMessages(tenant, id, { ...page, before: 50, limit: 33, from: 'last' });
  const [state] = await engine.readConversations(tenant, [id]);
  const floor = Math.max(0, first.firstSequence - 1);
  const start = { epoch: state?.position.epoch ?? '', place: (state?.position.place ?? 0) - 40 };
  const log = await engine.readLog(tenant, id, start, 1_000);
  if (log.outcome !== 'read') throw new Error(log.outcome);
  return {
    floor,
    pages: [first, last].map(({ messages }) => messages.map(told)),
    log: log.entries.map(({ place, change, isLast, message }) => [place, change, isLast, message && told(message)]),
    isOfOneEpoch: log.entries.every(({ epoch }) => epoch === start.epoch),
    byId: (await other.readMessages(tenant, ids)).map((message) => message && told(message)),
  };
}

/** The same random changes for the same seed. */
async function change(world: World, seed: number) {
  const { engine, other } = world;
  const id = await createGroup(engine, alice, bob);
  const random = createRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const ids: MessageRecord['id'][] = [];
  const outcomes: string[] = [];
  const any = () => ids[below(ids.length)] as MessageRecord['id'];
  for (let nth = 0; nth < COUNT; nth += 1) {
    const node = below(2) ? engine : other;
    const sender = below(2) ? alice : bob;
    const sent = await node.appendMessage(tenant, {
      ...text(id, sender, `"${nth}"\n\u2028\u0001 🎉`, below(2) ? `key-${nth}` : undefined),
      ...(below(4) ? {} : { payload: { nth, none: null }, via: bob }),
      replyToId: ids.length > 0 && below(4) === 0 ? any() : null,
    });
    outcomes.push(sent.outcome);
    if ('message' in sent) ids.push(sent.message.id);
    const what = below(12);
    if (what === 0) outcomes.push((await node.editMessage(tenant, any(), 'edited', null)).outcome);
    if (what === 1) outcomes.push((await node.deleteMessage(tenant, any(), null)).outcome);
    if (what === 2) outcomes.push((await node.addReaction(tenant, any(), alice, '👍')).outcome);
    if (what === 3) {
      const again = below(nth + 1);
      for (const user of [alice, bob]) {
        const key = { id: `key-${again}`, digest: 'same' };
        const found = await node.findSent(tenant, { conversationId: id, senderId: user, key });
        outcomes.push(found === null ? 'unknown' : found.outcome);
      }
    }
  }
  return { id, ids, outcomes, read: await readAll(world, id, ids) };
}

describe('the compact form', () => {
  for (const retention of [null, 40]) {
    it(`G01, G03: the same changes are read alike in both forms; kept are ${retention ?? 'all'} messages`, async () => {
      const worlds = [await openTwoNodes(redis.server.url, { retention }), await openEarlier({ retention })];
      for (let seed = 1; seed <= 3; seed += 1) {
        const [compact, earlier] = await Promise.all(worlds.map((world) => change(world, seed)));
        expect(compact?.outcomes).toEqual(earlier?.outcomes);
        expect(compact?.read).toEqual(earlier?.read);
      }
      for (const world of worlds) await world.close();
    });
  }

  it('a message takes less than half of the memory, with its key', async () => {
    const bytes = [];
    for (const open of [openTwoNodes.bind(null, redis.server.url), openEarlier]) {
      const prefix = newPrefix();
      const { engine, close } = await open({}, prefix);
      const id = await createGroup(engine, alice);
      for (let nth = 0; nth < 10 * COUNT; nth += 1)
        await engine.appendMessage(tenant, text(id, alice, 'x'.repeat(200), String(nth).padStart(36, '0')));
      const names = (await admin.keys(`${prefix}:{c.*`)).filter((name) => !/:(meta|members|joins)$/.test(name));
      const sizes = await Promise.all(names.map((name) => admin.memory('USAGE', name, 'SAMPLES', 0)));
      bytes.push(sizes.reduce<number>((sum, size) => sum + Number(size), 0) / (10 * COUNT));
      await close();
    }
    const [compact = 0, earlier = 0] = bytes;
    expect(compact).toBeLessThan(earlier / 2);
  });

  it('nothing of a deleted or trimmed message stays in the block in which it was, nor in the log', async () => {
    const prefix = newPrefix();
    const { engine, close } = await openTwoNodes(redis.server.url, { retention: 50 }, prefix);
    const id = await createGroup(engine, alice);
    const { messages, log } = createKeys(prefix, 0).conversation(tenant, id);
    const stored = async () => JSON.stringify(await admin.hgetall(messages));
    const sent = [];
    for (let nth = 1; nth <= 50; nth += 1) sent.push(await sendText(engine, id, alice, `secret-${nth}.`));
    const fields = await admin.hkeys(messages);
    expect(fields.filter((field) => field.startsWith('b')).sort()).toEqual(['b0', 'b1']);
    await engine.deleteMessage(tenant, (sent[20] as MessageRecord).id, null);
    expect(await stored()).not.toContain('secret-21.');
    expect(await stored()).toContain('secret-22.');
    await sendText(engine, id, alice, 'one more');
    expect(await stored()).not.toContain('secret-1.');
    expect((await admin.xrange(log, '-', '+', 'COUNT', 1))[0]?.[0]).toBe('2-0');
    expect(await stored()).toContain('secret-2.');
    await close();
  });

  it('data of an older release stay in its form until the version is raised; then both forms are read', async () => {
    const clock = new StillClock();
    const prefix = newPrefix();
    const keys = createKeys(prefix, 0);
    const open = () => redis.openNode(prefix, clock);
    // 0.1.0 stores no version: a conversation or a running node shows it.
    await admin.zadd(keys.leases, Date.now() + 60_000, 'a node of 0.1.0');
    const earlier = await open();
    expect(await admin.get(keys.schema)).toBe('1');
    const id = await createGroup(earlier, alice);
    const { messages } = keys.conversation(tenant, id);
    const first = await sendText(earlier, id, alice, 'first', 'one');
    const [alone = ''] = keys.sent(tenant, id, alice, 'one');
    expect(await admin.hget(messages, '1')).toMatch(/^"id":.*\n.*"content":"first".*\n\[\]\n/);
    expect(await admin.exists(alone)).toBe(1);
    await admin.set(keys.schema, 2);
    const later = await open();
    const second = await sendText(later, id, alice, 'second', 'two');
    expect(await admin.hget(messages, '2')).not.toContain('"content"');
    expect(await admin.exists(keys.sent(tenant, id, alice, 'two')[0] ?? '')).toBe(0);
    for (const engine of [earlier, later]) {
      expect(await engine.readMessages(tenant, [first.id, second.id])).toEqual([first, second]);
      for (const [key, message] of Object.entries({ one: first, two: second }))
        expect(await engine.appendMessage(tenant, text(id, alice, 'again', key))).toEqual({
          outcome: 'duplicate',
          message,
        });
    }
    await earlier.close();
    await later.close();
  });

  it('data of an older release are found among many other keys, also while no node runs', async () => {
    // More than one answer of SCAN has.
    await admin.mset(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`other:${n}`, 'x'])));
    for (const kind of ['a conversation', 'a user', 'none']) {
      const prefix = newPrefix();
      const keys = createKeys(prefix, 0);
      const { meta } = keys.conversation(tenant, newConversationId());
      if (kind === 'a conversation') await admin.hset(meta, 'version', 1);
      if (kind === 'a user') await admin.hset(keys.user(tenant, alice).presence, 'version', 1);
      await (await redis.openNode(prefix, new StillClock())).close();
      expect([kind, await admin.get(keys.schema)]).toEqual([kind, kind === 'none' ? '2' : '1']);
    }
  });

  it('of nodes that start together on an empty Redis all begin the compact form', async () => {
    const prefix = newPrefix();
    const clock = new StillClock();
    const nodes = await Promise.all([1, 2, 3].map(() => redis.openNode(prefix, clock)));
    expect(await admin.get(`${prefix}:schema`)).toBe('2');
    for (const node of nodes) await node.close();
  });
});

describe('the form of 0.1.0', () => {
  describeMessages(openEarlier);
  describeMessageChanges(openEarlier);
  describeRetention(openEarlier);
});
