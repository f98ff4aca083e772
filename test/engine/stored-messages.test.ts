/** Messages as they are stored in Redis: those that are stored together, those that are dropped, and texts in parts. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageRecord, UserId } from '../../src/model.ts';
import { writingCalls } from '../contract/writing-calls.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { APART_MS, alice, bob, carol, createGroup, sendText, tenant, text } from '../support/world.ts';

const prefix = `stored-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const FEW = 2;
const PER_BLOCK = 14;

describe('messages in Redis', () => {
  const clock = new StillClock();
  let redis: Redis;
  let run: RunScript;
  let engine: Engine;
  /** A node that keeps the last two messages. */
  let keeping: Engine;
  beforeAll(async () => {
    redis = new Redis(sharedRedisUrl());
    run = defineScripts(redis);
    const [all, few] = [null, FEW].map((retention) => openEngineOn(sharedRedisUrl(), { prefix, clock, retention }));
    [engine, keeping] = (await Promise.all([all, few])) as [Engine, Engine];
  });
  afterAll(async () => {
    await Promise.all([engine.close(), keeping.close()]);
    redis.disconnect();
  });
  const { start, append, finish } = writingCalls(() => ({
    engine,
    other: keeping,
    clock: clock as never,
    close: async () => undefined,
  }));

  /** The fields in which they are: numbers of single ones, and b with the number of a block. */
  const fields = async (id: ConversationId): Promise<string[]> =>
    (await redis.hkeys(keys.conversation(tenant, id).messages)).sort();
  const sequences = (from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, n) => `${from + n}`).sort();
  async function send(id: ConversationId, count: number): Promise<MessageRecord[]> {
    const sent = [];
    for (let n = 0; n < count; n += 1) sent.push(await sendText(engine, id, alice, `${n}`));
    return sent;
  }
  async function readAll(sent: readonly MessageRecord[]) {
    const read = await engine.readMessages(
      tenant,
      sent.map(({ id }) => id),
    );
    return read.map((message) => message && [message.content, message.reactions.length, message.position.epoch]);
  }

  it('are stored together once fourteen later ones were sent', async () => {
    const id = await createGroup(engine, alice);
    const sent = await send(id, 2 * PER_BLOCK - 1);
    expect(await fields(id)).toEqual(sequences(1, 2 * PER_BLOCK - 1));
    sent.push(...(await send(id, 1)));
    expect(await fields(id)).toEqual([...sequences(PER_BLOCK + 1, 2 * PER_BLOCK), 'b0']);
    expect(
      await engine.readMessages(
        tenant,
        sent.map((message) => message.id),
      ),
    ).toEqual(sent);
  });

  it('that were changed before stay alone, and keep their changes when those stored together are changed', async () => {
    const id = await createGroup(engine, alice);
    const sent = await send(id, PER_BLOCK);
    const [first, second, third] = sent as [MessageRecord, MessageRecord, MessageRecord];
    await engine.addReaction(tenant, first.id, bob, '👍');
    await engine.editMessage(tenant, third.id, 'edited', null);
    await send(id, PER_BLOCK);
    expect(await fields(id)).toEqual([...sequences(PER_BLOCK + 1, 2 * PER_BLOCK), '1', '3', 'b0'].sort());
    await engine.addReaction(tenant, second.id, bob, '👍');
    expect(await fields(id)).toEqual(sequences(1, 2 * PER_BLOCK));
    const epoch = first.position.epoch;
    expect((await readAll(sent)).slice(0, 4)).toEqual([
      ['0', 1, epoch],
      ['1', 1, epoch],
      ['edited', 0, epoch],
      ['3', 0, epoch],
    ]);
  });

  it('of another epoch stay alone, and keep their epoch', async () => {
    const id = await createGroup(engine, alice);
    const sent = await send(id, 5);
    await redis.hset(keys.conversation(tenant, id).meta, 'history', 'another');
    sent.push(...(await send(id, 2 * PER_BLOCK - 5)));
    const epochs = sent.map(({ position }) => position.epoch);
    expect([new Set(epochs).size, epochs[4] === epochs[5]]).toEqual([2, false]);
    expect(await fields(id)).toEqual([...sequences(6, 2 * PER_BLOCK), 'b0'].sort());
    const read = await readAll(sent);
    expect(read.map((message) => message?.[2])).toEqual(epochs);
    const [first] = sent as [MessageRecord];
    await engine.addReaction(tenant, first.id, bob, '👍');
    await engine.removeReaction(tenant, first.id, bob, '👍');
    expect((await readAll(sent)).slice(1)).toEqual(read.slice(1));
  });

  it('that retention drops leave nothing, nor does the log of them', async () => {
    const id = await createGroup(engine, alice);
    await send(id, 5 * PER_BLOCK);
    expect((await fields(id)).filter((field) => field.startsWith('b'))).toEqual(['b0', 'b1', 'b2', 'b3']);
    await sendText(keeping, id, alice, 'one more');
    expect(await fields(id)).toEqual(sequences(5 * PER_BLOCK, 5 * PER_BLOCK + 1));
    expect(await redis.xlen(keys.conversation(tenant, id).log)).toBe(FEW);
  });

  it('that are edited again and again have no longer log than others', async () => {
    const id = await createGroup(keeping, alice);
    const { id: messageId } = await sendText(keeping, id, alice, 'x');
    for (let n = 0; n < 4 * FEW + 2; n += 1) await keeping.editMessage(tenant, messageId, `${n}`, null);
    expect(await redis.xlen(keys.conversation(tenant, id).log)).toBe(4 * FEW);
    await keeping.deleteMessage(tenant, messageId, null);
    expect(await redis.xlen(keys.conversation(tenant, id).log)).toBe(4 * FEW);
  });

  it('are read from the log up to a number or a size', async () => {
    const id = await createGroup(engine, alice);
    await send(id, 5);
    const { meta, messages, log, notes } = keys.conversation(tenant, id);
    const read = async (after: number, limit: number, bytes: number) =>
      ((await run('read-log', [meta, messages, log, notes], [after, limit, '0', bytes])) as string[][]).slice(5);
    const places = async (...how: Parameters<typeof read>) => (await read(...how)).map(([place]) => Number(place));
    expect(await places(0, 10, LIMITS.readingBytes)).toEqual([1, 2, 3, 4, 5]);
    expect(await places(2, 2, LIMITS.readingBytes)).toEqual([3, 4]);
    const [first = []] = await read(0, 1, 1);
    // The one that goes past the size is the last.
    expect([await places(0, 10, 1), await places(1, 10, 1.5 * (first[3] ?? '').length)]).toEqual([[1], [2, 3]]);
    expect(await run('read-log', [`${meta}:none`, messages, log, notes], [0, 10, '0', 1])).toEqual([[]]);
  });

  it('without a client’s id have none, alone or stored together', async () => {
    const id = await createGroup(engine, alice);
    const sent = await send(id, 2 * PER_BLOCK);
    const read = await engine.readMessages(
      tenant,
      sent.map((message) => message.id),
    );
    expect(new Set(read.map((message) => message?.clientMessageId))).toEqual(new Set([null]));
  });

  it('end the typing of their sender, whether they are sent or begun', async () => {
    const id = await createGroup(engine, alice, bob);
    const { typing } = keys.conversation(tenant, id);
    const acts = [() => sendText(engine, id, alice, 'x'), () => start(id, alice)];
    for (const act of acts) {
      for (const user of [alice, bob]) await engine.setTyping(tenant, id, user, true);
      expect((await redis.zrange(typing, '0', '-1')).sort()).toEqual([alice, bob]);
      await act();
      expect(await redis.zrange(typing, '0', '-1')).toEqual([bob]);
    }
  });

  it('that are streamed are begun by members, who have read up to them', async () => {
    const id = await createGroup(engine, alice, bob);
    await send(id, 2);
    const begin = (sender: UserId) => engine.startMessage(tenant, { ...text(id, sender, 'x'), isHeld: false });
    expect(await begin(carol)).toEqual({ outcome: 'not-member' });
    const before = Date.now() - APART_MS;
    expect(await begin(bob)).toMatchObject({ outcome: 'appended', message: { sequence: 3 } });
    const receipts = await engine.listReadReceipts(tenant, id, 0, 10);
    expect(receipts.map(({ userId, sequence }) => [userId, sequence])).toEqual([
      [alice, 2],
      [bob, 3],
    ]);
    expect(receipts[1]?.readAt).toBeGreaterThanOrEqual(before);
  });

  it('that are streamed are found to have a repeated text at each of its characters', async () => {
    const id = await createGroup(engine, alice);
    const characters = [...'é"漢🎉\\a\nÿ\u{10348}z'];
    const { id: messageId } = await start(id, alice, characters.join(''));
    const { length } = characters;
    for (const [at, character] of characters.entries()) {
      const rest = characters.slice(at).join('');
      expect([at, await append(messageId, at, rest)]).toMatchObject([at, { outcome: 'repeated', length }]);
      expect([at, await append(messageId, at, character)]).toMatchObject([at, { outcome: 'repeated', length }]);
      expect([at, await append(messageId, at, '?')]).toMatchObject([at, { outcome: 'misplaced', length }]);
    }
  });

  it('that are streamed in parts take a repeated text across them', async () => {
    const id = await createGroup(engine, alice);
    const perPart = LIMITS.writtenPartCharacters;
    const long = Array.from({ length: perPart + 20 }, (_, n) => String.fromCharCode(97 + (n % 26))).join('');
    const { id: messageId } = await start(id, alice, long);
    const [from, to] = [perPart - 5, perPart + 5];
    const again = { outcome: 'repeated', length: long.length };
    expect(await append(messageId, from, long.slice(from, to))).toMatchObject(again);
    expect(await append(messageId, perPart, long.slice(perPart, to))).toMatchObject(again);
    const other = `${long.slice(from, perPart)}?${long.slice(perPart + 1, to)}`;
    expect(await append(messageId, from, other)).toMatchObject({ outcome: 'misplaced' });
  });

  it('that were held when their writer fell silent end without text and payload', async () => {
    const id = await createGroup(engine, alice);
    const begin = async (isHeld: boolean) => {
      const started = await engine.startMessage(tenant, {
        ...text(id, alice, 'secret'),
        payload: { of: 'it' },
        isHeld,
      });
      if (!('message' in started)) throw new Error(started.outcome);
      return started.message.id;
    };
    const ids = [await begin(true), await begin(false)];
    clock.advance(TIMES.writingMs);
    expect(await engine.readMessages(tenant, ids)).toMatchObject([
      { state: 'ABORTED', content: '', payload: null },
      { state: 'ABORTED', content: 'secret', payload: { of: 'it' } },
    ]);
    expect(await redis.hget(keys.conversation(tenant, id).messages, '1')).not.toMatch(/secret|"of"/);
  });

  it('that are finished have the text and payload of their end, or what was written', async () => {
    const id = await createGroup(engine, alice);
    const begin = async () => {
      const { id: messageId } = await start(id, alice, 'written');
      await append(messageId, 7, '', { payload: { of: 'writer' } });
      return messageId;
    };
    const ids = [await begin(), await begin()] as const;
    expect(await finish(ids[0], { length: 6 })).toEqual({ outcome: 'misplaced', length: 7 });
    expect(await finish(ids[0], { length: 7 })).toMatchObject({
      message: { content: 'written', payload: { of: 'writer' } },
    });
    expect(await finish(ids[1], { content: 'said', payload: { of: 'end' } })).toMatchObject({
      message: { content: 'said', payload: { of: 'end' } },
    });
  });
});
