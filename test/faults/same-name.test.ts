/**
 * Nodes and their names. Names are random, so two nodes cannot start under one. But a node can go on under a name that
 * was declared dead: another node sweeps its users, and then they are its own again.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { Log } from '../../src/log.ts';
import type { UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { type CapturedLog, captureLog } from '../support/log.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { openSocket } from '../support/socket.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';
import { connectionId, silentLog, tenant, userId } from '../support/world.ts';
import { measured } from './measured.ts';
import { IS_WHOLE, TEST_MS } from './settings.ts';
import { startWorld } from './world.ts';

const USERS = IS_WHOLE ? 1_000 : 200;
/** Past a lease, and a renewal. */
const LAPSE_MS = TIMES.nodeLeaseMs + TIMES.nodeRenewMs;

describe('a node that was declared dead by mistake', () => {
  let redis: RedisServer;
  let network: TcpProxy;
  let zombie: Engine;
  let sweeper: Engine;
  let clocks: readonly [zombie: TestClock, sweeper: TestClock];
  let prefix: string;
  /** Of the sweeper. */
  let log: CapturedLog;

  beforeEach(async () => {
    redis = await startRedisServer();
    network = await startTcpProxy(redis.port);
    clocks = [new TestClock(), new TestClock()];
    prefix = `test-${randomUUID().slice(0, 8)}`;
    const open = (port: number, clock: TestClock, log: Log): Promise<Engine> =>
      openEngineOn(`redis://127.0.0.1:${port}`, { prefix, clock, log });
    log = captureLog('info');
    zombie = await open(redis.port, clocks[0], silentLog);
    sweeper = await open(network.port, clocks[1], log.log);
  });
  afterEach(async () => {
    await zombie.close();
    await sweeper.close();
    await network.close();
    await redis.stop();
  });

  const connect = (who: UserId): Promise<void> =>
    zombie.connect(tenant, who, {
      connectionId: connectionId(`of-${who}`),
      deviceId: null,
      sessionId: null,
      connectionType: 'GRAPHQL_WS',
    });
  const statuses = async (...who: UserId[]): Promise<string[]> =>
    (await zombie.readPresence(tenant, who)).map(({ status }) => status);
  const offline = async (...who: UserId[]): Promise<number> =>
    (await statuses(...who)).filter((status) => status === 'OFFLINE').length;

  it('G11, F39: its users are online again after the mistake, and go offline when they leave', async () => {
    const [early, late] = [userId('early'), userId('late')];
    await connect(early);
    clocks[1].advance(LAPSE_MS);
    await eventually(async () => expect(await statuses(early)).toEqual(['OFFLINE']));
    await connect(late);
    clocks[0].advance(LAPSE_MS);
    await eventually(async () => expect(await statuses(early, late)).toEqual(['ONLINE', 'ONLINE']));
    for (const who of [early, late]) await zombie.disconnect(tenant, who, connectionId(`of-${who}`));
    await eventually(async () => expect(await statuses(early, late)).toEqual(['OFFLINE', 'OFFLINE']));
    const client = new Redis(redis.url);
    await eventually(async () => expect(await client.keys(`${prefix}:{node.*`)).toEqual([]));
    client.disconnect();
  });

  it(
    'G11, F39: it returns in the middle of the sweep: every connected user stays online',
    async () => {
      const users = Array.from({ length: USERS }, (_, n) => userId(`user-${n}`));
      for (const who of users) await connect(who);
      // Step by step: it is in the middle when the other comes back.
      const way = network.hold();
      clocks[1].advance(LAPSE_MS);
      await eventually(async () => {
        way.pass();
        expect(await offline(...users)).toBeGreaterThan(0);
      });
      const gone = await offline(...users);
      expect(gone).toBeLessThan(USERS);
      clocks[0].advance(LAPSE_MS);
      way.release();
      await log.logged('dead node swept', [{}]);
      // Redis may be far: the node that came back records them again after the other's last word.
      await eventually(async () => expect(await offline(...users)).toBe(0));
      measured(
        'F39',
        `a node of ${USERS} users returned when ${gone} of them were swept: all were online after the sweep`,
      );
    },
    TEST_MS,
  );
});

it(
  'G11, F11, F39: a user refused because recording them had an unknown outcome does not appear online',
  async () => {
    const world = await startWorld();
    const [node, other] = world.nodes as [(typeof world.nodes)[0], (typeof world.nodes)[0]];
    const status = async (): Promise<string> =>
      (await other.query('alice', '{ presence(userIds: ["ghost"]) { status } }')).data.presence[0].status;
    world.network.swallowAnswers();
    const socket = await openSocket(node.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token: await node.token('ghost') } });
    expect(await socket.closed).toBe(1013);
    // The node is declared dead, and comes back with all that it holds.
    other.clock.advance(LAPSE_MS);
    await eventually(async () => expect((await node.query('ghost', '{ viewer { status } }')).errors).toBeUndefined());
    node.clock.advance(LAPSE_MS);
    await node.connect('witness').then((witness) => witness.close());
    await eventually(async () =>
      expect(
        (await other.query('alice', '{ presence(userIds: ["witness"]) { lastSeenAt } }')).data.presence[0].lastSeenAt,
      ).not.toBeNull(),
    );
    await eventually(async () => expect(await status()).toBe('OFFLINE'));
    await world.close();
  },
  TEST_MS,
);
