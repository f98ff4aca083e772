/** Connections that no node lists any more, which no sweep finds. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { EventOutbox } from '../../src/engine/redis/event-outbox.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { StrayConnections } from '../../src/engine/redis/stray-connections.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, connectionId, deviceId, record, tenant } from '../support/world.ts';

/** Of its own: a part of the walk is all of it. */
let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

it('G11: a connection of a dead node that lost its list is found by the walk; one of a live node stays', async () => {
  const clock = new TestClock();
  const prefix = `stray-${randomUUID().slice(0, 8)}`;
  const engine = await openEngineOn(server.url, { prefix, clock, abandonedAfterMs: 90 * 86_400_000 });
  const redis = new Redis(server.url);
  const phone = { deviceId: deviceId('phone'), connectionId: connectionId('bob'), sessionId: null } as const;
  await engine.connect(tenant, bob, { ...phone, connectionType: 'WEBSOCKET' });
  const keys = createKeys(prefix, 0);
  const recorded = (await redis.hget(keys.user(tenant, bob).presence, 'c:bob')) ?? '';
  const { presence } = keys.user(tenant, alice);
  await redis.hset(presence, 'c:lost', recorded.replace(/"node":"[^"]*"/, `"node":"${randomUUID()}"`));
  const statuses = async () => (await engine.readPresence(tenant, [alice, bob])).map(({ status }) => status);
  expect(await statuses()).toEqual(['ONLINE', 'ONLINE']);
  const { heard, listening } = await record(engine, { kind: 'presence', tenant, id: alice });
  // A node may be on its way to another name: it has the time of a lease.
  const startedAt = clock.elapsed();
  await eventually(async () => {
    clock.advance(TIMES.tidyMs);
    expect(await statuses()).toEqual(['OFFLINE', 'ONLINE']);
  });
  expect(clock.elapsed() - startedAt).toBeGreaterThanOrEqual(TIMES.nodeLeaseMs);
  await eventually(() => expect(heard.at(-1)).toMatchObject({ presence: { status: 'OFFLINE' } }));
  await listening.close();
  await engine.close();
  redis.disconnect();
});

it('a round suspects a bounded number of connections, and the next one finds the rest', async () => {
  const clock = new StillClock();
  const client = new Redis(server.url);
  const removed: unknown[] = [];
  const outbox = { run: async (...[, , , , args]: unknown[]) => void removed.push((args as unknown[])[2]) };
  const strays = new StrayConnections({
    client,
    keys: createKeys(`stray-${randomUUID().slice(0, 8)}`, 0),
    clock,
    outbox: outbox as unknown as EventOutbox,
  });
  const ids = Array.from({ length: LIMITS.strayConnections + 1 }, (_, n) => `c${n}`);
  for (let round = 1; round <= 2; round += 1) {
    const left = ids.filter((id) => !removed.includes(id));
    strays.suspect(
      tenant,
      alice,
      left.flatMap((id) => [id, 'gone']),
    );
    clock.advance(TIMES.nodeLeaseMs - 1);
    await strays.end();
    expect(removed).toHaveLength(ids.length - left.length);
    clock.advance(1);
    await strays.end();
    expect(removed).toEqual(ids.slice(0, round === 1 ? LIMITS.strayConnections : ids.length));
  }
  client.disconnect();
});
