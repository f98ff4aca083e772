/** The head of a log at an instant, and the facts by which lists follow conversations, as scripts find them in Redis. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts, type RunScript } from '../../src/engine/redis/scripts.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { UserId } from '../../src/model.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, createGroup, newConversationId, sendText, tenant, text, userId } from '../support/world.ts';

const prefix = `heads-${randomUUID().slice(0, 8)}`;
const keys = createKeys(prefix, 0);
const clock = new StillClock();
let redis: Redis;
let run: RunScript;
let engine: Engine;
beforeAll(async () => {
  redis = new Redis(sharedRedisUrl());
  run = defineScripts(redis);
  engine = await openEngineOn(sharedRedisUrl(), { prefix, clock });
});
afterAll(async () => {
  await engine.close();
  redis.disconnect();
});

describe('the head of a log at an instant', () => {
  interface Log {
    readonly floor?: number;
    /** The place and time that the conversation notes; left out: that of the last entry. */
    readonly logged?: string;
    /** Of each entry: its place, and its time. */
    readonly entries: readonly (readonly [place: number, at: number])[];
  }
  /** Its place, and whether all past it is kept. */
  async function headOf({ floor = 0, logged, entries }: Log, instant: number): Promise<unknown> {
    const { meta, messages, log } = keys.conversation(tenant, newConversationId());
    const [last = 0, at = 0] = entries.at(-1) ?? [floor];
    await redis.hset(meta, { lineage: '[["e",1]]', place: last, floor, logged: logged ?? `${last}:${at}`, version: 1 });
    for (const [place, time] of entries)
      await redis.xadd(log, `${place}-0`, 'c', 'EDITED', 's', '1', 'e', 'e', 't', time);
    const [answer] = (await run('read-heads', [meta, messages, log], [instant, 0])) as string[][];
    return [Number(answer?.[1]), answer?.[2] === '1', answer?.[3]];
  }
  const FIVE = [1, 2, 3, 4, 5].map((place) => [place, place * 10] as const);

  it('is the last entry up to then', async () => {
    const found = await Promise.all([5, 10, 35, 49, 50, 60].map((instant) => headOf({ entries: FIVE }, instant)));
    expect(found).toEqual([0, 1, 3, 4, 5, 5].map((place) => [place, true, '50']));
  });

  it('is searched for where an older version moved the log without its time', async () => {
    expect(await headOf({ entries: FIVE, logged: '4:40' }, 45)).toEqual([4, true, '']);
    expect(await headOf({ entries: FIVE, logged: '' }, 60)).toEqual([5, true, '']);
  });

  it('passes over a place without an entry', async () => {
    expect(
      await headOf(
        {
          entries: [
            [1, 10],
            [2, 20],
            [5, 50],
          ],
        },
        25,
      ),
    ).toEqual([4, true, '50']);
  });

  it('says whether all past it is kept', async () => {
    const kept = FIVE.slice(3);
    expect(await headOf({ floor: 3, entries: kept }, 30)).toEqual([3, false, '50']);
    expect(await headOf({ floor: 3, entries: kept }, 45)).toEqual([4, true, '50']);
    expect(await headOf({ floor: 3, entries: [] }, 30)).toEqual([3, true, '0']);
  });

  it('dates a sent message as the message itself, by the clock of the engine', async () => {
    const id = await createGroup(engine, alice);
    const ahead = 3_600_000;
    const { meta, messages, log } = keys.conversation(tenant, id);
    const { timestamp } = await sendText(engine, id, alice, 'one');
    await redis.hdel(meta, 'logged');
    const placeAt = async (instant: number, offset: number): Promise<number> => {
      const [answer] = (await run('read-heads', [meta, messages, log], [instant, offset])) as string[][];
      return Number(answer?.[1]);
    };
    expect([await placeAt(timestamp - 1, 0), await placeAt(timestamp, 0)]).toEqual([0, 1]);
    expect([await placeAt(timestamp - ahead - 1, ahead), await placeAt(timestamp - ahead, ahead)]).toEqual([0, 1]);
  });
});

describe('lists', () => {
  const PAGE = { kind: null, isArchived: false, isUnread: null, order: 'activity', after: null, limit: 20 } as const;
  const listed = async (user: UserId) =>
    (await engine.listConversations(tenant, user, PAGE)).entries.map(({ conversationId, lastSequence }) => [
      conversationId,
      lastSequence,
    ]);

  it('are made again from their memberships, as those of an older version', async () => {
    const user = userId(randomUUID());
    const id = await createGroup(engine, alice, user);
    expect(await listed(user)).toEqual([[id, 0]]);
    const { entries, order } = keys.user(tenant, user);
    await redis.del(entries, order);
    expect(await listed(user)).toEqual([[id, 0]]);
  });

  it('have the messages of a large conversation when they are read', async () => {
    const user = userId(randomUUID());
    const crowd = Array.from({ length: LIMITS.listedMembers }, (_, n) => userId(`crowd-${n}`));
    const id = await createGroup(engine, user, ...crowd);
    expect(await listed(user)).toEqual([[id, 0]]);
    await engine.appendMessage(tenant, text(id, crowd[0] ?? alice, 'x'));
    expect(await listed(user)).toEqual([[id, 1]]);
  });

  it('take the facts of each of several conversations, of their members only', async () => {
    const ids = [await createGroup(engine, alice, bob), await createGroup(engine, bob)];
    const at = ids.flatMap((id) => {
      const { meta, members, notes } = keys.conversation(tenant, id);
      return [meta, members, notes];
    });
    const facts = (await run('read-for-lists', at, [3, alice, 'stranger', bob, 1, bob])) as unknown[][];
    expect(facts.map((each) => each.slice(8))).toEqual([
      [alice, '0', bob, '0'],
      [bob, '0'],
    ]);
  });

  it('keep a note that was made again, and drop one that was not', async () => {
    const unlisted = `${prefix}:{unlisted}`;
    const forget = (at: number) => run('drop-noted-work', [unlisted], ['note', at]);
    await redis.zadd(unlisted, 5, 'note');
    await forget(4);
    expect(await redis.zcard(unlisted)).toBe(1);
    await forget(5);
    expect(await redis.zcard(unlisted)).toBe(0);
  });

  it('of texts being written have none whose writer is silent', async () => {
    const id = await createGroup(engine, alice);
    const begin = () => engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false });
    await begin();
    clock.advance(TIMES.writingMs);
    const present = await begin();
    const { messages } = await engine.listWritings(tenant, id, 0);
    expect(messages.map((message) => message.id)).toEqual(['message' in present ? present.message.id : '']);
    clock.advance(TIMES.writingMs);
    expect((await engine.listWritings(tenant, id, 0)).messages).toEqual([]);
  });
});
