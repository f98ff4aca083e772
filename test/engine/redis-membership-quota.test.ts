/** MembershipQuota of conversations in Redis, where a place and its membership cannot change in one step. */

import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import type { RedisClient } from '../../src/engine/redis/client.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { createMembershipQuota, type Reservation } from '../../src/engine/redis/membership-quota.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, UserId } from '../../src/model.ts';
import { begin } from '../contract/membership-quota.ts';
import fc from '../support/fast-check.ts';
import { inGroups } from '../support/in-groups.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { TestClock } from '../support/test-clock.ts';
import { newConversationId, tenant, userId } from '../support/world.ts';

const MOST = 100;
const PREFIX = 'places';
const STALE = 40;

describe('the quota of conversations in Redis', () => {
  const clock = new TestClock();
  let server: RedisServer;
  let redis: Redis;
  let nodes: readonly [Engine, Engine];
  beforeAll(async () => {
    server = await startRedisServer();
    redis = new Redis(server.url);
    const open = (): Promise<Engine> =>
      openEngineOn(server.url, { prefix: PREFIX, clock, presenceGraceMs: 5_000, conversationsPerUser: MOST });
    nodes = [await open(), await open()];
  });
  afterAll(async () => {
    for (const node of nodes) await node.close();
    redis.disconnect();
    await server.stop();
  });

  const keyOf = (user: UserId): string => {
    const [encodedTenant, encodedUser] = [tenant, user].map((part) => Buffer.from(part).toString('base64url'));
    return `${PREFIX}:{u.${encodedTenant}.${encodedUser}}:places`;
  };

  it('reservations of processes that died during a join are freed once they are old enough', async () => {
    const [engine] = nodes;
    const dave = userId('dave');
    for (let n = 0; n < STALE; n += 1) await redis.zadd(keyOf(dave), Date.now() * 1_000 + n, `died-${n}`);
    await inGroups(MOST - STALE, () => begin(engine, dave));
    expect(await begin(engine, dave)).toEqual({ outcome: 'quota-full' });
    clock.advance(TIMES.reservationLeaseMs + 1_000);
    // Some are compared each time, those looked at longest ago first.
    const made = await Promise.all(Array.from({ length: STALE }, () => begin(engine, dave)));
    expect(made.some(({ outcome }) => outcome === 'created')).toBe(true);
    while ((await begin(engine, dave)).outcome === 'created');
    const conversations = await engine.listConversationIds(tenant, dave);
    expect(conversations).toHaveLength(MOST);
    expect(new Set(await redis.zrange(keyOf(dave), '0', '-1'))).toEqual(new Set(conversations));
  });

  it('G18: a user who leaves and joins at the same time keeps a place, in either order', async () => {
    const client = redis as unknown as RedisClient;
    const quota = createMembershipQuota({
      client,
      run: defineScripts(client),
      keys: createKeys(PREFIX, 0),
      clock,
      isOneServer: true,
    });
    const frank = userId('frank');
    const id = newConversationId();
    const find = (): Promise<Reservation | null> => quota.find(tenant, frank, id);
    // Leaves as one who joined before, while joining again.
    const before = await quota.take(tenant, frank, id);
    const again = await quota.take(tenant, frank, id);
    await quota.giveBack(tenant, frank, before as Reservation);
    expect([before?.isEarlier, again?.isEarlier, await find()]).toEqual([false, true, again]);
    // Joins again, and is found leaving before that is done.
    await quota.giveBack(tenant, frank, (await find()) as Reservation);
    expect(await find()).toBeNull();
    await quota.conclude(tenant, frank, id, { reservation: again, isMember: true });
    expect(await find()).not.toBeNull();
    // What was kept for longer is left as it is.
    await quota.conclude(tenant, frank, id, { reservation: again, isMember: true });
    await quota.giveBack(tenant, frank, again as Reservation);
    expect(await find()).not.toBeNull();
  });

  it('G18: after any concurrent acts a user has a place for each room they are in', async () => {
    const act = fc.record({
      kind: fc.constantFrom('create', 'join', 'leave'),
      room: fc.nat(2),
      node: fc.nat(1),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 12 }), async (acts) => {
        run += 1;
        const erin = userId(`erin-${run}`);
        const rooms = [0, 1, 2].map(() => newConversationId()) as [ConversationId, ConversationId, ConversationId];
        await begin(nodes[0], userId(`host-${run}`), [], rooms[0]);
        await Promise.all(
          acts.map(async ({ kind, room, node }) => {
            const engine = nodes[node] as Engine;
            const id = rooms[room] as ConversationId;
            if (kind === 'create') await begin(engine, erin, [], id);
            else if (kind === 'join') await engine.joinConversation(tenant, id, erin);
            else await engine.removeMember(tenant, id, erin, null);
          }),
        );
        const reserved = await redis.zrange(keyOf(erin), '0', '-1');
        for (const id of await nodes[0].listConversationIds(tenant, erin)) expect(reserved).toContain(id);
      }),
      { numRuns: 60 },
    );
  });
});
