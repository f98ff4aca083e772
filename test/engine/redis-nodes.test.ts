/** The connections of a node in Redis: recorded, removed, and swept after the node died. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { StillClock } from '../support/still-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { type MovableClock, TestClock } from '../support/test-clock.ts';
import { alice, connectionId, deviceId, tenant, userId } from '../support/world.ts';
import { RedisWorld } from './redis-world.ts';

const redis = new RedisWorld();
const { openNode } = redis;

describe('Redis engine', () => {
  it('connections that arrive in one turn are recorded by one command, and their revocations read by one', async () => {
    const prefix = `listed-${randomUUID()}`;
    const engine = await openNode(prefix, new StillClock());
    const admin = new Redis(redis.server.url);
    const monitor = await admin.monitor();
    const listed: number[] = [];
    const read: number[] = [];
    const ids = Array.from({ length: 30 }, (_, n) => connectionId(`${n}`));
    monitor.on('monitor', (_time: string, [command, key = '', ...members]: string[]) => {
      if (command === 'sadd' && key.startsWith(`${prefix}:{node.`)) listed.push(members.length);
      if (command === 'mget' && key.startsWith(prefix)) read.push(members.length + 1);
    });
    await engine.refuseTokens(tenant, userId('7'), 700);
    const refusals = ids.map((id) => engine.readRefusal(tenant, userId(id)));
    expect(await Promise.all(refusals)).toEqual(ids.map((id) => (id === '7' ? 700 : null)));
    const kind = { deviceId: null, connectionType: 'SSE', sessionId: null } as const;
    await Promise.all(ids.map((id) => engine.connect(tenant, alice, { ...kind, connectionId: id })));
    await eventually(() => expect([listed, read]).toEqual([[30], [30]]));
    monitor.disconnect();
    admin.disconnect();
    await engine.close();
  });

  it('a connection costs the server the same however many its user has, and is announced if someone listens', async () => {
    const prefix = randomUUID();
    const engine = await openNode(prefix, new StillClock());
    const admin = new Redis(redis.server.url);
    const kind = { deviceId: deviceId('phone'), connectionType: 'SSE', sessionId: null } as const;
    const come = (id: string) => engine.connect(tenant, alice, { ...kind, connectionId: connectionId(id) });
    const comeAndGo = async (id: string): Promise<string[]> => {
      await admin.config('RESETSTAT');
      await come(id);
      await engine.disconnect(tenant, alice, connectionId(id));
      const stats = await admin.info('commandstats');
      return ['hgetall', 'hkeys', 'hvals', 'hscan', 'spublish'].filter((name) => stats.includes(`cmdstat_${name}:`));
    };
    await Promise.all(Array.from({ length: 100 }, (_, n) => come(`${n}`)));
    expect(await comeAndGo('unheard')).toEqual([]);
    const heard: number[] = [];
    const listening = await engine.listen(
      { kind: 'presence', tenant, id: alice },
      {
        onAnnouncement: (said) => said.type === 'presence' && heard.push(said.presence.connectedBy.length),
        onInterrupted: () => undefined,
      },
    );
    expect(await comeAndGo('heard')).toEqual(['hgetall', 'spublish']);
    await eventually(() => expect(heard).toEqual([101, 100]));
    await listening.close();
    admin.disconnect();
    await engine.close();
  });

  it('G11: a connection that ends while it is recorded leaves nothing; a failed removal can be repeated', async () => {
    const clock = new TestClock();
    const network = await startTcpProxy(redis.server.port);
    const engine = await openNode(randomUUID(), clock, null, `redis://127.0.0.1:${network.port}`);
    const connection = (id: string) =>
      ({ connectionId: connectionId(id), deviceId: null, connectionType: 'SSE', sessionId: null }) as const;
    const status = async () => (await engine.readPresence(tenant, [alice]))[0]?.status;
    const arriving = engine.connect(tenant, alice, connection('short'));
    await engine.disconnect(tenant, alice, connectionId('short'));
    await arriving;
    expect(await status()).toBe('OFFLINE');
    await engine.connect(tenant, alice, connection('long'));
    expect(await status()).toBe('ONLINE');
    // Nobody listens there: what is asked is not done.
    network.redirect(1);
    await expect(engine.disconnect(tenant, alice, connectionId('long'))).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    network.lead(redis.server.port);
    await eventually(() => engine.disconnect(tenant, alice, connectionId('long')));
    expect(await status()).toBe('OFFLINE');
    await engine.close();
    await network.close();
  });

  it('G11: a dead node’s users are offline after its lease and a sweep; a live one declared dead returns', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const [aliveClock, stoppedClock] = [new TestClock(), new TestClock()];
    const alive = await openNode(prefix, aliveClock);
    const stopped = await openNode(prefix, stoppedClock);
    const who = userId('zombie');
    await stopped.connect(tenant, who, {
      connectionId: connectionId('c1'),
      deviceId: deviceId('phone'),
      sessionId: null,
      connectionType: 'GRAPHQL_WS',
    });
    const status = async () => (await alive.readPresence(tenant, [who]))[0]?.status;
    aliveClock.advance(TIMES.nodeLeaseMs - 2_000);
    expect(await status()).toBe('ONLINE');
    aliveClock.advance(TIMES.nodeRenewMs);
    await eventually(async () => expect(await status()).toBe('OFFLINE'));
    stoppedClock.advance(TIMES.nodeRenewMs);
    await eventually(async () => expect(await status()).toBe('ONLINE'));
    await stopped.close();
    await alive.close();
  });

  it('G11: a sweep names the node as its own log does, and says whether it died or stopped', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const clock = new TestClock();
    const { log, lines } = captureLog('info');
    const open = (nodeId: string, at: MovableClock, presenceGraceMs = 5_000) =>
      openEngineOn(redis.server.url, { prefix, nodeId, clock: at, log, presenceGraceMs });
    const alive = await open('alive', clock);
    const swept = () => lines().filter(({ msg }) => /swept/.test(msg));
    const connect = (engine: Engine, id: string) =>
      engine.connect(tenant, alice, {
        connectionId: connectionId(id),
        deviceId: null,
        sessionId: null,
        connectionType: 'SSE',
      });
    const stops = await open('stops', new StillClock());
    await connect(stops, 'one');
    await stops.close();
    await eventually(() => {
      clock.advance(TIMES.nodeRenewMs);
      expect(swept()).toMatchObject([{ level: 30, msg: 'stopped node swept', stoppedNode: 'stops', connections: 1 }]);
    });
    const dies = await open('dies', new StillClock());
    await connect(dies, 'two');
    await eventually(() => {
      clock.advance(TIMES.nodeRenewMs);
      expect(swept().slice(1)).toMatchObject([{ level: 40, msg: 'dead node swept', deadNode: 'dies', connections: 1 }]);
    });
    await dies.close();
    await alive.close();
  });

  it('renews its lease once, and no more, for all the times that passed while Redis did not answer', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const network = await startTcpProxy(redis.server.port);
    const clock = new StillClock();
    const engine = await openNode(prefix, clock, null, `redis://127.0.0.1:${network.port}`);
    const admin = new Redis(redis.server.url);
    const monitor = await admin.monitor();
    let renewals = 0;
    const marks: (string | undefined)[] = [];
    monitor.on('monitor', (_time: string, [command, ...args]: string[]) => {
      if (command === 'evalsha' && args[2] === `${prefix}:{nodes}:leases` && args.at(-1) === 'renew') renewals += 1;
      if (command === 'echo') marks.push(args[0]);
    });
    const mark = async (name: string): Promise<void> => {
      await admin.echo(name);
      await eventually(() => expect(marks).toContain(name));
    };
    await mark('before');
    const before = renewals;
    const { release } = network.hold();
    for (let n = 0; n < 10; n += 1) clock.advance(TIMES.nodeRenewMs);
    release();
    // Behind all that was asked before, on the same connection.
    await engine.checkHealth();
    await mark('after');
    expect(renewals - before).toBe(1);
    await eventually(async () => {
      clock.advance(TIMES.nodeRenewMs);
      await engine.checkHealth();
      expect(renewals - before).toBeGreaterThan(1);
    });
    monitor.disconnect();
    admin.disconnect();
    await engine.close();
    await network.close();
  });

  it('G11: records of a node declared dead by mistake are swept, also when it dies before it renews', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const aliveClock = new TestClock();
    const alive = await openNode(prefix, aliveClock);
    const stalled = await openNode(prefix, new StillClock());
    const admin = new Redis(redis.server.url);
    const leases = () => admin.zcard(`${prefix}:{nodes}:leases`);
    aliveClock.advance(TIMES.nodeLeaseMs + TIMES.nodeRenewMs);
    await eventually(async () => expect(await leases()).toBe(1));
    const who = userId('late');
    await stalled.connect(tenant, who, {
      connectionId: connectionId('late'),
      deviceId: null,
      sessionId: null,
      connectionType: 'GRAPHQL_WS',
    });
    // It has a name again that can be declared dead: its clock has not moved since.
    await eventually(async () => expect(await leases()).toBe(2));
    await eventually(async () => {
      aliveClock.advance(TIMES.nodeRenewMs);
      expect((await alive.readPresence(tenant, [who]))[0]?.status).toBe('OFFLINE');
    });
    admin.disconnect();
    await stalled.close();
    await alive.close();
  });

  it('G11: exactly one node sweeps a dead one, and removes each of its connections once', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const count = 250;
    const users = Array.from({ length: count }, (_, n) => userId(`user-${n}`));
    const admin = new Redis(redis.server.url);
    const network = await startTcpProxy(redis.server.port);
    const far = `redis://127.0.0.1:${network.port}`;
    const left = await Promise.all(Array.from({ length: 3 }, () => openNode(prefix, new TestClock(), null, far)));
    const clocks = Array.from({ length: 3 }, () => new TestClock());
    const survivors = await Promise.all(clocks.map((clock) => openNode(prefix, clock)));
    for (const who of users) {
      await left[0]?.connect(tenant, who, {
        connectionId: connectionId(`of-${who}`),
        deviceId: deviceId('phone'),
        sessionId: null,
        connectionType: 'GRAPHQL_WS',
      });
    }
    // Dead they are: one that looked at its lease now would go on under another name.
    network.redirect(1);
    await admin.config('RESETSTAT');
    for (const clock of clocks) clock.advance(TIMES.nodeLeaseMs + TIMES.nodeRenewMs);
    await eventually(async () => {
      expect(await admin.zcard(`${prefix}:{nodes}:leases`)).toBe(survivors.length);
      expect(await admin.exists(`${prefix}:{nodes}:dead`)).toBe(0);
    });
    // A script of each of them removes it; the others renew leases and look for dead nodes.
    const [, scripts] = /cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats')) ?? [];
    expect(Number(scripts)).toBeLessThan(1.5 * count);
    const presences = await survivors[0]?.readPresence(tenant, users.slice(-100));
    expect([...new Set(presences?.map(({ status }) => status))]).toEqual(['OFFLINE']);
    admin.disconnect();
    network.lead(redis.server.port);
    for (const engine of [...left, ...survivors]) await engine.close();
    await network.close();
  });
});
