/** What the scripts for presence store in Redis, and what they leave. */
import { randomUUID } from 'node:crypto';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { RunScript } from '../../src/engine/redis/scripts.ts';
import { APART_MS, tenant, userId } from '../support/world.ts';
import { scriptsOnRedis } from './scripts-on-redis.ts';

const keys = createKeys(`presence-${randomUUID().slice(0, 8)}`, 0);

describe('a stored presence', () => {
  const { redis, run } = scriptsOnRedis();
  let at: { readonly presence: string; readonly presenceChannel: string };
  beforeEach(() => {
    at = keys.user(tenant, userId(randomUUID()));
  });

  const asked = (name: Parameters<RunScript>[0], ...args: (string | number)[]) =>
    run(name, [at.presence, at.presenceChannel], args);
  const connect = (id: string, node = 'node') => asked('connect', 0, 'alice', id, node, '"deviceId":"phone"');
  const setStatus = (status: string) => asked('set-status', 0, 'alice', status, 'null');
  const version = async (): Promise<number> => Number(await redis.hget(at.presence, 'version'));

  it('has a higher version with each change of a connection, and the same one when nothing changed', async () => {
    const versions = [];
    // Above all that an earlier run of the server gave, which may be lost.
    const before = Date.now() - APART_MS;
    for (const act of [
      () => connect('one'),
      () => connect('two'),
      () => asked('disconnect', 0, 'alice', 'one', ''),
      () => asked('disconnect', 0, 'alice', 'two', 'node'),
    ]) {
      await act();
      versions.push(await version());
    }
    expect(versions).toEqual([...new Set(versions)].sort((one, other) => one - other));
    expect(versions[0]).toBeGreaterThanOrEqual(before);
    const last = versions.at(-1);
    expect(await asked('disconnect', 0, 'alice', 'two', '')).toBe(0);
    expect(await version()).toBe(last);
  });

  it('keeps a connection that another node took over from a dead one', async () => {
    await connect('one', 'live');
    expect(await asked('disconnect', 0, 'alice', 'one', 'dead')).toBe(0);
    expect(await redis.hexists(at.presence, 'c:one')).toBe(1);
    const since = /"connectedAt":(\d+)/.exec((await redis.hget(at.presence, 'c:one')) ?? '')?.[1];
    // The same one under another name of its node: nothing visible changes.
    const before = await version();
    await asked('connect', 5_000, 'alice', 'one', 'other', '"deviceId":"phone"');
    expect(await redis.hget(at.presence, 'c:one')).toContain(
      `"node":"other","deviceId":"phone","connectedAt":${since}`,
    );
    expect(await version()).toBe(before);
  });

  it('says since when its user is shown, which a change of status does not move, and of nobody who never was there', async () => {
    const shown = () => redis.hget(at.presence, 'shown');
    await setStatus('BUSY');
    expect(await redis.hmget(at.presence, 'seen', 'shown')).toEqual([null, null]);
    await connect('one');
    for (const status of ['AWAY', 'ONLINE']) await setStatus(status);
    expect(await shown()).toBeNull();
    await setStatus('OFFLINE');
    expect(await shown()).toBeNull();
    await setStatus('ONLINE');
    expect(Number(await shown())).toBeGreaterThan(0);
  });

  it('of a user who hides does not change with their connections', async () => {
    await connect('one');
    await setStatus('OFFLINE');
    const visible = () => redis.hmget(at.presence, 'version', 'seen');
    const before = await visible();
    for (const offset of [5_000, 6_000]) {
      await asked('connect', offset, 'alice', 'two', 'node', '"deviceId":"laptop"');
      expect(await asked('disconnect', offset, 'alice', 'two', '')).toBe(1);
    }
    expect([await visible(), await redis.hexists(at.presence, 'c:two')]).toEqual([before, 0]);
  });

  it('says when its user was last seen, by each change of a connection or status', async () => {
    const seenAfter = async (offset: number, act: () => Promise<unknown>): Promise<boolean> => {
      const begin = Date.now() - APART_MS;
      await act();
      const seen = Number(await redis.hget(at.presence, 'seen')) - offset;
      return begin <= seen && seen <= Date.now() + APART_MS;
    };
    const acts = [
      await seenAfter(10_000, () => asked('connect', 10_000, 'alice', 'one', 'node', '"deviceId":"phone"')),
      await seenAfter(20_000, () => asked('set-status', 20_000, 'alice', 'BUSY', 'null')),
      await seenAfter(30_000, () => asked('disconnect', 30_000, 'alice', 'one', '')),
    ];
    expect(acts).toEqual([true, true, true]);
  });

  it('has room for as many blocked users as there may be, whatever else it has', async () => {
    for (const id of ['one', 'two', 'three']) await connect(id);
    const block = (user: string, isBlocked = 1) => asked('set-blocked', 'alice', user, isBlocked, 2);
    expect([await block('bob'), await block('bob'), await block('carol'), await block('dave')]).toEqual([
      'changed',
      'unchanged',
      'changed',
      'full',
    ]);
    const before = await version();
    expect([await block('bob', 0), await block('bob', 0), await block('dave')]).toEqual([
      'changed',
      'unchanged',
      'changed',
    ]);
    expect(await version()).toBeGreaterThan(before);
    expect((await redis.hkeys(at.presence)).filter((field) => field.startsWith('b:')).sort()).toEqual([
      'b:carol',
      'b:dave',
    ]);
  });
});
