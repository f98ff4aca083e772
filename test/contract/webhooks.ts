import { randomUUID } from 'node:crypto';
import { TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import type { OpenWorld, World } from '../support/world.ts';

const healthy = { failingSince: null, deliveredAt: 5, error: null, disabledAt: null };

export function describeWebhooks(open: OpenWorld): void {
  describe('webhooks', () => {
    let world: World;
    let tenant: TenantId;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    beforeEach(() => {
      tenant = `tenant-${randomUUID()}` as TenantId;
    });

    const consumer = 'bot';
    const target = (version: string) => ({
      consumer,
      url: 'https://hooks.example/',
      timeoutMs: 1_000,
      secret: `whsec_${version}`,
      version,
    });
    const hold = async (node: string) => {
      const held = await world.other.holdWebhooks(node, TIMES.nodeLeaseMs, 1_000);
      return held.filter((each) => each.tenant === tenant).map((each) => each.consumer);
    };

    it('G24: are saved together with their previous secret, listed, and deleted', async () => {
      const { engine, other } = world;
      expect(await other.readWebhooks(tenant)).toEqual([]);
      await engine.saveWebhook(tenant, target('one'), 7);
      expect(await other.readWebhooks(tenant)).toEqual([{ record: target('one'), health: null }]);
      await other.saveWebhook(tenant, target('two'), 9);
      const earlier = { secret: 'whsec_one', until: 9 };
      expect(await engine.readWebhook(tenant, consumer)).toEqual({
        record: { ...target('two'), earlier },
        health: null,
      });
      await engine.saveWebhook(tenant, target('three'), 11);
      expect((await other.readWebhook(tenant, consumer))?.record.earlier).toEqual({ secret: 'whsec_two', until: 11 });
      expect(await other.deleteWebhook(tenant, consumer)).toBe(true);
      expect(await engine.deleteWebhook(tenant, consumer)).toBe(false);
      expect(await engine.readWebhook(tenant, consumer)).toBeNull();
      expect(await hold('n')).toEqual([]);
    });

    it('health belongs to the version saved last, and no node holds a disabled webhook', async () => {
      const { engine, other } = world;
      await engine.saveWebhook(tenant, target('one'), 0);
      const health = { ...healthy, version: 'one' };
      await other.noteWebhook(tenant, consumer, health);
      expect((await engine.readWebhook(tenant, consumer))?.health).toEqual(health);
      await engine.saveWebhook(tenant, target('two'), 0);
      await other.noteWebhook(tenant, consumer, { ...health, disabledAt: 6 });
      expect((await engine.readWebhook(tenant, consumer))?.health).toBeNull();
      expect(await hold('n')).toEqual([consumer]);
      await other.noteWebhook(tenant, consumer, { ...health, version: 'two', disabledAt: 6 });
      expect((await engine.readWebhooks(tenant))[0]?.health?.disabledAt).toBe(6);
      expect(await hold('n')).toEqual([]);
      await engine.noteWebhook(tenant, 'none', { ...health, version: 'two' });
      expect(await engine.readWebhook(tenant, 'none')).toBeNull();
      await engine.saveWebhook(tenant, target('three'), 0);
      expect(await hold('n')).toEqual([consumer]);
    });

    it('G24: are held by one node at a time, and by another once that node leaves or falls silent', async () => {
      const { engine, clock } = world;
      await engine.saveWebhook(tenant, target('one'), 0);
      if (engine.kind === 'embedded') {
        expect(await hold('only')).toEqual([consumer]);
        return;
      }
      const [first, second] = [randomUUID(), randomUUID()];
      expect(await hold(first)).toEqual([consumer]);
      expect(await hold(second)).toEqual([]);
      clock.advance(TIMES.nodeLeaseMs / 2);
      expect(await hold(first)).toEqual([consumer]);
      clock.advance(TIMES.nodeLeaseMs / 2);
      expect(await hold(second)).toEqual([]);
      await engine.leaveWebhooks(first);
      expect(await hold(second)).toEqual([consumer]);
      clock.advance(TIMES.nodeLeaseMs);
      expect(await hold(first)).toEqual([consumer]);
      expect(await hold(second)).toEqual([]);
      await engine.leaveWebhooks(first);
    });
  });
}
