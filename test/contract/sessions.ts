import type { SessionId, SessionRecord, TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, carol, deviceId, type OpenWorld, record, tenant, type World } from '../support/world.ts';

const sessionId = (id: string): SessionId => id as SessionId;

export function session(id: string, version: number, change: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: sessionId(id),
    userId: alice,
    deviceId: deviceId('phone'),
    deviceName: null,
    userAgent: null,
    scope: '',
    topics: { publish: null, subscribe: null },
    createdAt: 1,
    lastSeenAt: 1,
    expiresAt: Number.MAX_SAFE_INTEGER,
    revokedAt: null,
    currentHash: 'hash',
    previousHash: '',
    nonce: '',
    rotatedAt: 1,
    usedHashes: [],
    version,
    ...change,
  };
}

export function describeSessions(open: OpenWorld): void {
  describe('sessions', () => {
    let world: World;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());

    it('of concurrent writes of one version exactly one is stored', async () => {
      const { engine, other } = world;
      expect(await engine.writeSession(tenant, session('one', 2), [])).toBe(false);
      const writes = [engine, other, engine, other].map((each) => each.writeSession(tenant, session('one', 1), []));
      expect((await Promise.all(writes)).filter(Boolean)).toHaveLength(1);
      expect(await other.writeSession(tenant, session('one', 2, { deviceName: 'Phone' }), [])).toBe(true);
      expect(await engine.readSessions(tenant, alice, sessionId('one'))).toEqual([
        session('one', 2, { deviceName: 'Phone' }),
      ]);
    });

    it('are read singly or all together, and removed by a write', async () => {
      const { engine } = world;
      const own = { userId: carol };
      for (const id of ['two', 'three']) await engine.writeSession(tenant, session(id, 1, own), []);
      expect((await engine.readSessions(tenant, carol, null)).map(({ id }) => id).sort()).toEqual(['three', 'two']);
      expect(await engine.readSessions(tenant, carol, sessionId('two'))).toEqual([session('two', 1, own)]);
      expect(await engine.readSessions(tenant, carol, sessionId('none'))).toEqual([]);
      expect(await engine.findSessionUser(tenant, sessionId('two'))).toBe(carol);
      expect(await engine.findSessionUser(tenant, sessionId('none'))).toBeNull();
      await engine.writeSession(tenant, session('last', 1, own), [sessionId('two'), sessionId('three')]);
      expect((await engine.readSessions(tenant, carol, null)).map(({ id }) => id)).toEqual(['last']);
    });

    it('G09: are separate by user and tenant', async () => {
      const { engine } = world;
      await engine.writeSession(tenant, session('separate', 1), []);
      expect(await engine.readSessions(tenant, bob, sessionId('separate'))).toEqual([]);
      expect(await engine.readSessions('other' as TenantId, alice, null)).toEqual([]);
      expect(await engine.findSessionUser('other' as TenantId, sessionId('separate'))).toBeNull();
    });

    it('G08: the instant before which tokens are refused never moves back, and each change is announced', async () => {
      const { engine, other } = world;
      const { heard, listening } = await record(other, { kind: 'sessions', tenant, id: bob });
      expect(await other.readRefusal(tenant, bob)).toBeNull();
      for (const upTo of [1_700_000_000_123, 1_600_000_000_000]) await engine.refuseTokens(tenant, bob, upTo);
      expect(await other.readRefusal(tenant, bob)).toBe(1_700_000_000_123);
      expect(await other.readRefusal(tenant, alice)).toBeNull();
      expect(await other.readRefusal('other' as TenantId, bob)).toBeNull();
      await eventually(() => expect(heard).toHaveLength(2));
      expect(heard[0]).toEqual({ type: 'tokens-refused', upTo: 1_700_000_000_123 });
      await listening.close();
    });

    it('G08: the end of a session is announced without any credential', async () => {
      const { engine, other } = world;
      const { heard, listening } = await record(other, { kind: 'sessions', tenant, id: alice });
      await engine.writeSession(tenant, session('four', 1), []);
      await engine.writeSession(tenant, session('four', 2, { revokedAt: 5 }), []);
      await eventually(() => expect(heard).toHaveLength(2));
      const revokedAt = [null, 5];
      expect(heard).toMatchObject(
        [false, true].map((isRevoked, index) => {
          const told = { id: 'four', userId: alice, deviceId: 'phone', revokedAt: revokedAt[index] };
          return { type: 'session', id: 'four', isRevoked, session: told };
        }),
      );
      expect(JSON.stringify(heard)).not.toMatch(/hash|nonce|secret/i);
      await listening.close();
    });
  });
}
