/** Rules that an older version stored, or that changed while a node was cut off. */
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { decodeRoutingRule } from '../../src/engine/shared/routing-rule.ts';
import type { RoutingRuleId, RoutingRuleRecord, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { Tenant } from '../support/tenant.ts';
import { TestClock } from '../support/test-clock.ts';
import { tenant } from '../support/world.ts';

/** As version 0.1.0 wrote it. */
const OLD = {
  id: 'old' as RoutingRuleId,
  name: 'Old',
  enabled: true,
  priority: 0,
  match: { on: ['TOPIC', 'ROOM'], topic: 'a.*', sender: null, where: 'payload.n > 1' },
  action: { transform: '{"was": payload}' },
  updatedAt: 1_700_000_000_000,
  updatedBy: 'root' as UserId,
} as const;

describe('stored rules', () => {
  it('G22: of an older version keep the meaning of that version', async () => {
    expect(decodeRoutingRule(JSON.stringify(OLD))).toEqual({ ...OLD, onFault: 'PASS' });
    const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new TestClock() });
    await engine.saveRoutingRule(tenant, OLD as unknown as RoutingRuleRecord);
    expect(await engine.readRoutingRules(tenant)).toEqual([{ ...OLD, onFault: 'PASS' }]);
    expect(await engine.deleteRoutingRule(tenant, OLD.id)).toEqual({ ...OLD, onFault: 'PASS' });
    await engine.close();
  });

  it('G05: saved or deleted while a node was cut off apply there once it is back', async () => {
    const shared = onSharedRedis();
    const redisPort = Number(new URL(shared.REDIS_URL).port);
    const proxy = await startTcpProxy(redisPort);
    const through = new URL(shared.REDIS_URL);
    through.port = String(proxy.port);
    const here = await startTestService({ env: shared });
    const there = await startTestService({ env: { ...shared, REDIS_URL: through.href } });
    const both = { here, there, clock: here.clock, redisUrl: '', close: async () => undefined };
    const rules = new Tenant(both);
    try {
      await rules.save({ id: 'goes', match: { on: ['TOPIC'], topic: 'goes' }, action: { drop: true } });
      // Leads nowhere: what is announced now is not heard there.
      proxy.redirect(1);
      await rules.delete('goes');
      const input = { id: 'comes', name: 'Rule', match: { on: ['TOPIC'], topic: 'comes' }, action: { drop: true } };
      await rules.admin('mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { id } }', { input });
      proxy.redirect(redisPort);
      await eventually(async () => {
        expect((await rules.publish('alice', 'goes', 1)).data?.publish).toMatchObject({ payload: 1 });
        expect((await rules.publish('alice', 'comes', 1)).data).toEqual({ publish: null });
        expect((await rules.publish('alice', 'comes', 1)).errors).toMatchObject([
          { extensions: { reason: 'DROPPED' } },
        ]);
      }, 30_000);
    } finally {
      await there.close();
      await here.close();
      await proxy.close();
    }
  }, 60_000);
});
