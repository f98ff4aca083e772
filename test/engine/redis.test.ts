import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { definitionsOf, linked } from '../../src/engine/redis/linking.ts';
import { LIMITS } from '../../src/limits.ts';
import type { PublicationId, Topic, UserId } from '../../src/model.ts';
import { endTexts, KEPT } from '../contract/ended-texts.ts';
import { describeEngine } from '../contract/engine.ts';

import { session } from '../contract/sessions.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import {
  alice,
  connectionId,
  createGroup,
  deviceId,
  newConversationId,
  sendText,
  tenant,
  text,
  userId,
} from '../support/world.ts';
import { countWrites } from '../support/writes.ts';
import { RedisWorld } from './redis-world.ts';

const redis = new RedisWorld();
const { open, openNode } = redis;

it('a script contains exactly the shared functions that it uses, directly or indirectly', () => {
  const library = `local UNIT = 'ms'
-- Not mistaken, though it names other.
local function time() return 1 .. UNIT end
local function other() return 2 end
local function later()
  return time()
end
`;
  const script = '-- Not one of other.\nreturn later()';
  const [unit, time, , later] = definitionsOf(library).map(({ lua }) => lua);
  expect(() => definitionsOf(library, 'local time = 2')).toThrow('time is defined twice.');
  const early = 'local function early() return later() end';
  expect(() => definitionsOf(early, library)).toThrow('early calls later, which is defined after it.');
  expect(linked(script, definitionsOf(library))).toBe([unit, time, later, script].join('\n'));
});

it('every script that uses the keys of a list opens it first, but the one for lists that have the entry', () => {
  const folder = new URL('../../src/engine/redis/lua/', import.meta.url);
  const takes = /\b(list\.|readEntry|writeEntry|openUserLog|applyMembership)/;
  const shared = ['list.lua', 'user-log.lua', 'waiting-notes.lua'];
  const scripts = readdirSync(folder).filter((name) => !shared.includes(name));
  const codeOf = (name: string) => readFileSync(new URL(name, folder), 'utf8').replaceAll(/^\s*--.*$/gm, '');
  const unopened = scripts.filter((name) => takes.test(codeOf(name)) && !codeOf(name).includes('openList(KEYS, '));
  expect(unopened).toEqual(['advance-lists.lua']);
});

it('the scripts keep as many epochs of a log as the other engine', () => {
  const prelude = readFileSync(new URL('../../src/engine/redis/lua/prelude.lua', import.meta.url), 'utf8');
  expect(prelude).toContain(`while #lineage > ${LIMITS.rememberedEpochs} do`);
});

describe('Redis engine', () => {
  describeEngine(open);

  it('only keys of conversations, users and nodes are permanent; all others have a time to live', async () => {
    const clock = new TestClock();
    const prefix = `kept-${randomUUID()}`;
    const engine = await openNode(prefix, clock);
    const id = await createGroup(engine, alice, userId('bob'));
    await engine.appendMessage(tenant, text(id, alice, 'x', 'key'));
    expect(await engine.countUnread(tenant, userId('bob'))).toBe(1);
    await engine.removeMember(tenant, id, userId('bob'), null);
    await engine.countUnread(tenant, alice);
    await createGroup(engine, alice);
    await engine.setTyping(tenant, id, alice, true);
    const publication = { id: randomUUID() as PublicationId, topic: 'news' as Topic, payload: 1, senderId: alice };
    await engine.publish(tenant, { ...publication, key: { id: 'key', digest: 'digest' } });
    await engine.writeSession(tenant, session('one', 1, { expiresAt: clock.now() + 60_000 }), []);
    await engine.writeBookmark(tenant, alice, 'phone', new Map());
    await engine.refuseTokens(tenant, alice, 1);
    await engine.connect(tenant, alice, {
      connectionId: connectionId('one'),
      deviceId: deviceId('phone'),
      connectionType: 'SSE',
      sessionId: null,
    });
    const admin = new Redis(redis.server.url);
    const keys = await admin.keys(`${prefix}*`);
    const lives = await Promise.all(keys.map((key) => admin.pttl(key)));
    const lasting = keys
      .filter((_, index) => lives[index] === -1)
      .map((key) => key.slice(prefix.length + 1).replace(/^\{(\w+)\.?[^}]*\}/, '$1'));
    admin.disconnect();
    await engine.close();
    const ofConversations = ['c:joins', 'c:log', 'c:members', 'c:messages', 'c:meta'];
    const ofLists = ['conversations', 'entries', 'joined', 'left', 'log', 'log-state', 'order', 'unread', 'waiting'];
    const ofUsers = [...ofLists, 'places', 'presence', 'refusal'].sort();
    const ofNodes = ['node:connections', 'nodes:leases'];
    // What a node has in hand is there until it was done.
    const kept = new Set(lasting.filter((key) => key !== 'l:unlisted'));
    const ofUser = ofUsers.map((key) => `u:${key}`);
    expect([...kept].sort()).toEqual([...ofConversations, ...ofNodes, 'schema', ...ofUser]);
  });

  it('an append is the same few commands at any length of the text', async () => {
    const { engine, close } = await open();
    const id = await createGroup(engine, alice);
    const started = await engine.startMessage(tenant, { ...text(id, alice, 'x'.repeat(3_000)), isHeld: false });
    if (!('message' in started)) throw new Error(started.outcome);
    const admin = new Redis(redis.server.url);
    const monitor = await admin.monitor();
    const commands: string[] = [];
    monitor.on('monitor', (_time: string, [command, key = '']: string[], source: string) => {
      const of = /\{c\.[^}]*\}:(members|messages|streams|texts|channel)$/.exec(key)?.[1];
      if (source === 'lua' && of) commands.push(`${command?.toUpperCase()} ${of}`);
    });
    const change = { senderId: alice, text: ' a token', payload: undefined, paceMs: 10 };
    await engine.appendText(tenant, started.message.id, { ...change, offset: 3_000 });
    await eventually(() => expect(commands).toContain('SPUBLISH channel'));
    monitor.disconnect();
    admin.disconnect();
    await close();
    const looks = ['HGET messages', 'HGET streams', 'HEXISTS members'];
    expect(commands).toEqual([...looks, 'HGET texts', 'HSET texts', 'HSET streams', 'SPUBLISH channel']);
  });

  it('commands of one turn of the event loop are sent in one write, without waiting for earlier answers', async () => {
    const engine = await openNode(`writes-${randomUUID()}`, new StillClock());
    const answers: Promise<unknown>[] = [];
    const ask = () => {
      for (let n = 0; n < 20; n += 1) answers.push(engine.readPresence(tenant, [alice]));
    };
    expect([await countWrites(ask), await countWrites(ask)]).toEqual([1, 1]);
    expect(await Promise.all(answers)).toHaveLength(40);
    await engine.close();
  });

  it('G20: keeps nothing of ended streamed texts but their messages', async () => {
    const clock = new TestClock();
    const prefix = `ended-${randomUUID()}`;
    const engine = await openNode(prefix, clock, KEPT);
    await endTexts(engine, (ms) => clock.advance(ms));
    const admin = new Redis(redis.server.url);
    const keys = await admin.keys(`${prefix}*`);
    admin.disconnect();
    await engine.close();
    expect(keys.filter((key) => /:(streams|texts)$/.test(key))).toEqual([]);
  });

  it('scripts are loaded again after SCRIPT FLUSH', async () => {
    const world = await open();
    const admin = new Redis(redis.server.url);
    const id = await createGroup(world.engine, alice);
    await admin.script('FLUSH');
    expect(await world.engine.appendMessage(tenant, text(id, alice, 'x'))).toMatchObject({ outcome: 'appended' });
    admin.disconnect();
    await world.close();
  });

  it('the reactions to a message have a cap', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new TestClock());
    const admin = new Redis(redis.server.url);
    const id = await createGroup(engine, alice);
    const { id: messageId } = await sendText(engine, id, alice, 'x');
    const react = async (name: string) => (await engine.addReaction(tenant, messageId, userId(name), '👍')).outcome;
    expect(await react('fan')).toBe('changed');
    // Each reaction by itself would take as long as all before it.
    const { messages } = createKeys(prefix, 0).conversation(tenant, id);
    const fans = Array.from({ length: LIMITS.reactionsPerMessage - 1 }, (_, nth) => `fan-${nth}`);
    const lines = (await admin.hget(messages, '1'))?.split('\n') ?? [];
    await admin.hset(messages, '1', lines.with(2, JSON.stringify([{ emoji: '👍', userIds: fans }])).join('\n'));
    expect([await react('bob'), await react('carol')]).toEqual(['changed', 'full']);
    admin.disconnect();
    await engine.close();
  });

  it('an entry that a list has lost returns with the next message, and with the other user of its conversation', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new TestClock());
    const admin = new Redis(redis.server.url);
    const [one, two] = [userId('one'), userId('two')];
    const members = [one, two].map((user) => ({ userId: user, role: 'OWNER' as const }));
    const id = newConversationId();
    await engine.createConversation(tenant, { id, name: null, kind: 'DIRECT', createdBy: one, members });
    const list = { kind: null, isArchived: null, isUnread: null, order: 'activity', after: null, limit: 10 } as const;
    const peerOf = async (user: UserId) => (await engine.listConversations(tenant, user, list)).entries[0]?.peer;
    const expected = [two, one];
    expect(await Promise.all([one, two].map(peerOf))).toEqual(expected);
    for (const user of [one, two]) {
      const { order, entries } = createKeys(prefix, 0).user(tenant, user);
      expect(await admin.del(order, entries)).toBe(2);
    }
    await sendText(engine, id, one, 'x');
    await eventually(async () => expect(await Promise.all([one, two].map(peerOf))).toEqual(expected));
    admin.disconnect();
    await engine.close();
  });

  it('a conversation with broken keys fails alone, also when read with others', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new TestClock());
    const admin = new Redis(redis.server.url);
    const ids = [await createGroup(engine, alice), await createGroup(engine, alice)] as const;
    const { members } = createKeys(prefix, 0).conversation(tenant, ids[0]);
    expect(await admin.del(members)).toBe(1);
    await admin.set(members, 'broken');
    const reads = ids.map((conversationId) => engine.readMemberships(tenant, [{ conversationId, userId: alice }]));
    expect((await Promise.allSettled(reads)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    admin.disconnect();
    await engine.close();
  });

  it('members whose values were lost are left out of their pages, which end', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new TestClock());
    const admin = new Redis(redis.server.url);
    const id = await createGroup(engine, alice);
    await engine.appendMessage(tenant, text(id, alice, 'x'));
    const { joins } = createKeys(prefix, 0).conversation(tenant, id);
    // More than one page has.
    await admin.zadd(joins, ...Array.from({ length: 450 }, (_, n) => [n + 10, `lost-${n}`]).flat());
    expect(await engine.listReadReceipts(tenant, id, 0, 10)).toMatchObject([{ userId: alice }]);
    expect(await engine.listMembers(tenant, id, 0, 10)).toMatchObject([{ userId: alice }]);
    admin.disconnect();
    await engine.close();
  });

  it('G04: a restart of the server begins a new epoch, and positions of kept entries still resume', async () => {
    const world = await open();
    const id = await createGroup(world.engine, alice);
    const append = await world.engine.appendMessage(tenant, text(id, alice, 'one'));
    if (!('message' in append)) throw new Error(append.outcome);
    const admin = new Redis(redis.server.url);
    const keys = await admin.keys('*meta');
    const meta = keys.find((key) => key.includes(Buffer.from(tenant).toString('base64url'))) ?? '';
    for (const key of keys) await admin.hset(key, 'history', 'another');
    expect(meta).not.toBe('');
    const next = await world.engine.appendMessage(tenant, text(id, alice, 'two'));
    if (!('message' in next)) throw new Error(next.outcome);
    expect(next.message.position.epoch).not.toBe(append.message.position.epoch);
    const page = await world.engine.readLog(tenant, id, append.message.position, 10);
    expect(page).toMatchObject({ outcome: 'read', entries: [{ message: next.message }] });
    const lost = { ...append.message.position, place: 2 };
    expect(await world.engine.readLog(tenant, id, lost, 10)).toEqual({ outcome: 'expired', reason: 'DIVERGED' });
    admin.disconnect();
    await world.close();
  });
});
