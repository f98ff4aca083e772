/** How many subscriptions over HTTP one user may hold, and how fast they open them. */
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const QUERY = { query: 'subscription { messageReceived { id } }' };
const BURST = LIMITS.subscriptionsPerSocket;

describe.each(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])('a user’s streams: %s', (accept) => {
  let service: TestService;
  let token: string;
  afterEach(() => service.close());

  const start = async (env: Record<string, string>): Promise<void> => {
    service = await startTestService({ env, clock: new StillClock() });
    token = await service.token('alice');
  };
  const refused = async (): Promise<{ status: number; code: string; retryAfter: string | null }> => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept },
      body: JSON.stringify(QUERY),
    });
    const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
    return {
      status: response.status,
      code: errors[0]?.extensions.code ?? '',
      retryAfter: response.headers.get('retry-after'),
    };
  };
  const open = (count: number): Promise<RawStream[]> =>
    Promise.all(Array.from({ length: count }, () => openStream(service, token, QUERY, { accept })));

  it('G10: have a cap, and the end of one makes room', async () => {
    await start({ MAX_STREAMS_PER_USER: '20' });
    const streams = await open(20);
    expect(await refused()).toEqual({ status: 503, code: 'SERVICE_UNAVAILABLE', retryAfter: '1' });
    const other = await openStream(service, await service.token('bob'), QUERY, { accept });
    streams[0]?.stop();
    await eventually(async () => {
      const [stream] = await open(1);
      if (stream) streams.push(stream);
      expect(stream?.status).toBe(200);
    });
    const text = await (await fetch(`${service.url}/metrics`)).text();
    expect(text).toMatch(/realtime_turned_away_total\{reason="user"\} [1-9]/);
    for (const stream of [...streams, other]) stream.stop();
  });

  it('G15: that begin together end spread over a tenth of STREAM_LIFETIME', async () => {
    await start({ STREAM_LIFETIME: '50m' });
    const streams = await open(20);
    const carried = async (): Promise<number> => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      return Number(/^realtime_subscriptions\{transport="(?:sse|multipart)"\} ([1-9]\d*)$/m.exec(text)?.[1] ?? 0);
    };
    service.clock.advance(49 * 60_000);
    expect(await carried()).toBe(20);
    service.clock.advance(3.5 * 60_000);
    const left = await carried();
    // That all of them end in one half of the time comes about once in half a million runs.
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(20);
    service.clock.advance(2.5 * 60_000 + TIMES.sweepMs);
    expect(await carried()).toBe(0);
    for (const stream of streams) stream.stop();
  });

  it('open as fast as the subscriptions of one socket', async () => {
    await start({ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_SUBSCRIPTIONS: '1' });
    const streams = await open(BURST + 50);
    const statuses = streams.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(BURST);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50);
    expect(await refused()).toEqual({ status: 429, code: 'RATE_LIMITED', retryAfter: '1' });
    service.clock.advance(60_000);
    expect((await open(50)).map(({ status }) => status)).toEqual(Array(50).fill(200));
    for (const stream of streams) stream.stop();
  });
});
