import { once } from 'node:events';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { RateLimits } from '../../src/rates/rate-limits.ts';
import { Admission } from '../../src/transport/peers/admission.ts';
import { Supervisor } from '../../src/transport/peers/supervisor.ts';
import type { Connection } from '../../src/transport/websocket/connection.ts';
import { eventually } from '../support/eventually.ts';
import { openSocket } from '../support/socket.ts';
import { alice, silentLog, viewerOf } from '../support/world.ts';
import { ConnectionServer, limits, TIMEOUTS } from './connection-server.ts';

describe('a connection with its handler', () => {
  const actors = new ConnectionServer();
  const { handled, slow, connections, sockets } = actors;

  it.each(['throw', 'reject'])('G10: a handler that does %s ends its own connection with 1013', async (frame) => {
    const { bad, check } = await actors.pair();
    bad.send(frame);
    bad.send('after');
    expect(await bad.closed).toBe(1013);
    expect(handled).not.toContain('after');
    await check();
  });

  it('G05: an answer does not overtake an event of the same turn', async () => {
    const { bad, check } = await actors.pair();
    bad.send('event');
    expect([await bad.frame(0), await bad.frame(1)]).toEqual(['before', 'event']);
    bad.socket.close();
    await check();
  });

  it('G10: a peer that pings and never reads is cut off by ws at 60 unread answers', async () => {
    const { bad, check } = await actors.pair();
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

  it('G16: a peer that only pings is heard, and one that sends nothing is closed', async () => {
    const { bad, good } = await actors.pair();
    const [silent, pinging] = connections as [Connection, Connection];
    actors.clock.advance(TIMES.sweepMs);
    const pong = once(good.socket, 'pong');
    good.socket.ping();
    // The answer to a ping comes after it was heard.
    await pong;
    for (const connection of [silent, pinging]) connection.tick(connection.openedAt + TIMEOUTS.clientTimeoutMs);
    expect([silent.isOpen, pinging.isOpen]).toEqual([false, true]);
    expect(await bad.closed).toBe(4408);
    good.socket.close();
  });

  it('G10: a peer that is cut off has ended at once, and its waiting frames are not handled', async () => {
    const { bad, check } = await actors.pair();
    const [connection] = connections;
    bad.send('slow');
    bad.send('after');
    await eventually(() => expect([handled, actors.sent.bytes > 'slow'.length]).toEqual([['slow'], true]));
    let ends = 0;
    connection?.onEnd(() => (ends += 1));
    connection?.cut();
    expect([connection?.isOpen, ends]).toEqual([false, 1]);
    slow.shift()?.();
    expect(await bad.closed).toBe(1006);
    await check();
    expect(handled).not.toContain('after');
  });

  it('G10: long answers count until they have left, also while they are few', async () => {
    const { bad, check } = await actors.pair();
    const [connection] = connections;
    const answer = JSON.stringify('x'.repeat(TIMEOUTS.maxQueuedBytes / 10));
    bad.socket.pause();
    // Until the kernel takes no more. It has not become congested by then, and nothing else is written.
    for (let sent = 0; actors.unsent.bytes === 0 && sent < 1_000; sent += 1) await connection?.send(answer);
    expect([actors.unsent.bytes > 0, connection?.outbox.isCongested()]).toEqual([true, false]);
    bad.socket.resume();
    await eventually(() => expect(actors.unsent.bytes).toBe(0));
    bad.socket.close();
    await check();
  });

  it('G15: a drain answers the frame in progress, and handles no more', async () => {
    const { bad } = await actors.pair();
    bad.send('slow last');
    bad.send('one too many');
    await eventually(() => expect(handled).toContain('slow last'));
    const drained = new Supervisor(actors.clock, limits);
    for (const connection of connections.splice(0)) drained.add(connection, null);
    const isDrained = drained.drain();
    slow.shift()?.();
    await isDrained;
    expect(await bad.closed).toBe(1012);
    expect(bad.frames).toEqual(['slow last']);
    expect(handled).not.toContain('one too many');
  });

  it('G15: a drain waits for a hanging handler only until its deadline', async () => {
    const { bad } = await actors.pair();
    bad.send('hang');
    await eventually(() => expect(handled).toContain('hang'));
    const draining = new Supervisor(actors.clock, limits);
    for (const connection of connections.splice(0)) draining.add(connection, null);
    const drained = draining.drain();
    actors.clock.advance(TIMES.drainGraceMs);
    expect(await bad.closed).toBe(1012);
    await drained;
  });

  it('G10: a handler that hangs past its deadline ends its own connection with 1013', async () => {
    const { bad, check } = await actors.pair();
    bad.send('hang');
    await eventually(() => expect(handled).toContain('hang'));
    actors.clock.advance(TIMES.handlerMs);
    expect(await bad.closed).toBe(1013);
    await check();
  });

  it('a frame that breaks its handler at each reconnect does not affect other connections', async () => {
    const { bad, check } = await actors.pair();
    bad.socket.close();
    for (let n = 0; n < 10; n += 1) {
      const again = await openSocket(actors.url, []);
      again.send('throw');
      expect(await again.closed).toBe(1013);
    }
    await check();
  });

  it('G10, R90: a peer that keeps sending after the close is no longer read', async () => {
    const { bad, good, check } = await actors.pair();
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
    actors.clock.advance(TIMES.terminateMs);
    expect(await bad.closed).toBe(4429);
    await check();
  });

  it.each([true, false])(
    'G10: little is read ahead from an unauthenticated peer, and nothing is lost: unauthenticated: %s',
    async (isStranger) => {
      const { bad, check } = await actors.pair();
      const [under] = sockets.slice(-2);
      const [connection] = connections.slice(-2);
      if (isStranger) connection?.bePatientWith('stranger');
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
    'G11: a peer that leaves while %s does not remain present',
    async (moment) => {
      const step = Promise.withResolvers<void>();
      const hasBegun = Promise.withResolvers<void>();
      const wait = async (own: string): Promise<void> => {
        if (own !== moment) return;
        hasBegun.resolve();
        await step.promise;
      };
      const [present, watched] = [new Set<string>(), new Set<object>()];
      const admission = new Admission({
        verifyToken: async () => ({ outcome: 'valid', viewer: viewerOf(alice) }),
        rateLimits: { connect: () => undefined } as unknown as RateLimits,
        tokens: {
          watchTokens: async (holder) => {
            await wait('its tokens are watched');
            watched.add(holder);
          },
          forgetTokens: (holder) => void watched.delete(holder),
          lookAgain: () => undefined,
        },
        arrive: async (_viewer, { connectionId }) => {
          await wait('its arrival is recorded');
          present.add(connectionId);
        },
        depart: (_viewer, connectionId) => void present.delete(connectionId),
        supervisor: actors.supervisor,
        metrics: createMetrics(actors.clock),
        clock: actors.clock,
        log: silentLog,
      });
      const { socket } = await openSocket(actors.url, []);
      const connection = connections.at(-1) as Connection;
      admission.enter(connection, 'websocket', null);
      const credentials = { token: 'a token', deviceId: null, connectionType: 'WEBSOCKET', isGateway: false } as const;
      const admitted = admission.admit(connection, credentials);
      await hasBegun.promise;
      socket.terminate();
      await eventually(() => expect(connection.isClosed).toBe(true));
      step.resolve();
      expect(await admitted).toMatchObject({ code: 1013 });
      expect([present, watched]).toEqual([new Set(), new Set()]);
    },
  );
});
