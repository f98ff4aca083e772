import type { Engine } from '../../src/engine/port.ts';
import { eventually } from '../support/eventually.ts';
import { bob, connectionId, deviceId, type OpenWorld, record, tenant, userId, type World } from '../support/world.ts';

export function describePresence(open: OpenWorld): void {
  describe('presence', () => {
    let world: World;
    let count = 0;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    const someone = () => {
      count += 1;
      return userId(`user-${count}`);
    };
    const connect = (engine: Engine, who: ReturnType<typeof someone>, connection: string, device: string | null) =>
      engine.connect(tenant, who, {
        connectionId: connectionId(`${who}-${connection}`),
        deviceId: device === null ? null : deviceId(device),
        connectionType: 'GRAPHQL_WS',
      });

    it('is OFFLINE for who was never seen', async () => {
      const who = someone();
      expect(await world.engine.readPresence(tenant, [who])).toMatchObject([
        { userId: who, status: 'OFFLINE', statusText: null, lastSeenAt: null, devices: [] },
      ]);
    });

    it('counts devices over connections and nodes', async () => {
      const { engine, other } = world;
      const who = someone();
      await connect(engine, who, '1', 'phone');
      await connect(engine, who, '1', 'phone');
      await connect(other, who, '2', 'phone');
      await connect(other, who, '3', 'laptop');
      const [presence] = await engine.readPresence(tenant, [who]);
      expect(presence).toMatchObject({ status: 'ONLINE', lastSeenAt: expect.any(Number) });
      expect(presence?.devices.map((device) => device.deviceId).sort()).toEqual(['laptop', 'phone']);
      await engine.disconnect(tenant, who, connectionId(`${who}-1`));
      expect((await other.readPresence(tenant, [who]))[0]?.devices).toHaveLength(2);
      await other.disconnect(tenant, who, connectionId(`${who}-2`));
      expect((await engine.readPresence(tenant, [who]))[0]?.devices).toMatchObject([{ deviceId: 'laptop' }]);
      await other.disconnect(tenant, who, connectionId(`${who}-3`));
      expect((await engine.readPresence(tenant, [who]))[0]).toMatchObject({ status: 'OFFLINE', devices: [] });
    });

    it('announces each change to every node, with rising versions', async () => {
      const { engine, other } = world;
      const who = someone();
      const { heard, listening } = await record(other, { kind: 'presence', tenant, id: who });
      await connect(engine, who, '1', 'phone');
      await engine.setStatus(tenant, who, 'BUSY', 'In a "meeting"');
      await engine.disconnect(tenant, who, connectionId(`${who}-1`));
      await engine.disconnect(tenant, who, connectionId(`${who}-1`));
      await eventually(() => expect(heard).toHaveLength(3));
      const states = heard.map((each) => (each.type === 'presence' ? each.presence : null));
      expect(states.map((each) => [each?.status, each?.statusText])).toEqual([
        ['ONLINE', null],
        ['BUSY', 'In a "meeting"'],
        ['OFFLINE', 'In a "meeting"'],
      ]);
      const versions = states.map((each) => each?.version ?? 0);
      expect([...versions].sort((a, b) => a - b)).toEqual(versions);
      await listening.close();
    });

    it('hides who wants to be OFFLINE, and counts a visit without showing a device', async () => {
      const { engine } = world;
      const who = someone();
      await connect(engine, who, 'visit', null);
      expect((await engine.readPresence(tenant, [who]))[0]).toMatchObject({
        status: 'ONLINE',
        devices: [],
        isConnected: false,
      });
      await connect(engine, who, '1', 'phone');
      expect(await engine.setStatus(tenant, who, 'OFFLINE', null)).toMatchObject({
        status: 'OFFLINE',
        devices: [],
        isConnected: true,
      });
    });

    it('G09: is its tenant’s own', async () => {
      const { engine } = world;
      await connect(engine, bob, 'x', 'phone');
      const elsewhere = 'elsewhere' as typeof tenant;
      expect((await engine.readPresence(elsewhere, [bob]))[0]).toMatchObject({ status: 'OFFLINE', devices: [] });
    });
  });
}
