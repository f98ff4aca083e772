/** What operators see of a node that drains, until its end. */
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { startTestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const WINDOW_MS = 30_000;

it.each([
  ['PORT', {}],
  ['ADMIN_PORT', { ADMIN_PORT: '0' }],
])('G15: %s serves metrics, information and health to the end of a drain', async (_, env) => {
  const clock = new StillClock();
  const node = await startTestService({ env: { ...env, DRAIN_WINDOW: `${WINDOW_MS}ms` }, clock });
  const query = 'subscription { messageReceived { id } }';
  const token = await node.token('ann');
  const streams = await Promise.all(
    Array.from({ length: 5 }, () => openStream(node, token, { query }, { accept: 'text/event-stream' })),
  );
  const url = `http://127.0.0.1:${node.service.adminPort ?? node.service.port}`;
  const get = async (path: string) => {
    const response = await fetch(url + path, { headers: { connection: 'close' } });
    return { status: response.status, text: await response.text() };
  };
  const closed = node.close();
  const look = async (open: number): Promise<void> => {
    await eventually(async () =>
      expect((await get('/metrics')).text).toContain(`realtime_connections{transport="sse"} ${open}\n`),
    );
    expect(await get('/health')).toEqual({ status: 200, text: '{"status":"ok"}' });
    expect(await get('/health/ready')).toEqual({ status: 503, text: '{"status":"unavailable"}' });
    const detailed = await get('/health/detailed');
    expect([detailed.status, JSON.parse(detailed.text).status]).toEqual([200, 'draining']);
    expect((await get('/info')).status).toBe(200);
  };
  // The first part of the window has no peer yet: nobody is closed.
  await look(5);
  clock.advance((WINDOW_MS * 2) / 5);
  await look(3);
  clock.advance((WINDOW_MS * 2) / 5);
  await look(1);
  clock.advance(WINDOW_MS / 5);
  await closed;
  await eventually(() => expect(streams.filter(({ end }) => end === null)).toEqual([]));
  await expect(get('/metrics')).rejects.toThrow('fetch failed');
});
