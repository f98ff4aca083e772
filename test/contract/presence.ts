import type { Engine } from '../../src/engine/port.ts';
import type { PresenceRecord, SessionId } from '../../src/model.ts';
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
    const connect = (
      engine: Engine,
      who: ReturnType<typeof someone>,
      connection: string,
      device: string | null,
      session: string | null = null,
    ) =>
      engine.connect(tenant, who, {
        connectionId: connectionId(`${who}-${connection}`),
        deviceId: device === null ? null : deviceId(device),
        sessionId: session as SessionId | null,
        connectionType: 'GRAPHQL_WS',
      });

    it('is OFFLINE for a user who was never seen', async () => {
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
        ['OFFLINE', null],
      ]);
      const versions = states.map((each) => each?.version ?? 0);
      expect([...versions].sort((a, b) => a - b)).toEqual(versions);
      await listening.close();
    });

    it('a user who chose OFFLINE is hidden, and a connection without a device shows none', async () => {
      const { engine } = world;
      const who = someone();
      await connect(engine, who, 'visit', null);
      expect((await engine.readPresence(tenant, [who]))[0]).toMatchObject({
        status: 'ONLINE',
        devices: [],
        connectedBy: [],
      });
      await connect(engine, who, '1', 'phone');
      expect(await engine.setStatus(tenant, who, 'OFFLINE', null)).toMatchObject({
        status: 'OFFLINE',
        devices: [],
        connectedBy: [null],
      });
    });

    it('a hidden user looks like one who left at that time, whatever they do', async () => {
      const { engine, other, clock } = world;
      const who = someone();
      const shown = async () => {
        const [presence] = await other.readPresence(tenant, [who]);
        const {
          connectedBy: _own,
          hides: _choice,
          present: _present,
          version: _version,
          ...fields
        } = presence ?? ({} as PresenceRecord);
        return fields;
      };
      const never = await shown();
      await engine.setStatus(tenant, who, 'OFFLINE', 'from the start');
      await connect(engine, who, '1', 'phone');
      expect(await shown()).toEqual(never);
      await engine.setStatus(tenant, who, 'BUSY', 'here');
      clock.advance(500);
      const hidden = await engine.setStatus(tenant, who, 'OFFLINE', 'hidden');
      const left = await shown();
      expect(left).toMatchObject({ status: 'OFFLINE', statusText: null, devices: [], lastSeenAt: hidden.lastSeenAt });
      const { heard, listening } = await record(other, { kind: 'presence', tenant, id: who });
      const acts: (() => Promise<unknown>)[] = [
        () => connect(other, who, '2', 'laptop'),
        () => connect(other, who, '2', 'laptop', 'session'),
        () => engine.setStatus(tenant, who, 'OFFLINE', 'other words'),
        () => engine.disconnect(tenant, who, connectionId(`${who}-1`)),
        () => connect(engine, who, '3', null),
        () => other.disconnect(tenant, who, connectionId(`${who}-2`)),
        () => engine.disconnect(tenant, who, connectionId(`${who}-3`)),
        () => connect(engine, who, '4', 'phone'),
      ];
      for (const act of acts) {
        clock.advance(500);
        await act();
        expect(await shown()).toEqual(left);
      }
      clock.advance(500);
      const back = await engine.setStatus(tenant, who, 'ONLINE', null);
      // A device was never there before its user was.
      expect(back.devices).toMatchObject([{ deviceId: 'phone', connectedAt: back.lastSeenAt }]);
      expect(back.lastSeenAt).toBeGreaterThan(left.lastSeenAt ?? 0);
      await eventually(() => expect(heard).toMatchObject([{ presence: { status: 'ONLINE' } }]));
      await listening.close();
    });

    it('a connection that changes its session or device stays one connection', async () => {
      const { engine, other } = world;
      const who = someone();
      await connect(engine, who, '1', 'phone');
      const [before] = await other.readPresence(tenant, [who]);
      await connect(engine, who, '1', 'laptop', 'session');
      const [after] = await other.readPresence(tenant, [who]);
      expect(before).toMatchObject({ connectedBy: [null], devices: [{ deviceId: 'phone' }] });
      expect(after).toMatchObject({ connectedBy: ['session'], devices: [{ deviceId: 'laptop' }] });
      expect(after?.devices[0]?.connectedAt).toBe(before?.devices[0]?.connectedAt);
      await engine.disconnect(tenant, who, connectionId(`${who}-1`));
      expect(await other.readPresence(tenant, [who])).toMatchObject([{ status: 'OFFLINE', connectedBy: [] }]);
    });

    it('G09: is separate by tenant', async () => {
      const { engine } = world;
      await connect(engine, bob, 'x', 'phone');
      const elsewhere = 'elsewhere' as typeof tenant;
      expect((await engine.readPresence(elsewhere, [bob]))[0]).toMatchObject({ status: 'OFFLINE', devices: [] });
    });
  });
}
