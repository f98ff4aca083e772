/** What the scripts for messages and lists do at their bounds, on Redis alone. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type {
  ConversationId,
  MessageId,
  MessageRecord,
  PublicationId,
  Retention,
  Topic,
  UserId,
} from '../../src/model.ts';
import { writingCalls } from '../contract/writing-calls.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, createGroup, record, sendText, tenant, text, userId } from '../support/world.ts';

const prefix = `bounds-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const FEW = 2;

describe('on Redis', () => {
  const clock = new StillClock();
  let admin: Redis;
  let run: RunScript;
  let engine: Engine;
  let keeping: Engine;
  const open = (retention: Retention): Promise<Engine> => openEngineOn(sharedRedisUrl(), { prefix, clock, retention });
  beforeAll(async () => {
    admin = new Redis(sharedRedisUrl());
    run = defineScripts(admin);
    [engine, keeping] = [await open(null), await open(FEW)];
  });
  afterAll(async () => {
    await Promise.all([engine.close(), keeping.close()]);
    admin.disconnect();
  });
  const { start, append, finish } = writingCalls(() => ({
    engine,
    other: keeping,
    clock: clock as never,
    close: async () => undefined,
  }));
  const someone = (): UserId => userId(randomUUID());
  const firstOf = async (id: ConversationId): Promise<number> =>
    Number(await admin.hget(keys.conversation(tenant, id).meta, 'first'));

  it('after retention was lowered, each call drops up to a hundred messages more', async () => {
    const id = await createGroup(engine, alice);
    for (let n = 0; n < 150; n += 1) await sendText(engine, id, alice, `${n}`);
    await sendText(keeping, id, alice, 'one more');
    expect(await firstOf(id)).toBe(101);
    await sendText(keeping, id, alice, 'and another');
    expect(await firstOf(id)).toBe(151);
  });

  it('reactions and ends of streamed texts drop the log as messages do', async () => {
    const id = await createGroup(keeping, alice);
    const { id: messageId, position } = await sendText(keeping, id, alice, 'x');
    for (let n = 0; n < 3; n += 1) {
      await keeping.addReaction(tenant, messageId, bob, '👍');
      await keeping.removeReaction(tenant, messageId, bob, '👍');
    }
    const floor = async (): Promise<number> => Number(await admin.hget(keys.conversation(tenant, id).meta, 'floor'));
    expect([position.place, await floor()]).toEqual([1, 0]);
    await keeping.addReaction(tenant, messageId, bob, '👍');
    await keeping.addReaction(tenant, messageId, alice, '👍');
    expect(await floor()).toBe(9 - 4 * FEW);
    const started = await keeping.startMessage(tenant, { ...text(id, alice, 'y'), isHeld: false });
    if (!('message' in started)) throw new Error(started.outcome);
    expect(await floor()).toBe(10 - 4 * FEW);
    const end = { senderId: alice, state: 'COMPLETE', length: null, content: null, payload: undefined } as const;
    await keeping.finishMessage(tenant, started.message.id, end);
    expect(await floor()).toBe(11 - 4 * FEW);
  });

  it('a text of which nothing is kept any more takes no room among those being written', async () => {
    const id = await createGroup(engine, alice);
    const { streams } = keys.conversation(tenant, id);
    for (let n = 0; n < LIMITS.writingsPerSender; n += 1) await start(id, alice);
    const more = { ...text(id, alice, ''), isHeld: false };
    expect(await engine.startMessage(tenant, more)).toEqual({ outcome: 'full' });
    await admin.hdel(keys.conversation(tenant, id).messages, '1');
    expect(await engine.startMessage(tenant, more)).toMatchObject({ outcome: 'appended' });
    expect(await admin.hexists(streams, '1')).toBe(0);
  });

  it('an aborted message stays so when it is edited', async () => {
    const id = await createGroup(engine, alice);
    const { id: messageId } = await start(id, alice, 'so far');
    expect(await finish(messageId, { state: 'ABORTED' })).toMatchObject({ message: { state: 'ABORTED' } });
    const edited = await engine.editMessage(tenant, messageId, 'corrected', null);
    expect(edited).toMatchObject({ outcome: 'changed', message: { content: 'corrected', state: 'ABORTED' } });
    const deleted = await engine.deleteMessage(tenant, messageId, null);
    expect(deleted).toMatchObject({ message: { state: 'ABORTED', editedAt: expect.any(Number) } });
    const { id: streamed } = await start(id, alice, 'so far');
    expect(await engine.addReaction(tenant, streamed, bob, '👍')).toMatchObject({ message: { content: 'so far' } });
    expect(await engine.deleteMessage(tenant, streamed, null)).toMatchObject({
      message: { state: 'ABORTED', content: '' },
    });
    expect(await admin.exists(keys.conversation(tenant, id).streams, keys.conversation(tenant, id).texts)).toBe(0);
  });

  it('a page ends at a size, and says whether more of the range follow; a streamed message counts as the longest', async () => {
    const id = await createGroup(engine, alice);
    const { meta, messages, log } = keys.conversation(tenant, id);
    const page = async (limit: number, most: number): Promise<unknown> => {
      const [, , isPart, ...all] = (await run(
        'list-messages',
        [meta, messages, log],
        [0, '', limit, 'first', '0', most],
      )) as string[];
      return [isPart, all.length];
    };
    for (let n = 0; n < 6; n += 1) await start(id, alice, 'short');
    expect(await page(10, LIMITS.readingBytes)).toEqual(['1', LIMITS.readingBytes / LIMITS.writtenCharacters]);
    expect([await page(1, 1), await page(2, 1), await page(6, 1_000_000)]).toEqual([
      ['0', 1],
      ['1', 1],
      ['0', 6],
    ]);
  });

  it('a streamed message is found by its whole id, and its text by code points of any length', async () => {
    const id = await createGroup(engine, alice);
    const { id: messageId } = await start(id, alice, '漢字ab');
    const other = messageId.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) as MessageId;
    expect(await finish(other)).toEqual({ outcome: 'not-found' });
    expect(await append(other, 4, 'x')).toEqual({ outcome: 'not-found' });
    expect(await engine.requestStop(tenant, other)).toBeNull();
    expect(await append(messageId, 2, 'ab')).toMatchObject({ outcome: 'repeated', length: 4 });
    expect(await append(messageId, 1, '字a')).toMatchObject({ outcome: 'repeated', length: 4 });
    expect(await append(messageId, 3, 'x')).toEqual({ outcome: 'misplaced', length: 4 });
  });

  it('changes of messages that are stored together keep each other', async () => {
    const id = await createGroup(engine, alice);
    const sent = [];
    for (let n = 0; n < 14; n += 1) sent.push(await sendText(engine, id, alice, `${n}`));
    const rest = async (): Promise<void> => {
      for (let n = 0; n < 14; n += 1) await sendText(engine, id, alice, 'later');
    };
    await rest();
    const [first, second, third] = sent as [MessageRecord, MessageRecord, MessageRecord];
    await engine.addReaction(tenant, first.id, bob, '👍');
    await engine.editMessage(tenant, second.id, 'edited', null);
    await engine.addReaction(tenant, third.id, bob, '🎉');
    const read = await engine.readMessages(tenant, [first.id, second.id, third.id]);
    expect(read.map((message) => [message?.content, message?.reactions.length])).toEqual([
      ['0', 1],
      ['edited', 0],
      ['2', 1],
    ]);
    // Of the next fourteen all are changed before they would be stored together.
    const { messages } = await engine.listMessages(tenant, id, { after: 14, before: null, limit: 14, from: 'first' });
    for (const message of messages) await engine.addReaction(tenant, message.id, bob, '👍');
    await rest();
    expect(await engine.readMessages(tenant, [messages[0]?.id ?? first.id])).toMatchObject([{ content: 'later' }]);
  });

  it('appends of one second may come at once, whatever was not used before', async () => {
    const id = await createGroup(engine, alice);
    const { id: messageId } = await start(id, alice);
    clock.advance(TIMES.writingMs / 2);
    const outcomes: string[] = [];
    let length = 0;
    // The clock of the server goes on meanwhile.
    for (let n = 0; n < 12; n += 1) {
      const answer = await append(messageId, length, 'x', { paceMs: 500 });
      outcomes.push(answer.outcome);
      if (answer.outcome === 'appended') length = answer.length;
    }
    expect(outcomes.slice(0, 2)).toEqual(['appended', 'appended']);
    expect(outcomes).toContain('too-often');
  });

  it('a wish to stop that is answered by a message itself is not kept for its replies; any other ends by itself', async () => {
    const id = await createGroup(engine, alice, bob);
    const { stops } = keys.conversation(tenant, id);
    const { id: streamed } = await start(id, alice);
    expect(await engine.requestStop(tenant, streamed)).toBe(1);
    expect(await admin.exists(stops)).toBe(0);
    expect(await append(streamed, 0, 'x')).toMatchObject({ isStopRequested: true });
    const { id: question } = await sendText(engine, id, bob, 'why?');
    await admin.zadd(stops, 1, 'long ago');
    expect(await engine.requestStop(tenant, question)).toBe(0);
    expect(await admin.zrange(stops, '0', '-1')).toEqual(['2']);
    expect(await admin.pttl(stops)).toBeGreaterThan(0);
    const bot = userId('bot');
    const { heard, listening } = await record(keeping, { kind: 'memberships', tenant, id: bot });
    const reply = { ...text(id, alice, ''), isHeld: false, replyToId: question };
    await engine.startMessage(tenant, { ...reply, via: bot });
    await eventually(() => expect(heard).toMatchObject([{ type: 'stop', message: { via: bot } }]));
    await listening.close();
    const isReplyStopped = async (): Promise<boolean> => {
      const answer = await append((await start(id, alice, '', { replyToId: question })).id, 0, 'x');
      return 'isStopRequested' in answer && answer.isStopRequested;
    };
    expect(await isReplyStopped()).toBe(true);
    clock.advance(TIMES.stopMs);
    expect(await isReplyStopped()).toBe(false);
  });

  it('a repeated message applies what is left of changes of members, as a new one does', async () => {
    const id = await createGroup(engine, alice);
    const { notes } = keys.conversation(tenant, id);
    const streamed = { ...text(id, alice, 'x', 'streamed'), isHeld: false };
    const acts = [
      () => engine.appendMessage(tenant, text(id, alice, 'x', 'key')),
      () => engine.appendMessage(tenant, text(id, alice, 'x', 'key')),
      () => engine.startMessage(tenant, streamed),
      () => engine.startMessage(tenant, streamed),
    ];
    const outcomes: string[] = [];
    await eventually(async () => expect(await admin.hlen(notes)).toBe(0));
    for (const act of acts) {
      const user = someone();
      await admin.hset(notes, user, '5:1');
      outcomes.push((await act()).outcome);
      await eventually(async () => expect(await admin.sismember(keys.user(tenant, user).conversations, id)).toBe(1));
      await eventually(async () => expect(await admin.hlen(notes)).toBe(0));
    }
    expect(outcomes).toEqual(['appended', 'duplicate', 'appended', 'duplicate']);
  });

  it('a conversation that becomes large says so to all members at once, and to new ones', async () => {
    const id = await createGroup(engine, alice, bob);
    const { meta, members, joins, notes, channel } = keys.conversation(tenant, id);
    const add = async (most: number, user: string): Promise<Record<string, string>> => {
      await admin.del(notes);
      await run('add-members', [meta, members, joins, notes, channel], [0, 100, 'MEMBER', most, id, '1', user]);
      const all = Object.entries(await admin.hgetall(notes));
      return Object.fromEntries(all.map(([each, note]) => [each, note.split(':').slice(4).join(':')]));
    };
    await sendText(engine, id, alice, 'x');
    expect(await add(3, 'carol')).toEqual({ carol: '1:1:-:' });
    expect(await add(3, 'dave')).toEqual({ alice: '1:0:l:', bob: '1:0:l:', carol: '1:0:l:', dave: '1:1:l:' });
    expect(await add(3, 'erin')).toEqual({ erin: '1:1:l:' });
  });

  it('every member of many has the conversation when they were added', async () => {
    const crowd = Array.from({ length: 3 * LIMITS.notesPerLook + 1 }, someone);
    const id = await createGroup(engine, alice);
    await engine.addMembers(tenant, id, crowd, 'MEMBER');
    const counts = await Promise.all(
      crowd.map(async (user) => {
        const { waiting, conversations } = keys.user(tenant, user);
        return (await admin.llen(waiting)) + (await admin.scard(conversations));
      }),
    );
    expect(new Set(counts)).toEqual(new Set([1]));
  });

  it('topics and lists of a release that noted no history go on in their epoch in one run of the server', async () => {
    const topic = `news/${randomUUID()}` as Topic;
    const publish = async () => {
      const answer = await engine.publish(tenant, {
        id: randomUUID() as string as PublicationId,
        topic,
        payload: 1,
        senderId: alice,
      });
      return 'publication' in answer && answer.publication ? answer.publication.position : null;
    };
    const { meta } = keys.topic(tenant, topic);
    const first = await publish();
    await admin.hdel(meta, 'history');
    expect(await publish()).toEqual({ epoch: first?.epoch, place: 2 });
    await admin.hset(meta, 'history', 'another');
    const third = await publish();
    expect([third?.epoch === first?.epoch, third?.place]).toEqual([false, 1]);

    const user = someone();
    const state = keys.user(tenant, user).list.find((key) => key.endsWith(':log-state')) ?? '';
    const head = async () => {
      const page = await engine.readUserLog(tenant, user, null, 0);
      return page.outcome === 'read' ? page.head : null;
    };
    await createGroup(engine, alice, user);
    const before = await head();
    await admin.hdel(state, 'history');
    await createGroup(engine, alice, user);
    expect(await head()).toEqual({ epoch: before?.epoch, place: 2 });
    await admin.hset(state, 'history', 'another');
    await createGroup(engine, alice, user);
    const after = await head();
    expect([after?.epoch === before?.epoch, after?.place]).toEqual([false, 3]);
    const page = await engine.readUserLog(tenant, user, before, 10);
    expect(page.outcome === 'read' && page.entries.map(({ place, epoch }) => [place, epoch])).toEqual([
      [2, before?.epoch],
      [3, after?.epoch],
    ]);
  });

  it('a room is listed by its latest version', async () => {
    const at = { order: `${prefix}:{rooms}:order`, rooms: `${prefix}:{rooms}:rooms` };
    const place = (version: number, name: string) => run('index-room', [at.order, at.rooms], ['id', version, name]);
    const listed = () => admin.zrange(at.order, '0', '-1');
    expect(await place(5, 'five id')).toBe('moved');
    expect([await place(4, 'four id'), await listed()]).toEqual(['older', ['five id']]);
    expect([await place(6, 'six id'), await listed()]).toEqual(['moved', ['six id']]);
    expect([await place(7, ''), await listed(), await admin.exists(at.rooms)]).toEqual(['moved', [], 0]);
  });

  it('unread messages are counted at once unless the list may be behind', async () => {
    const at = ['unread', 'entries', 'waiting', 'large', 'unlisted'].map((name) => `${prefix}:{count}:${name}`);
    const [unread = '', entries = '', waiting = '', large = '', unlisted = ''] = at;
    const count = (isOneServer = true) => run('count-unread', isOneServer ? at : at.slice(0, 4), [1_000]);
    expect(await count()).toBe('0');
    await admin.set(unread, 7);
    expect([await count(), await count(false)]).toEqual(['7', '7']);
    await admin.zadd(unlisted, 2_000, 'noted node');
    expect([await count(), await count(false)]).toEqual(['7', '7']);
    await admin.hset(entries, 'noted', 'G 1 1 0 - 0 ');
    expect(await count()).toBeNull();
    await admin.del(entries);
    // Of a node that is dead.
    await admin.zadd(unlisted, 999, 'old node');
    expect(await count()).toBeNull();
    await admin.zrem(unlisted, 'old node');
    for (const key of [waiting, large]) {
      await admin.set(key, 'something');
      expect([await count(), await count(false)]).toEqual([null, null]);
      await admin.del(key);
    }
    await admin.zadd(unlisted, ...Array.from({ length: 1_000 }, (_, n) => [2_000, `many-${n} node`]).flat());
    expect(await count()).toBeNull();
    await admin.zrem(unlisted, 'many-0 node');
    expect(await count()).toBe('7');
  });
});
