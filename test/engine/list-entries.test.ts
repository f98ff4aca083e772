/** An entry of a user's list moves forward with its conversation, in Redis. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { UserKeys } from '../../src/engine/redis/subject-keys.ts';
import { eventually } from '../support/eventually.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { newConversationId, tenant, userId } from '../support/world.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const keys = createKeys(`entries-${randomUUID().slice(0, 8)}`, 0);

describe('an entry', () => {
  const { redis, run } = scriptsOnRedis();
  let at: UserKeys;
  const id = newConversationId();
  beforeEach(() => {
    at = keys.user(tenant, userId(randomUUID()));
  });

  /** How it is stored: activity, sequence, read and flags; the names in the order; the unread messages. */
  async function stored() {
    const [line, order, unread] = await Promise.all([
      redis.hget(at.entries, id),
      redis.zrange(at.order, '0', '-1'),
      redis.get(at.unread),
    ]);
    const buckets = order.map((name) =>
      name.replace(id, '').replace(/\d{13}$/, (digits) => ` ${9_999_999_999_999 - Number(digits)}`),
    );
    return [line?.replace(/^G /, '').replace(/ 0 $/, ''), buckets, Number(unread ?? 0)];
  }
  /** Of a group: activity 0, nothing sent or read, with these flags. */
  async function begin(flags: string): Promise<void> {
    await redis.hset(at.entries, id, `G 0 0 0 ${flags} 0 `);
    await redis.sadd(at.conversations, id);
  }
  async function advance(activity: number, sequence: number, read: number) {
    const missing = await run('advance-lists', [at.order, at.entries, at.unread], [id, activity, sequence, 1, read]);
    expect(missing).toEqual([[]]);
    return stored();
  }
  const change = (what: string, value: number) =>
    run(
      'index-conversation',
      [...at.list, at.membershipsMark, at.membershipsChannel],
      [id, 'G', 0, 0, 0, '0', '', what, value],
    );

  it('takes later messages and read positions, and counts what is between them', async () => {
    await begin('-');
    expect(await advance(100, 5, 2)).toEqual(['100 5 2 -', ['G--u 100'], 3]);
    expect(await advance(100, 6, 2)).toEqual(['100 6 2 -', ['G--u 100'], 4]);
    expect(await advance(200, 7, 7)).toEqual(['200 7 7 -', ['G--- 200'], 0]);
  });

  it('takes nothing earlier', async () => {
    await begin('-');
    const now = await advance(100, 5, 2);
    for (const [activity, sequence, read] of [
      [99, 5, 2],
      [90, 4, 1],
      [100, 4, 2],
      [99, 6, 0],
    ] as const)
      expect(await advance(activity, sequence, read)).toEqual(now);
  });

  it('has read no more than there is: a log that lost its end gives sequences again', async () => {
    await begin('-');
    expect(await advance(100, 5, 9)).toEqual(['100 5 5 -', ['G--- 100'], 0]);
    expect(await advance(200, 6, 5)).toEqual(['200 6 5 -', ['G--u 200'], 1]);
  });

  it('is archived or hidden until the next message, and marked unread until something is read', async () => {
    await begin('pam');
    expect(await advance(100, 0, 0)).toEqual(['100 0 0 pam', ['Gpau 100'], 0]);
    expect(await advance(200, 1, 0)).toEqual(['200 1 0 pm', ['Gp-u 200'], 1]);
    expect(await advance(200, 1, 1)).toEqual(['200 1 1 p', ['Gp-- 200'], 0]);
    await change('h', 1);
    expect(await stored()).toEqual(['200 1 1 ph', [], 0]);
    expect(await advance(300, 1, 1)).toEqual(['300 1 1 ph', [], 0]);
    expect(await advance(400, 2, 1)).toEqual(['400 2 1 p', ['Gp-u 400'], 1]);
    for (const flag of ['p', 'm', 'm']) await change(flag, 0);
    expect(await stored()).toEqual(['400 2 1 -', ['G--u 400'], 1]);
  });

  it('that is hidden counts nothing, and counts again once it is shown', async () => {
    await begin('-');
    await advance(100, 5, 2);
    await change('h', 1);
    expect(await stored()).toEqual(['100 5 2 h', [], 0]);
    await change('h', 0);
    expect(await stored()).toEqual(['100 5 2 -', ['G--u 100'], 3]);
  });

  it('tells its user when it is hidden or shown, and of no other change', async () => {
    const listener = new Redis(sharedRedisUrl());
    const heard: { readonly mark: readonly [number | null, number] }[] = [];
    listener.on('smessage', (_channel: string, message: string) => heard.push(JSON.parse(message)));
    await listener.ssubscribe(at.membershipsChannel);
    await begin('-');
    await advance(100, 5, 2);
    for (const [what, value] of [
      ['p', 1],
      ['h', 1],
      ['until', 1_000],
      ['h', 0],
    ] as const)
      await change(what, value);
    await redis.spublish(at.membershipsChannel, '"the last"');
    await eventually(() => expect(heard.at(-1)).toBe('the last'));
    const told = { type: 'membership', conversationId: id, isMember: true, hiddenAt: 5 };
    expect(heard.slice(0, -1)).toMatchObject([told, told]);
    // Each names the one before it.
    const [hidden, shown] = heard.map(({ mark }) => mark);
    expect([hidden?.[0], shown?.[0], (shown?.[1] ?? 0) > (hidden?.[1] ?? 0)]).toEqual([null, hidden?.[1], true]);
    listener.disconnect();
  });

  it('that is not there is told to whoever updates it, for each of many lists', async () => {
    const others = [1, 2].map(() => keys.user(tenant, userId(randomUUID())));
    await begin('-');
    const all = [...others, at].flatMap(({ order, entries, unread }) => [order, entries, unread]);
    expect(await run('advance-lists', all, [id, 100, 1, 3, 0, 0, 0])).toEqual([[1, 2]]);
    expect(await stored()).toEqual(['100 1 0 -', ['G--u 100'], 1]);
  });

  it('goes with its user’s membership, and is large for as long as it is there', async () => {
    await begin('-');
    const { large } = at;
    const entries = await run(
      'index-conversation',
      [...at.list, at.membershipsMark, at.membershipsChannel],
      [id, 'G', 100, 3, 1, '1', '', 'until', 1_000],
    );
    expect(entries).toEqual(['G 100 3 1 l 1000 ']);
    expect([await redis.smembers(large), await redis.get(at.unread)]).toEqual([[id], '2']);
    await run('drop-entry', at.list, [id]);
    expect(await redis.hexists(at.entries, id)).toBe(1);
    await redis.srem(at.conversations, id);
    await run('drop-entry', at.list, [id]);
    expect([await redis.exists(at.entries, large, at.order), await redis.get(at.unread)]).toEqual([0, '0']);
    // Who is no member gets none.
    expect(
      await run(
        'index-conversation',
        [...at.list, at.membershipsMark, at.membershipsChannel],
        [id, 'G', 100, 3, 1, '1', '', '', ''],
      ),
    ).toEqual([null]);
  });
});
