/** Connections broken on purpose: what goes wrong in one is that one's end. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { RenewableBearer } from '../../src/access/bearer.ts';
import { createEndingClock, type EndingClock } from '../../src/clock.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { Viewer } from '../../src/model.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { RateLimits } from '../../src/rates/rate-limits.ts';
import { Admission } from '../../src/transport/peers/admission.ts';
import { TextFrame } from '../../src/transport/peers/envelope.ts';
import { Supervisor } from '../../src/transport/peers/supervisor.ts';
import { Unhandled } from '../../src/transport/peers/unhandled.ts';
import { Unsent } from '../../src/transport/peers/unsent.ts';
import { Connection } from '../../src/transport/websocket/connection.ts';
import { handleUpgrades } from '../../src/transport/websocket/upgrade.ts';
import { eventually } from '../support/eventually.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';
import { type FrameParts, OPCODES, openTcpWebSocket, type TcpWebSocket } from '../support/tcp-web-socket.ts';
import { alice, silentLog, viewerOf } from '../support/world.ts';

const TIMEOUTS = { maxQueuedBytes: 1_048_576, heartbeatIntervalMs: 3_600_000, clientTimeoutMs: 7_200_000 };

/** Of all connections, together. */
const MOST_SENT = 100_000;

const limits = {
  maxConnections: 100,
  maxStreamsPerUser: 1_000,
  maxConnectionsPerUser: 100,
  maxConnectionsPerAddress: 100,
  admissions: null,
  strangers: null,
  countTurnedAway: () => undefined,
  drainWindowMs: 0,
  sweepMs: 60_000,
};

describe('connection actors', () => {
  let server: Server;
  let clock: StillClock;
  let lifetime: EndingClock;
  let url: string;
  const handled: string[] = [];
  /** Ends what slow handlers wait for. */
  const slow: (() => void)[] = [];
  let supervisor: Supervisor;
  let sent = new Unhandled(1e9);
  const connections: Connection[] = [];
  const sockets: Socket[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);

  const act = async (connection: Connection, text: string): Promise<void> => {
    handled.push(text);
    if (text === 'throw') throw new Error('on purpose');
    if (text === 'reject') await Promise.reject(new Error('on purpose'));
    if (text === 'hang') await new Promise(() => undefined);
    if (text === 'event') connection.outbox.write(new TextFrame('', ''), Buffer.from('"before"'));
    if (text.startsWith('slow')) await new Promise<void>((resolve) => slow.push(resolve));
    await connection.send(JSON.stringify(text));
  };

  beforeAll(async () => {
    process.on('unhandledRejection', onUnhandled);
    clock = new StillClock();
    server = createServer().on('connection', (socket) => sockets.push(socket));
    lifetime = createEndingClock(clock);
    supervisor = new Supervisor(lifetime, limits);
    const accept = (connection: Connection): void => {
      connection.onFrame({ handle: (text) => act(connection, text) });
      connections.push(connection);
      supervisor.add(connection, null);
    };
    const endpoint = {
      path: '/',
      needsProtocol: false,
      handleProtocols: () => false as const,
      accept: (sockets: ConstructorParameters<typeof Connection>[0]) =>
        accept(new Connection(sockets, clock, silentLog, { ...TIMEOUTS, unsent: new Unsent(1e9), unhandled: sent })),
    };
    const door = {
      maxMessageBytes: 65_536,
      isOriginAllowed: () => true,
      refusesClear: false,
      addressOf: () => null,
      leavePlain: () => undefined,
      supervisor,
      clock,
    };
    handleUpgrades(server, [endpoint], door);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  beforeEach(() => {
    sent = new Unhandled(1e9);
    handled.splice(0);
    slow.splice(0);
    connections.splice(0);
  });
  afterAll(() => {
    lifetime.end();
    process.off('unhandledRejection', onUnhandled);
    server.close();
    server.closeAllConnections();
  });

  const pair = async (): Promise<{ bad: RawSocket; good: RawSocket; check: () => Promise<void> }> => {
    const [bad, good] = [await openSocket(url, []), await openSocket(url, [])];
    return {
      bad,
      good,
      async check() {
        good.send('hello');
        expect(await good.frame(good.frames.length)).toBe('hello');
        expect(unhandled).toEqual([]);
        good.socket.close();
      },
    };
  };

  it.each(['throw', 'reject'])('G10: a handler that does %s ends its own connection with 1013', async (frame) => {
    const { bad, check } = await pair();
    bad.send(frame);
    bad.send('after');
    expect(await bad.closed).toBe(1013);
    expect(handled).not.toContain('after');
    await check();
  });

  it('G05: an answer does not overtake an event of the same turn', async () => {
    const { bad, check } = await pair();
    bad.send('event');
    expect([await bad.frame(0), await bad.frame(1)]).toEqual(['before', 'event']);
    bad.socket.close();
    await check();
  });

  it('G10: who pings and never reads is cut off at the cap, as who is sent events', async () => {
    const { bad, check } = await pair();
    bad.socket.pause();
    const ping = Buffer.alloc(125);
    const flood = setInterval(() => {
      for (let n = 0; n < 20_000 && bad.socket.readyState === bad.socket.OPEN; n += 1) bad.socket.ping(ping);
    }, 10);
    const [connection] = connections;
    await eventually(() => expect(connection?.isOpen).toBe(false));
    clearInterval(flood);
    bad.socket.terminate();
    await check();
  });

  const cap = (): void => {
    sent = new Unhandled(MOST_SENT);
  };
  const connectTcp = (): Promise<TcpWebSocket> => openTcpWebSocket(Number(new URL(url).port), '/');
  const partOf = (bytes: number): FrameParts => ({ opcode: OPCODES.text, isFinal: false, payload: 'a'.repeat(bytes) });

  it('G10: parts of messages count, and past the cap of all, who sent most is closed with 1013', async () => {
    cap();
    const { bad, check } = await pair();
    const [small, large, next] = [await connectTcp(), await connectTcp(), await connectTcp()];
    small.send(partOf(9_000));
    await eventually(() => expect(sent.bytes).toBeGreaterThanOrEqual(9_000));
    // What came in full is held no longer.
    next.send({ opcode: OPCODES.text, payload: 'whole' });
    expect(await next.text(0)).toBe('"whole"');
    large.send(partOf(60_000));
    await eventually(() => expect(sent.bytes).toBeGreaterThanOrEqual(69_000));
    expect(sent.bytes).toBeLessThan(70_000);
    next.send(partOf(50_000));
    expect(await large.closed).toBe(1013);
    await eventually(() => expect(sent.bytes).toBeGreaterThanOrEqual(59_000));
    expect([small, next].some(({ socket }) => socket.destroyed)).toBe(false);
    small.send({ opcode: OPCODES.continuation, payload: 'b' });
    expect(await small.text(0)).toMatch(/ab"$/);
    for (const { socket } of [small, next]) socket.destroy();
    bad.socket.close();
    await eventually(() => expect(sent.bytes).toBe(0));
    await check();
  });

  it('G10: a frame counts until it is handled; beside those in hand no large one is begun with', async () => {
    cap();
    const { bad, check } = await pair();
    const known = new RenewableBearer({} as Viewer);
    const [busy, next, small] = [await connectTcp(), await connectTcp(), await connectTcp()];
    for (const connection of connections) connection.bearer = known;
    const textOf = (payload: string): FrameParts => ({ opcode: OPCODES.text, payload });
    busy.send(textOf(`slow ${'a'.repeat(60_000)}`));
    await eventually(() => expect(sent.bytes).toBeGreaterThan(60_000));
    next.send(textOf('a'.repeat(50_000)));
    expect(await next.closed).toBe(1013);
    small.send(textOf('small'));
    expect(await small.text(0)).toBe('"small"');
    for (const end of slow.splice(0)) end();
    expect(await busy.text(0)).toMatch(/^"slow a/);
    await eventually(() => expect(sent.bytes).toBe(0));
    for (const { socket } of [busy, small]) socket.destroy();
    bad.socket.close();
    await check();
  });

  it('G15: a drain lets the frame being handled be answered, and takes no more', async () => {
    const { bad } = await pair();
    bad.send('slow last');
    bad.send('one too many');
    await eventually(() => expect(handled).toContain('slow last'));
    const drained = new Supervisor(clock, limits);
    for (const connection of connections.splice(0)) drained.add(connection, null);
    const isDrained = drained.drain();
    slow.shift()?.();
    await isDrained;
    expect(await bad.closed).toBe(1012);
    expect(bad.frames).toEqual(['slow last']);
    expect(handled).not.toContain('one too many');
  });

  it('G15: a drain does not wait for ever for a handler that hangs', async () => {
    const { bad } = await pair();
    bad.send('hang');
    await eventually(() => expect(handled).toContain('hang'));
    const draining = new Supervisor(clock, limits);
    for (const connection of connections.splice(0)) draining.add(connection, null);
    const drained = draining.drain();
    clock.advance(TIMES.drainGraceMs);
    expect(await bad.closed).toBe(1012);
    await drained;
  });

  it('G10: a handler that hangs past its deadline ends its own connection with 1013', async () => {
    const { bad, check } = await pair();
    bad.send('hang');
    await eventually(() => expect(handled).toContain('hang'));
    clock.advance(TIMES.handlerMs);
    expect(await bad.closed).toBe(1013);
    await check();
  });

  it('a frame that breaks its handler does so at each reconnect, and nobody else notices', async () => {
    const { bad, check } = await pair();
    bad.socket.close();
    for (let n = 0; n < 10; n += 1) {
      const again = await openSocket(url, []);
      again.send('throw');
      expect(await again.closed).toBe(1013);
    }
    await check();
  });

  it('frames are handled one at a time, in order', async () => {
    const { bad, check } = await pair();
    for (const frame of ['slow 1', '2', 'slow 3', '4']) bad.send(frame);
    // Its answer comes when all frames before it have arrived.
    bad.socket.ping();
    await once(bad.socket, 'pong');
    expect(handled).toEqual(['slow 1']);
    slow.shift()?.();
    await eventually(() => expect(handled).toEqual(['slow 1', '2', 'slow 3']));
    slow.shift()?.();
    await eventually(() => expect(bad.frames).toEqual(['slow 1', '2', 'slow 3', '4']));
    bad.socket.close();
    await check();
  });

  it('G10: a mailbox holds so many frames and no more: 4429', async () => {
    const { bad, check } = await pair();
    bad.send('hang');
    for (let n = 0; n < 1_100; n += 1) bad.send(`${n}`);
    expect(await bad.closed).toBe(4429);
    await check();
  });

  it('G10, R90: who goes on and on behind our goodbye is not read any more', async () => {
    const { bad, good, check } = await pair();
    const [under] = sockets.slice(-2);
    bad.socket.pause();
    bad.send('hang');
    const frame = 'x'.repeat(30_000);
    for (let n = 0; n < 2_500; n += 1) bad.send(frame);
    const most = LIMITS.queuedFrameBytes + LIMITS.queuedFrames * frame.length;
    await eventually(() => expect(under?.bytesRead).toBeGreaterThan(most));
    // Of who is read each turn of the event loop reads more.
    for (let n = 0; n < 100; n += 1) {
      good.send(`${n}`);
      await eventually(() => expect(good.frames.at(-1)).toBe(`${n}`));
    }
    expect(under?.bytesRead).toBeLessThan(most + 1_000_000);
    bad.socket.resume();
    clock.advance(TIMES.terminateMs);
    expect(await bad.closed).toBe(4429);
    await check();
  });

  it('G10: and so many bytes', async () => {
    const { bad, check } = await pair();
    bad.send('hang');
    for (let n = 0; n < 80; n += 1) bad.send('x'.repeat(60_000));
    expect(await bad.closed).toBe(4429);
    await check();
  });

  it.each([true, false])(
    'G10: of who is not known yet little is read ahead, and nothing is lost: is a stranger: %s',
    async (isStranger) => {
      const { bad, check } = await pair();
      const [under] = sockets.slice(-2);
      const [connection] = connections.slice(-2);
      if (isStranger) connection?.bePatientWithStranger();
      bad.send('slow');
      for (let n = 0; n < 60; n += 1) bad.send('x'.repeat(60_000));
      if (isStranger) await eventually(() => expect(under?.isPaused()).toBe(true));
      else await eventually(() => expect(under?.bytesRead).toBeGreaterThan(60 * 60_000));
      expect(under?.bytesRead).toBeLessThan(isStranger ? 1_000_000 : 4_000_000);
      slow.shift()?.();
      await eventually(() => expect(handled).toHaveLength(61));
      bad.socket.close();
      await check();
    },
  );

  it.each(['its tokens are watched', 'its arrival is recorded'])(
    'G11: who goes while %s is not left behind as present',
    async (moment) => {
      const step = Promise.withResolvers<void>();
      const hasBegun = Promise.withResolvers<void>();
      const wait = async (own: string): Promise<void> => {
        if (own !== moment) return;
        hasBegun.resolve();
        await step.promise;
      };
      const present = new Set<string>();
      const admission = new Admission({
        verifyToken: async () => ({ outcome: 'valid', viewer: viewerOf(alice) }),
        rateLimits: { connect: () => undefined } as unknown as RateLimits,
        tokens: {
          watchTokens: () => wait('its tokens are watched'),
          forgetTokens: () => undefined,
          lookAgain: () => undefined,
        },
        arrive: async (_viewer, { connectionId }) => {
          await wait('its arrival is recorded');
          present.add(connectionId);
        },
        depart: (_viewer, connectionId) => void present.delete(connectionId),
        supervisor,
        metrics: createMetrics(clock),
        clock,
        log: silentLog,
      });
      const { socket } = await openSocket(url, []);
      const connection = connections.at(-1) as Connection;
      admission.open(connection, 'websocket', null);
      const credentials = { token: 'a token', deviceId: null, connectionType: 'WEBSOCKET', isGateway: false } as const;
      const admitted = admission.admit(connection, credentials);
      await hasBegun.promise;
      socket.terminate();
      await eventually(() => expect(connection.isOpen).toBe(false));
      step.resolve();
      expect(await admitted).toMatchObject({ code: 1013 });
      expect(present).toEqual(new Set());
    },
  );
});
