/** The scripts for the events of a partition, at exact times and sizes. */
import { randomUUID } from 'node:crypto';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const HOUR_MS = 3_600_000;
const KEPT_MS = 7 * 24 * HOUR_MS;
const ACK_MS = 60_000;
const MOST = 3;
const known = { PUBLISHED: true, MESSAGE_SENT: true, PRESENCE_CHANGED: true, SESSION_BEGUN: true };
const WANTED = JSON.stringify({
  known,
  types: known,
  conversations: null,
  topics: null,
});

describe('the events of a partition', () => {
  const { redis, run } = scriptsOnRedis();
  let keys: Record<'stream' | 'state' | 'dead' | 'handled' | 'outbox' | 'consumers' | 'unaware', string>;
  /** Milliseconds by which the clock of the engine is ahead of that of the server. */
  let ahead: number;
  let number: number;
  beforeEach(async () => {
    const tag = `{${randomUUID()}}`;
    const names = ['stream', 'state', 'dead', 'handled', 'outbox', 'consumers', 'unaware'] as const;
    keys = Object.fromEntries(names.map((name) => [name, `${tag}:${name}`])) as typeof keys;
    ahead = 0;
    number = Date.now() * 1_000;
    await begin();
  });

  const begin = (at: 'START' | 'NOW' = 'START') => run('begin-consumer', [keys.stream, keys.state], [at, KEPT_MS]);
  const lives = async (...names: (keyof typeof keys)[]): Promise<boolean[]> =>
    (await Promise.all(names.map((name) => redis.pttl(keys[name])))).map((ms) => ms > 0);
  /** Forwards events of a source: type, subject, data of each. Answers their numbers. */
  async function forward(
    source: string,
    ...events: readonly (readonly [type: string, subject: string, data: string])[]
  ) {
    const numbers = events.map(() => {
      number += 1;
      return number;
    });
    const args = events.flatMap((event, nth) => [numbers[nth] ?? 0, ...event]);
    await run('forward-events', [keys.stream, keys.handled], [ahead, source, KEPT_MS, KEPT_MS, 0, ...args]);
    return numbers;
  }
  const published = (count: number): (readonly [string, string, string])[] =>
    Array.from({ length: count }, (_, n) => ['PUBLISHED', 'news', `${n}`] as const);
  interface Pulled {
    readonly isPart: boolean;
    readonly ids: string[];
    readonly data: string[];
    readonly attempts: number[];
  }
  async function pull(
    token: string,
    { max = 100, bytes = 10_000, scanned = 1_000, wanted = WANTED } = {},
  ): Promise<Pulled> {
    const [isPart, ...rest] = (await run(
      'pull-events',
      [keys.stream, keys.state, keys.dead],
      [ahead, token, max, bytes, ACK_MS, MOST, KEPT_MS, scanned, wanted],
    )) as string[];
    const rows = rest.flatMap((_, at) => (at % 6 === 0 ? [rest.slice(at, at + 6)] : []));
    return {
      isPart: isPart === '1',
      ids: rows.map(([id = '']) => id),
      data: rows.map((row) => row[4] ?? ''),
      attempts: rows.map((row) => Number(row[5])),
    };
  }
  const ack = (
    token: string,
    failed: readonly string[] = [],
    returned: readonly string[] = [],
    growth = 2,
    restMs = ACK_MS,
  ) =>
    run(
      'ack-events',
      [keys.stream, keys.state, keys.dead],
      [ahead, token, MOST, growth, restMs, KEPT_MS, failed.length, ...failed, ...returned],
    );
  const progress = (counted = 2_000, wanted = WANTED) =>
    run('read-progress', [keys.stream, keys.state, keys.dead], [ahead, MOST, KEPT_MS, counted, wanted]);
  const redeliver = (most = 10) =>
    run('redeliver-events', [keys.stream, keys.state, keys.dead], [ahead, '-', most, KEPT_MS]);

  it('begin at the start or now, and end by themselves', async () => {
    await forward('a', ...published(2));
    expect(await lives('state', 'stream', 'handled')).toEqual([true, true, true]);
    await begin();
    expect((await pull('all')).data).toEqual(['0', '1']);
    await ack('all');
    await begin('NOW');
    await forward('a', ['PUBLISHED', 'news', 'new']);
    expect((await pull('one')).data).toEqual(['new']);
    for (const name of ['state', 'dead', 'stream', 'handled'] as const) await redis.persist(keys[name]);
    await redis.xadd(keys.dead, '*', 'i', '0-1', 'a', 1);
    await redis.persist(keys.state);
    await ack('one');
    expect(await lives('state', 'dead')).toEqual([true, true]);
    await redis.persist(keys.state);
    await forward('a', ['PUBLISHED', 'news', 'newer']);
    await pull('two');
    expect(await lives('state', 'stream', 'handled')).toEqual([true, true, true]);
  });

  it('are forwarded once, in an order that no clock turns back', async () => {
    const numbers = await forward('a', ...published(2));
    const again = numbers.flatMap((each) => [each, 'PUBLISHED', 'news', 'again']);
    const added = await run('forward-events', [keys.stream, keys.handled], [0, 'a', KEPT_MS, KEPT_MS, 0, ...again]);
    expect([added, await redis.xlen(keys.stream)]).toEqual([0, 2]);
    ahead = -HOUR_MS;
    await forward('b', ...published(2));
    expect((await pull('one')).data).toEqual(['0', '1', '0', '1']);
  });

  it('have the number of the last entry of their source that was looked at, also of one without an event', async () => {
    const numbers = await forward('a', ...published(1));
    const handled = async () => Number(await redis.zscore(keys.handled, 'a'));
    expect(await handled()).toBe(numbers[0]);
    const look = (upTo: number) =>
      run('forward-events', [keys.stream, keys.handled], [ahead, 'a', KEPT_MS, KEPT_MS, upTo]);
    await redis.persist(keys.handled);
    expect([await look(number + 5), await handled()]).toEqual([0, number + 5]);
    expect(await lives('handled')).toEqual([true]);
    expect([await look(number + 4), await handled()]).toEqual([0, number + 5]);
    expect(await redis.xlen(keys.stream)).toBe(1);
  });

  it('are dropped past their time, and subjects that were silent for as long are forgotten', async () => {
    await redis.zadd(
      keys.handled,
      (Date.now() - KEPT_MS - HOUR_MS) * 1_000,
      'silent',
      (Date.now() - HOUR_MS) * 1_000,
      'known',
    );
    await forward('a', ['PUBLISHED', 'news', 'old']);
    expect(await redis.zrange(keys.handled, '0', '-1')).toEqual(['known', 'a']);
    ahead = KEPT_MS + HOUR_MS;
    await forward('a', ['PUBLISHED', 'news', 'young']);
    expect(await redis.xlen(keys.stream)).toBe(1);
    expect((await pull('one')).data).toEqual(['young']);
  });

  it('are handed out up to a number or a size, and no more until they are acknowledged or late', async () => {
    await forward('a', ...published(5), ['PUBLISHED', 'news', 'x'.repeat(100)], ...published(1));
    const first = await pull('one', { max: 2 });
    expect(first).toMatchObject({ data: ['0', '1'], attempts: [1, 1], isPart: false });
    expect((await pull('two')).data).toEqual([]);
    ahead = ACK_MS - 1_000;
    expect((await pull('two')).data).toEqual([]);
    ahead = ACK_MS + 1_000;
    const second = await pull('two', { max: 3 });
    expect(second).toMatchObject({ ids: [...first.ids, expect.any(String)], attempts: [2, 2, 1] });
    expect(await ack('one')).toBe('late');
    expect([await ack('two'), await ack('two')]).toEqual(['acknowledged', 'acknowledged']);
    // The one that goes past the size is the last.
    expect((await pull('three', { bytes: 50 })).data).toEqual(['3', '4', 'x'.repeat(100)]);
    expect(await ack('three')).toBe('acknowledged');
    expect((await pull('four')).data).toEqual(['0']);
  });

  it.each([false, true])(
    'are redelivered in their order, also those of one moment; noted in reverse: %s',
    async (isReversed) => {
      const ms = Date.now();
      const ids = [`${ms}-1`, `${ms}-2`, `${ms}-10`, `${ms}-11`, `${ms + 1}-0`];
      for (const id of ids) await redis.xadd(keys.stream, id, 'n', 1, 't', 'PUBLISHED', 's', 'news', 'd', '{}');
      for (const id of isReversed ? ids.toReversed() : ids) await redis.hset(keys.state, `p:${id}`, '1:');
      expect((await pull('one', { max: 5 })).ids).toEqual(ids);
    },
  );

  it('that nobody wants are passed over, up to a number at a time', async () => {
    await forward('a', ...published(4), ['MESSAGE_SENT', 'c', 'message'], ['MESSAGE_SENT', 'd', 'other']);
    const wanted = JSON.stringify({ known, types: { MESSAGE_SENT: true }, conversations: { d: true }, topics: null });
    expect(await pull('one', { scanned: 3, wanted })).toMatchObject({ data: [], isPart: true });
    expect(await pull('two', { scanned: 3, wanted })).toMatchObject({ data: ['other'], isPart: true });
    expect(await pull('three', { scanned: 3, wanted })).toMatchObject({ data: [], isPart: false });
  });

  it('of users have no conversation and no topic; topics match by any of the patterns', async () => {
    await forward('a', ['PRESENCE_CHANGED', 'alice', 'p'], ['SESSION_BEGUN', 'alice', 's'], ['MESSAGE_SENT', 'c', 'm']);
    await forward('a', ['PUBLISHED', 'news.one', 'n'], ['PUBLISHED', 'other', 'o'], ['PUBLISHED', 'last', 'l']);
    const types = { PRESENCE_CHANGED: true, SESSION_BEGUN: true, MESSAGE_SENT: true, PUBLISHED: true };
    const wanted = JSON.stringify({ known, types, conversations: {}, topics: ['^news%..*$', '^last$'] });
    expect((await pull('one', { wanted })).data).toEqual(['p', 's', 'n', 'l']);
  });

  it('of a type that only a newer version knows are left to it, with those after them, whatever their subject', async () => {
    await forward('a', ...published(1), ['PINNED', 'c', 'p'], ['PUBLISHED', 'news', 'later']);
    const types = { PUBLISHED: true, PINNED: true };
    const wanted = JSON.stringify({ known, types, conversations: {}, topics: null });
    expect((await pull('one', { wanted })).data).toEqual(['0']);
    expect([await ack('one'), (await pull('two', { wanted })).data]).toEqual(['acknowledged', []]);
    expect(await progress(2_000, wanted)).toEqual([2, 0, '', 0]);
    const newer = JSON.stringify({ known: { ...known, PINNED: true }, types, conversations: null, topics: null });
    expect((await pull('three', { wanted: newer })).data).toEqual(['p', 'later']);
  });

  it('that failed rest for a growing time with a cap; those of another token, and returned ones, are not touched', async () => {
    await forward('a', ...published(2));
    let pulled = await pull('one');
    await redis.hset(keys.state, 'p:1-1', '1:of another token');
    const waitsFor = async (failed: readonly string[], restMs: number): Promise<number> => {
      await ack('one', failed, [], 10, restMs);
      const until = Number(await redis.hget(keys.state, 'until'));
      return Math.round((until - Date.now()) / 1_000);
    };
    expect(await redis.hexists(keys.state, 'p:1-1')).toBe(1);
    expect(await waitsFor(pulled.ids.slice(0, 1), ACK_MS)).toBe(1);
    expect(await redis.hexists(keys.state, 'p:1-1')).toBe(1);
    await redis.hdel(keys.state, 'p:1-1');
    await redis.hset(keys.state, 'until', 0);
    pulled = await pull('one');
    expect(pulled.attempts).toEqual([2]);
    expect(await waitsFor(pulled.ids, ACK_MS)).toBe(10);
    await redis.hset(keys.state, 'until', 0, `p:${pulled.ids[0]}`, '1:');
    pulled = await pull('one');
    expect(await waitsFor(pulled.ids, 5_000)).toBe(5);
    await redis.hset(keys.state, 'until', 0, `p:${pulled.ids[0]}`, '1:');
    await pull('one');
    await ack('one', [], pulled.ids);
    expect(await redis.hmget(keys.state, `p:${pulled.ids[0]}`, 'until')).toEqual(['1:', '0']);
    // Given up with the last attempt.
    pulled = await pull('one');
    await redis.hset(keys.state, `p:${pulled.ids[0]}`, `${MOST}:one`);
    await ack('one', pulled.ids);
    expect(await redis.xlen(keys.dead)).toBe(1);
  });

  it('that are not acknowledged are given up after the last attempt, when their time is over', async () => {
    await forward('a', ...published(1));
    for (let attempt = 1; attempt <= MOST; attempt += 1) {
      expect((await pull(`${attempt}`)).attempts).toEqual([attempt]);
      expect(await progress()).toEqual([0, 1, expect.any(String), 0]);
      ahead += ACK_MS;
    }
    expect((await pull('none')).ids).toEqual([]);
    expect(await progress()).toEqual([0, 0, '', 1]);
  });

  it('that are pending past their retention are dropped, and dead letters too', async () => {
    await forward('a', ...published(1));
    await pull('one');
    ahead = KEPT_MS + HOUR_MS;
    await redis.xadd(keys.dead, `${Date.now()}-0`, 'i', '1-1', 'a', 10, 'n', 1);
    expect(await pull('two')).toMatchObject({ data: [] });
    expect([await redis.xlen(keys.dead), await redis.hkeys(keys.state)]).toEqual([
      0,
      expect.not.arrayContaining([expect.stringMatching(/^p:/)]),
    ]);
  });

  it('have a progress: how many wait, and the number of the oldest that is pending', async () => {
    const numbers = await forward('a', ...published(250), ['MESSAGE_SENT', 'c', 'x']);
    const wanted = JSON.stringify({ known, types: { PUBLISHED: true }, conversations: null, topics: null });
    expect(await progress(2_000, wanted)).toEqual([250, 0, '', 0]);
    expect(await progress(120, wanted)).toEqual([120, 0, '', 0]);
    await pull('one', { max: 3 });
    expect(await progress(2_000, wanted)).toEqual([247, 3, String(numbers[0]), 0]);
  });

  it('are redelivered at once unless a member holds them; a dead letter whose event is gone stays', async () => {
    await forward('a', ...published(1));
    const held = await pull('one');
    await redeliver();
    expect((await pull('two')).data).toEqual([]);
    await ack('one', held.ids);
    expect((await pull('two')).data).toEqual([]);
    expect(await redeliver(0)).toBe(0);
    expect((await pull('two')).data).toEqual(['0']);
    await ack('two');
    const [id = ''] = held.ids;
    await redis.xadd(keys.dead, '*', 'i', id, 'a', MOST, 'n', 1);
    await redis.xadd(keys.dead, '*', 'i', '1-1', 'a', MOST, 'n', 2);
    await redis.persist(keys.state);
    expect([await redeliver(), await redeliver()]).toEqual([1, 0]);
    expect([await redis.xlen(keys.dead), ...(await lives('state'))]).toEqual([1, true]);
    expect(await pull('three')).toMatchObject({ ids: [id], attempts: [1] });
  });

  it('stay in the outbox up to the last one, which stays for a time; a new one stays until it is forwarded', async () => {
    const ids = [];
    for (let n = 1; n <= 3; n += 1) ids.push((await redis.xadd(keys.outbox, `${n}-0`, 'a', '{}')) ?? '');
    await run('trim-events', [keys.outbox], [ids[1] ?? '', 60_000]);
    expect([await redis.xlen(keys.outbox), ...(await lives('outbox'))]).toEqual([2, false]);
    await run('trim-events', [keys.outbox], [ids[2] ?? '', 60_000]);
    expect([await redis.xlen(keys.outbox), ...(await lives('outbox'))]).toEqual([1, true]);
    const events = `${keys.outbox}:events`;
    const presence = `${keys.outbox}:presence`;
    const connect = (id: string) =>
      run('connect', [presence, `${presence}-channel`, events], [0, 'alice', id, 'node', '"deviceId":null']);
    await connect('one');
    await redis.pexpire(events, 60_000);
    // Above the last one, also when the clock of the server went back.
    await redis.xadd(events, `${(Date.now() + HOUR_MS) * 1_000}-0`, 'a', '{}');
    await connect('two');
    expect([await redis.xlen(events), await redis.pttl(events)]).toEqual([3, -1]);
  });

  it('are noted of no tenant without consumers: each node that knows of none is waited for', async () => {
    const know = (node: string) => run('know-consumers', [keys.consumers, keys.unaware], [node, 5_000]);
    const save = (name: string, key: string, node: string, most = 2) =>
      run('save-consumer', [keys.consumers, keys.unaware], [name, key, '{}', most, node]) as Promise<
        (string | number)[]
      >;
    expect(await know('other')).toBe(0);
    expect(await lives('unaware')).toEqual([true]);
    await know('own');
    const [outcome, ms = 0] = await save('bot', 'key-1', 'own');
    expect(outcome).toBe('saved');
    expect(ms).toBeGreaterThan(3_000);
    expect(ms).toBeLessThanOrEqual(5_001);
    expect(await redis.zrange(keys.unaware, '0', '-1')).toEqual(['other']);
    expect(await know('third')).toBe(1);
    await redis.del(keys.unaware);
    expect(await save('second', 'key-2', 'own')).toEqual(['saved', 0]);
    expect(await save('third', 'key-3', 'own')).toEqual(['full']);
    expect(await save('bot', 'another key', 'own')).toEqual(['saved', 0]);
    expect(await redis.hgetall(keys.consumers)).toEqual({ bot: 'key-1 {}', second: 'key-2 {}' });
  });
});
