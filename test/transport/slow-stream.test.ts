/** A slow reader of an HTTP stream gets an error before the stream is cut off. */
import { connect } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { manyTimes } from '../support/many-times.ts';
import { metric } from '../support/metrics.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const QUERY = `subscription { topicPublished(topics: ["t"]) { ${manyTimes('payload')} } }`;
const PUBLISH = 'mutation ($payload: JSON!) { publish(topic: "t", payload: $payload) { id } }';

describe('a slow reader of a stream', () => {
  let service: TestService;
  beforeAll(async () => {
    // A stream is not waited for for long, and its reader takes its time here.
    service = await startTestService({ env: { MAX_QUEUED_BYTES: '64KiB' }, clock: new StillClock() });
  });
  afterAll(() => service.close());

  it.each(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])('%s', async (accept) => {
    const token = await service.token('bob');
    const before = await metric(service.url, 'realtime_slow_readers_total');
    const socket = connect(service.service.port, '127.0.0.1').on('error', () => undefined);
    const body = JSON.stringify({ query: QUERY });
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\naccept: ${accept}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let text = '';
    let isOver = false;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('close', () => {
      isOver = true;
    });
    await eventually(() => expect(text).toContain('200 OK'));
    socket.pause();
    const payload = 'x'.repeat(30_000);
    // How much the kernel takes for who does not read is nobody's promise.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 5 }, () => service.query('alice', PUBLISH, { payload })));
      expect(await metric(service.url, 'realtime_subscriptions')).toBe(0);
    });
    socket.resume();
    const [, said = '{}'] = await eventually(
      () => /"extensions":(\{[^{}]*\})\}\]\}[^{}]*$/.exec(text) ?? Promise.reject(new Error('Not told yet.')),
    );
    expect(JSON.parse(said)).toEqual({ code: 'SERVICE_UNAVAILABLE', reason: 'SLOW_READER', retryAfterMs: 1_000 });
    // Multipart ends well, which its clients need, and leaves the connection to the next request.
    if (accept === 'text/event-stream') await eventually(() => expect(isOver).toBe(true));
    else await eventually(() => expect(text).toContain('--graphql--'));
    socket.destroy();
    expect(await metric(service.url, 'realtime_slow_readers_total')).toBe(before + 1);
    expect(text).not.toContain('event: complete');
  });
});
