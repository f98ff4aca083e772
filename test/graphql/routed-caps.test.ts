/** The caps on what the rules of a tenant make of one message, and the copies of a dropped one. */

import { createCopies } from '../../src/domain/routing-copies.ts';
import { LIMITS } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const SAVE = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }';
const PUBLISH = 'mutation ($topic: String!) { publish(topic: $topic, payload: 1) { id } }';

describe('the deliveries that rules make of one message', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  const claims = { scope: 'realtime:admin' };
  const save = async (name: string, priority: number, topic: string, action: object): Promise<void> => {
    const input = { name, priority, match: { on: ['TOPIC'], topic }, action };
    expect((await service.query('root', SAVE, { input }, claims)).code).toBeUndefined();
  };
  const length = async (topic: string): Promise<number> => {
    const { data } = await service.query('alice', `{ topicHistory(topic: "${topic}") { id } }`);
    return data.topicHistory.length;
  };

  it('are at most a hundred', async () => {
    const targets = (rule: number): string[] =>
      Array.from({ length: LIMITS.targetsPerRule }, (_, index) => `copy.${rule}.${index}`);
    const rules = Array.from({ length: LIMITS.routedDeliveries / LIMITS.targetsPerRule + 1 }, (_, rule) => rule);
    for (const rule of rules) await save(`many-${rule}`, 100 - rule, 'many', { copy: { topics: targets(rule) } });
    const [last] = rules.slice(-1) as [number];
    await eventually(async () => {
      expect((await service.query('alice', PUBLISH, { topic: 'many' })).code).toBeUndefined();
      expect(await length(targets(last - 1).at(-1) as string)).toBeGreaterThan(0);
    });
    expect(await length(targets(last)[0] as string)).toBe(0);
  });

  it('G18: count against the rate of their tenant, and of no other', async () => {
    const env = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_TENANT_MESSAGES: '30' };
    const limited = await startTestService({ env, clock: new StillClock() });
    const publish = (topic: string, tenant: string) => limited.query('alice', PUBLISH, { topic }, { tenant });
    const targets = Array.from({ length: 20 }, (_, index) => `copy.${index}`);
    const input = { name: 'Rule', match: { on: ['TOPIC'], topic: 'fan' }, action: { copy: { topics: targets } } };
    await limited.query('root', SAVE, { input }, { ...claims, tenant: 'a' });
    const codes: (string | undefined)[] = [];
    await eventually(async () => {
      codes.push((await publish('fan', 'a')).code);
      expect(codes.at(-1)).toBe('RATE_LIMITED');
    });
    // Without its copies a message is one of thirty.
    expect(codes.length).toBeLessThan(15);
    expect((await publish('fan', 'b')).code).toBeUndefined();
    limited.clock.advance(2_000);
    expect((await publish('other', 'a')).code).toBeUndefined();
    await limited.close();
  });

  it('G18: are made in turns between tenants, and do not block the event loop', async () => {
    const copies = createCopies(() => undefined);
    const order: string[] = [];
    const make = async (tenant: string): Promise<void> => {
      await copies.turn(tenant as TenantId);
      order.push(tenant);
    };
    const all = Array.from({ length: 100 }, () => make('a'));
    all.push(make('b'), make('c'));
    /** How many were made in one turn of the event loop. */
    const made: number[] = [];
    while (order.length < all.length) {
      const before = order.length;
      await new Promise((resolve) => setImmediate(resolve));
      made.push(order.length - before);
    }
    await Promise.all(all);
    expect(order.slice(0, 4)).toEqual(['a', 'b', 'c', 'a']);
    expect(Math.max(...made)).toBeLessThanOrEqual(LIMITS.copiesPerTurn);
  });

  it('include copies of a message that a later rule drops', async () => {
    await save('copy', 2, 'dropped', { copy: { topics: ['kept'] } });
    await save('drop', 1, 'dropped', { drop: true });
    await eventually(async () => {
      expect((await service.query('alice', PUBLISH, { topic: 'dropped' })).code).toBe('FORBIDDEN');
    });
    expect(await length('kept')).toBeGreaterThan(0);
    expect(await length('dropped')).toBe(0);
  });
});
