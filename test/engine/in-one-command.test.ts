/** Many reads, channels or connections of one turn of the event loop are few commands. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { ChannelJoins } from '../../src/engine/redis/channel-joins.ts';
import { NodeList } from '../../src/engine/redis/node-list.ts';
import { ValueReads } from '../../src/engine/redis/value-reads.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';

/** More than one command takes. */
const COUNT = 1_001;
const PARTS = [500, 500, 1];

describe('in one command', () => {
  const prefix = `{${randomUUID()}}`;
  const name = (nth: number): string => `${prefix}:${nth}`;
  const names = Array.from({ length: COUNT }, (_, nth) => name(nth));
  let redis: Redis;
  let sent: [command: string, count: number][];
  beforeEach(async () => {
    sent = [];
    redis = new Redis(sharedRedisUrl());
    await redis.ping();
    const send = redis.sendCommand.bind(redis);
    redis.sendCommand = (command, ...rest) => {
      sent.push([command.name, command.args.length]);
      return send(command, ...rest);
    };
  });
  afterEach(() => redis.disconnect());
  const countsOf = (command: string): number[] => sent.flatMap(([each, count]) => (each === command ? [count] : []));

  it('values are read, each for its reader; on a cluster each alone', async () => {
    await redis.mset({ [name(0)]: 'first', [name(500)]: 'middle', [name(1_000)]: 'last' });
    sent = [];
    const reads = new ValueReads(redis, true);
    const values = await Promise.all(names.map((each) => reads.read(each)));
    expect(countsOf('mget')).toEqual(PARTS);
    expect(values.flatMap((value, nth) => (value === null ? [] : [[nth, value]]))).toEqual([
      [0, 'first'],
      [500, 'middle'],
      [1_000, 'last'],
    ]);
    expect(await reads.read(name(500))).toBe('middle');
    expect(countsOf('mget')).toEqual([...PARTS, 1]);
    const alone = new ValueReads(redis, false);
    expect(await Promise.all([alone.read(name(0)), alone.read(name(1))])).toEqual(['first', null]);
    expect(countsOf('get')).toEqual([1, 1]);
  });

  it('values that cannot be read are refused to each reader', async () => {
    const reads = new ValueReads(redis, true);
    const [one, other] = [reads.read(name(0)), reads.read(name(1))];
    redis.disconnect();
    await expect(one).rejects.toThrow();
    await expect(other).rejects.toThrow();
  });

  it('channels are joined and left in the order asked', async () => {
    const admin = new Redis(sharedRedisUrl());
    const heard = async (): Promise<number> =>
      ((await admin.call('PUBSUB', 'SHARDCHANNELS', `${prefix}*`)) as string[]).length;
    const joins = new ChannelJoins(redis, true);
    await Promise.all(names.map((each) => joins.join(each)));
    expect(countsOf('ssubscribe')).toEqual(PARTS);
    expect(await heard()).toBe(COUNT);
    sent = [];
    // Left and joined again in one turn: it ends as joined. The other one ends as left.
    await Promise.all([joins.leave(name(0)), joins.join(name(0)), joins.join(name(1)), joins.leave(name(1))]);
    expect(sent).toEqual([
      ['sunsubscribe', 1],
      ['ssubscribe', 2],
      ['sunsubscribe', 1],
    ]);
    expect(await heard()).toBe(COUNT - 1);
    await Promise.all(names.map((each) => joins.leave(each)));
    expect(countsOf('sunsubscribe')).toEqual([1, 1, ...PARTS]);
    expect(await heard()).toBe(0);
    const alone = new ChannelJoins(redis, false);
    sent = [];
    await Promise.all([alone.join(name(0)), alone.join(name(1))]);
    await Promise.all([alone.leave(name(0)), alone.leave(name(1))]);
    expect(sent.map(([, count]) => count)).toEqual([1, 1, 1, 1]);
    admin.disconnect();
  });

  it('a channel that cannot be joined is refused to whoever asked for it', async () => {
    const joins = new ChannelJoins(redis, true);
    const joined = joins.join(name(0));
    redis.disconnect();
    await expect(joined).rejects.toThrow();
  });

  it('connections are added to the list of each node', async () => {
    const list = new NodeList(redis);
    const [one, other] = [`${prefix}:one`, `${prefix}:other`];
    await Promise.all([...names.map((each) => list.add(one, each)), list.add(other, 'alone')]);
    expect(countsOf('sadd').sort((a, b) => b - a)).toEqual([501, 501, 2, 2]);
    expect([await redis.scard(one), await redis.scard(other)]).toEqual([COUNT, 1]);
    await list.add(one, 'later');
    expect(await redis.scard(one)).toBe(COUNT + 1);
    const failed = list.add(one, 'never');
    redis.disconnect();
    await expect(failed).rejects.toThrow();
  });
});
