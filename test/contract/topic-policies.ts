import { LIMITS } from '../../src/limits.ts';
import type { TenantId, TopicPolicyRecord } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, type OpenWorld, record, type World } from '../support/world.ts';

const policy = (pattern: string, more: Partial<TopicPolicyRecord> = {}): TopicPolicyRecord => ({
  pattern,
  publish: 'SERVICES',
  subscribe: 'CLAIMED',
  keep: null,
  keepFor: null,
  schema: null,
  updatedAt: 1,
  updatedBy: alice,
  ...more,
});

export function describeTopicPolicies(open: OpenWorld): void {
  describe('topic policies', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('are stored by pattern and tenant, and each change is announced on every node', async () => {
      const { engine, other } = world;
      const tenant = 'policies' as TenantId;
      const { heard, listening } = await record(other, { kind: 'topic-policies', tenant, id: tenant });
      const first = policy('orders.#', {
        keep: 3,
        keepFor: { text: '1h', ms: 3_600_000 },
        schema: '{"type":"object"}',
      });
      expect(await engine.saveTopicPolicy(tenant, policy('orders.#'))).toBe(true);
      expect(await engine.saveTopicPolicy(tenant, first)).toBe(true);
      expect(await other.saveTopicPolicy(tenant, policy('user/a%7Cb/#'))).toBe(true);
      const stored = await other.readTopicPolicies(tenant);
      expect(stored.sort((a, b) => (a.pattern < b.pattern ? -1 : 1))).toEqual([first, policy('user/a%7Cb/#')]);
      expect(await engine.readTopicPolicies('another' as TenantId)).toEqual([]);
      expect(await engine.deleteTopicPolicy('another' as TenantId, 'orders.#')).toBeNull();
      expect(await other.deleteTopicPolicy(tenant, 'orders.#')).toEqual(first);
      expect(await engine.deleteTopicPolicy(tenant, 'orders.#')).toBeNull();
      expect(await engine.readTopicPolicies(tenant)).toEqual([policy('user/a%7Cb/#')]);
      await eventually(() => expect(heard.map(({ type }) => type)).toEqual(Array(4).fill('topic-policies')));
      await listening.close();
    });

    it(`are at most ${LIMITS.policiesPerTenant}; an existing one can still be replaced`, async () => {
      const { engine } = world;
      const tenant = 'many' as TenantId;
      for (let n = 0; n < LIMITS.policiesPerTenant; n += 1) await engine.saveTopicPolicy(tenant, policy(`t.${n}`));
      expect(await engine.saveTopicPolicy(tenant, policy('t.more'))).toBe(false);
      expect(await engine.saveTopicPolicy(tenant, policy('t.0', { keep: 1 }))).toBe(true);
      expect(await engine.readTopicPolicies(tenant)).toHaveLength(LIMITS.policiesPerTenant);
    });
  });
}
