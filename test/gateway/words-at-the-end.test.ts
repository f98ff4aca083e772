/** Gateways get errors when the service stops, is full or drains, and when a reader is too slow. */
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { manyTimes } from '../support/many-times.ts';
import { closeCallbackEndpoint, type Played, type Told } from '../support/played-routers.ts';
import { openSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';
import { END, endOf, GATEWAY, RECEIVED, start, WAYS, wordsOf } from './told-words.ts';

const SSE = { accept: 'text/event-stream', 'content-type': 'application/json' };

describe('errors for gateways when the service ends a stream', () => {
  afterAll(() => closeCallbackEndpoint());

  const OTHERS: Readonly<Record<string, string>> = {
    'Cosmo, sse_post': 'SERVICE_UNAVAILABLE later, then broken',
    'Hive Router, http': 'SERVICE_UNAVAILABLE later, then whole',
    callback: 'SERVICE_UNAVAILABLE later, then whole',
  };

  it('the service stops: a gateway gets an error for each operation', async () => {
    const { service, id } = await start();
    const token = await service.token('alice');
    const open = (secret: string | null) =>
      Promise.all(WAYS.map(([, play]) => play(service, { token, secret, query: RECEIVED, variables: { ids: [id] } })));
    const [ofGateway, ofOthers] = [await open(GATEWAY), await open(null)];
    const closed = service.close();
    const ends = async (all: readonly Played[]) =>
      Object.fromEntries(await Promise.all(all.map(async (played, n) => [WAYS[n]?.[0], await endOf(played)])));
    const end = (name: string): string => `SERVICE_UNAVAILABLE later, then ${END[name] ?? 1012}`;
    expect(await ends(ofGateway)).toEqual(Object.fromEntries(WAYS.map(([name]) => [name, end(name)])));
    expect(await ends(ofOthers)).toEqual(Object.fromEntries(WAYS.map(([name]) => [name, OTHERS[name] ?? 'then 1012'])));
    await closed;
  });

  it('the service is full: a gateway that proved itself in its request gets an error for the operation', async () => {
    const { service } = await start({ MAX_CONNECTIONS: '1' });
    const taken = await service.connect('bob');
    const token = await service.token('alice');
    for (const [name, play] of WAYS) {
      const played = await play(service, { token, secret: GATEWAY, query: RECEIVED });
      // What proves itself in `connection_init` is nobody before it.
      if (name === 'Hive Router, websocket') expect(await endOf(played)).toBe('then 1013');
      else await eventually(() => expect(wordsOf(played.told)).toEqual(['SERVICE_UNAVAILABLE later']));
      played.stop();
    }
    await taken.close();
    await service.close();
  });

  it('a slow reader: a gateway gets the error on its socket before the close', async () => {
    // A socket is not waited for for long, and it takes its time here.
    const { service } = await start({ MAX_QUEUED_BYTES: '64KiB' }, new StillClock());
    const headers = { 'router-authorization': GATEWAY };
    const { socket, frames, frame, send, closed } = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
    send({ type: 'connection_init', payload: { token: await service.token('alice') } });
    await frame(0);
    send({
      id: 'slow',
      type: 'subscribe',
      payload: { query: `subscription { topicPublished(topics: ["t"]) { ${manyTimes('payload')} } }` },
    });
    send({ type: 'ping' });
    await frame(1);
    socket.pause();
    const query = 'mutation ($payload: JSON!) { publish(topic: "t", payload: $payload) { id } }';
    const payload = 'x'.repeat(30_000);
    // How much the kernel takes for who does not read is nobody's promise.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 5 }, () => service.query('alice', query, { payload })));
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      expect(metrics).toMatch(/realtime_subscriptions\{transport="graphql_ws"\} 0/);
    });
    socket.resume();
    expect(await closed).toBe(1013);
    expect(frames.at(-1)).toMatchObject({
      id: 'slow',
      type: 'error',
      payload: [{ extensions: { code: 'SERVICE_UNAVAILABLE', reason: 'SLOW_READER', retryAfterMs: 1_000 } }],
    });
    await service.close();
  });

  it('the socket of a gateway without a token stays while operations come, and is closed a while after the last', async () => {
    const clock = new StillClock();
    const { service } = await start({}, clock);
    const headers = { 'router-authorization': GATEWAY };
    const { frame, send, closed, socket } = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
    send({ type: 'connection_init' });
    expect(await frame(0)).toEqual({ type: 'connection_ack' });
    for (const nth of [1, 2, 3]) {
      clock.advance(TIMES.idleGatewayMs - 1);
      send({ id: String(nth), type: 'subscribe', payload: { query: RECEIVED } });
      const refused = await frame(nth);
      expect(refused).toMatchObject({ id: String(nth), type: 'error' });
      expect(wordsOf({ errors: refused.payload } as Told)).toEqual(['UNAUTHENTICATED MISSING']);
    }
    expect(socket.readyState).toBe(socket.OPEN);
    clock.advance(TIMES.idleGatewayMs);
    expect(await closed).toBe(4401);
    await service.close();
  });

  it('a draining node admits only a gateway, to send it the error', async () => {
    const { service } = await start({ DRAIN_WINDOW: '10s' }, new StillClock());
    const token = await service.token('alice');
    // The first goes at once, the other half a window later.
    const guests = [await service.connect('alice'), await service.connect('alice')];
    let isClosed = false;
    const closing = service.close().then(() => {
      isClosed = true;
    });
    const headers = { 'router-authorization': GATEWAY };
    for (const other of [{}, { 'router-authorization': 'another' }]) {
      const socket = openSocket(service.wsUrl, ['graphql-transport-ws'], other);
      await expect(socket).rejects.toThrow('503');
    }
    const gateway = await openSocket(service.wsUrl, ['graphql-transport-ws'], headers);
    gateway.send({ type: 'connection_init', payload: { token } });
    gateway.send({ id: 'late', type: 'subscribe', payload: { query: RECEIVED } });
    expect(await gateway.frame(1)).toMatchObject({ id: 'late', type: 'error' });
    expect(wordsOf({ errors: gateway.frames[1].payload } as Told)).toEqual(['SERVICE_UNAVAILABLE later']);
    // Over HTTP as well: the next node is a second away, not the end of this one's drain.
    const refused = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { ...headers, ...SSE, authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: RECEIVED }),
    });
    expect([refused.status, await refused.text()]).toEqual([200, expect.stringContaining('"retryAfterMs":1000')]);
    await eventually(() => {
      service.clock.advance(1_000);
      expect(gateway.socket.readyState).toBe(gateway.socket.CLOSED);
    });
    await eventually(() => {
      service.clock.advance(1_000);
      expect(isClosed).toBe(true);
    });
    await closing;
    await Promise.all(guests.map((guest) => guest.close()));
  });
});
