/** Each metric of docs/operations.md moves when what it measures happens: here, or in the test that is named for it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createConversation, send } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startTestService } from '../support/service.ts';
import { TestClock } from '../support/test-clock.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');
const DOCUMENTED = [...read('docs/operations.md').matchAll(/^\| `(realtime_\w+)` \|/gm)].map(([, name = '']) => name);

const ELSEWHERE: Readonly<Record<string, string>> = {
  realtime_routing_rules_total: 'graphql/routing-rules',
  realtime_webhook_deliveries_total: 'webhooks/webhooks',
  realtime_webhooks: 'webhooks/webhooks',
  realtime_holes_total: 'delivery/unknown-changes',
  realtime_slow_readers_total: 'transport/slow-stream',
  realtime_queued_bytes: 'security/memory',
  realtime_engine_failures_total: 'engine/redis-outage',
  realtime_engine_refusals_total: 'engine/redis-outage',
  realtime_engine_circuit_open: 'engine/redis-outage',
  realtime_unknown_announcements_total: 'delivery/unknown-changes',
  realtime_worker_deaths_total: 'cluster/workers',
};
/** Set from the certificate's file; was tried by hand. */
const UNTRIED = ['realtime_certificate_end_seconds'];

const HEAR = 'subscription ($after: [ID!]) { messageReceived(after: $after) { content } }';

it('the tests that are named try the metric', () => {
  for (const [name, file] of Object.entries(ELSEWHERE)) expect(read(`test/${file}.test.ts`)).toContain(name);
});

it('every other metric moves in the life of a node, and sums of durations are plausible', async () => {
  const redis = await startRedisServer('--maxmemory', '200mb');
  const clock = new TestClock();
  const env = { REDIS_URL: redis.url, METRICS_TENANTS: '3' };
  const node = await startTestService({ env, clock });
  const client = await node.connect('ann');
  const { id } = await createConversation(client, { memberIds: ['ben'] });
  const { position } = await send(client, id, 'before');
  const stream = await openStream(
    node,
    await node.token('ben'),
    { query: HEAR, variables: { after: [position] } },
    { accept: 'text/event-stream' },
  );
  const short = await node.connect('ben');
  await short.close();
  await send(client, id, 'heard');
  await eventually(() => expect(stream.text).toContain('heard'));
  expect((await node.query('ann', 'mutation { publish(topic: "t", payload: 1) { id } }')).errors).toBeUndefined();
  expect((await node.query('ann', 'mutation { deleteMessage(id: "none") { id } }')).errors).toHaveLength(1);
  // A page of another origin, and a body whose end does not come.
  const page = connect(node.service.port, '127.0.0.1');
  page.write(
    'GET /ws HTTP/1.1\r\nhost: x\r\norigin: https://evil.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(page, 'data');
  const half = connect(node.service.port, '127.0.0.1');
  const authorization = `authorization: Bearer ${await node.token('ann')}`;
  half.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\n${authorization}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"query"`,
  );
  await eventually(async () => {
    clock.advance(4_000);
    const text = await (await fetch(`${node.url}/metrics`)).text();
    const values = new Map<string, number>();
    for (const [, name = '', value] of text.matchAll(/^(\w+?)(?:\{.*\})? (\S+)$/gm))
      values.set(name, (values.get(name) ?? 0) + Number(value));
    const moved = (name: string): boolean =>
      values.has(`${name}_sum`) ? (values.get(`${name}_sum`) ?? 0) > 0 : (values.get(name) ?? 0) > 0;
    const still = DOCUMENTED.filter((name) => !moved(name) && !UNTRIED.includes(name));
    expect(still.filter((name) => !(name in ELSEWHERE))).toEqual([]);
    for (const name of DOCUMENTED.filter((each) => values.has(`${each}_sum`))) {
      const mean = (values.get(`${name}_sum`) ?? 0) / (values.get(`${name}_count`) ?? 0);
      expect(mean).toBeGreaterThan(0);
      // The clock was moved meanwhile, by four seconds at a time.
      expect(mean).toBeLessThan(60);
    }
  });
  for (const socket of [page, half]) socket.destroy();
  stream.stop();
  await client.close();
  await node.close();
  await redis.stop();
});
