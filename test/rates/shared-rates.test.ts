/** The rate of a user, and of a tenant, is one rate over all nodes. */
import { Redis } from 'ioredis';
import { LIMITS } from '../../src/limits.ts';
import type { RateUse, TenantId, UserId } from '../../src/model.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { SharedRate } from '../../src/rates/shared-rate.ts';
import { takeAll } from '../../src/rates/token-bucket.ts';
import { noneRevoked, ratesOf } from '../support/rates.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, silentLog, tenant, viewerOf } from '../support/world.ts';

const RATE = 20;
const NODES = 3;
const RATES = ratesOf({
  RATE_LIMIT_MESSAGES: 1_000,
  RATE_LIMIT_USER_MESSAGES: RATE,
  RATE_LIMIT_TENANT_MESSAGES: 100_000,
});

const viewer = viewerOf(alice);

describe('rates across nodes', () => {
  let redis: RedisServer;
  const services: TestService[] = [];
  beforeAll(async () => {
    redis = await startRedisServer();
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: 'rates' };
    for (let n = 0; n < NODES; n += 1) services.push(await startTestService({ env }));
  });
  afterAll(async () => {
    for (const service of services) await service.close();
    await redis.stop();
  });

  /** How often something was allowed. */
  const allowed = (attempt: () => void): number => {
    try {
      attempt();
      return 1;
    } catch {
      return 0;
    }
  };

  it('messages: all nodes together allow hardly more than one would, and other users lose nothing', async () => {
    let now = 0;
    const clock = { ...services[0]?.clock, elapsed: () => now } as TestService['clock'];
    const nodes = services.map(
      ({ service }) => new RateLimits(RATES, clock, silentLog, service.engine.shareUse, noneRevoked),
    );
    let count = 0;
    let others = 0;
    for (let second = 0; second < 60; second += 1) {
      for (let tenth = 0; tenth < 10; tenth += 1) {
        now += 100;
        for (const node of nodes) {
          const meter = node.ofRequest(viewer);
          for (let n = 0; n < 5; n += 1) count += allowed(() => meter.count('message'));
        }
        others += allowed(() => nodes[0]?.ofRequest({ ...viewer, userId: bob }).count('message'));
      }
      await Promise.all(nodes.map((node) => node.reconcile()));
    }
    // What a node let through in the second before it heard of the others.
    expect(count).toBeLessThanOrEqual(RATE * 60 + 2 * RATE * NODES);
    expect(count).toBeGreaterThan(RATE * 40);
    expect(others).toBe(600);
  });

  it('the users of a tenant share one rate over all nodes, and another tenant has its own', async () => {
    let now = 0;
    const clock = { ...services[0]?.clock, elapsed: () => now } as TestService['clock'];
    const rates = { ...RATES, changesPerUser: { ...RATES.changesPerUser, message: 1_000 }, messagesPerTenant: RATE };
    const nodes = services.map(
      ({ service }) => new RateLimits(rates, clock, silentLog, service.engine.shareUse, noneRevoked),
    );
    let count = 0;
    for (let second = 0; second < 30; second += 1) {
      now += 1_000;
      for (const [index, node] of nodes.entries()) {
        const meter = node.ofRequest({ ...viewer, userId: `user-${index}` as UserId });
        for (let n = 0; n < RATE; n += 1) count += allowed(() => meter.count('message'));
      }
      await Promise.all(nodes.map((node) => node.reconcile()));
    }
    expect(count).toBeLessThanOrEqual(RATE * 30 + 2 * RATE * NODES);
    expect(count).toBeGreaterThan(RATE * 20);
    const other = { ...viewer, tenant: 'another' as TenantId };
    expect(allowed(() => nodes[0]?.ofRequest(other).count('message'))).toBe(1);
  });

  it('a sum that Redis lost is counted from zero', async () => {
    const [one, other] = services.map(({ service }) => service.engine.shareUse);
    const use = (count: number): RateUse => ({ rate: 'user-messages', tenant, userId: 'carol' as UserId, count });
    expect(await one?.([use(5)])).toEqual([0]);
    expect(await other?.([use(7)])).toEqual([0]);
    expect(await one?.([use(1)])).toEqual([7]);
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    expect(await other?.([use(3)])).toEqual([0]);
    expect(await one?.([use(1)])).toEqual([3]);
  });

  it('connections: thirty a minute over all nodes', async () => {
    const { clock } = services[0] as TestService;
    const nodes = services.map(
      ({ service }) => new RateLimits(RATES, clock, silentLog, service.engine.shareUse, noneRevoked),
    );
    const connect = (node: RateLimits | undefined): number => allowed(() => node?.connect({ ...viewer, userId: bob }));
    await Promise.all(nodes.map((node) => connect(node) && node.reconcile()));
    let first = 0;
    for (let n = 0; n < LIMITS.subscriptionsPerSocket; n += 1) first += connect(nodes[0]);
    await nodes[0]?.reconcile();
    expect(first).toBeLessThan(30);
    connect(nodes[1]);
    await nodes[1]?.reconcile();
    expect(connect(nodes[1])).toBe(0);
  });

  it('a node whose engine is away applies its own rates', async () => {
    const away = new RateLimits(
      RATES,
      new StillClock(),
      silentLog,
      () => Promise.reject(new Error('away')),
      noneRevoked,
    );
    const meter = away.ofRequest(viewer);
    let count = 0;
    for (let n = 0; n < 100; n += 1) count += allowed(() => meter.count('message'));
    await expect(away.reconcile()).rejects.toThrow('away');
    expect(count).toBe(RATE);
  });

  it('the bucket of an active user is evicted last, so that others’ acts do not refill it', () => {
    const clock = new StillClock();
    const options = { name: 'user-messages', capacity: 3, perSecond: 1, leastReported: 5, most: 4 } as const;
    const rate = new SharedRate(options, clock);
    const take = (user: string): boolean => takeAll([rate.bucketOf(tenant, user as UserId)], clock.elapsed()) === 0;
    expect([take('mallory'), take('mallory'), take('mallory'), take('mallory')]).toEqual([true, true, true, false]);
    for (let n = 0; n < 20; n += 1) {
      for (let other = 0; other < 3; other += 1) take(`user-${n}-${other}`);
      expect(take('mallory')).toBe(false);
    }
  });
});
