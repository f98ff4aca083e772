/** The end of subscriptions over HTTP: removal, token, drain, lifetime, a reader that does not read. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { manyTimes } from '../support/many-times.ts';
import { startTestService } from '../support/service.ts';
import { env, MULTIPART, RECEIVED, SSE, StreamedRoom } from './streamed-room.ts';

describe('subscriptions over HTTP', () => {
  const room = new StreamedRoom();

  const queuedBytes = async (): Promise<number> =>
    Number(/^realtime_queued_bytes (\d+)$/m.exec(await room.metrics())?.[1]);

  it('G08, W82: a removed member receives the reason and nothing more', async () => {
    const [sse, multipart] = [await room.open(SSE), await room.open(MULTIPART)];
    await room.service.query('alice', 'mutation ($id: ID!, $bob: ID!) { removeMember(id: $id, userId: $bob) { id } }', {
      id: room.id,
      bob: room.bob,
    });
    await room.send('not for bob');
    for (const stream of [sse, multipart]) {
      await eventually(() => expect(stream.end).toBe('whole'));
      expect(stream.text).toContain('FORBIDDEN');
      expect(stream.text).not.toContain('not for bob');
    }
    expect(sse.text).toMatch(/event: complete\ndata:\n\n$/);
    expect(multipart.text).toMatch(/\r\n--graphql--\r\n$/);
  });

  it('W80: ends with UNAUTHENTICATED when the token expires', async () => {
    const streams = [await room.open(SSE), await room.open(MULTIPART)];
    room.service.clock.advance(3_600_000 + TIMES.clockToleranceMs);
    for (const stream of streams) {
      await eventually(() => expect(stream.end).toBe('whole'));
      expect(stream.text).toContain('UNAUTHENTICATED');
    }
  });

  it('G08: ends with UNAUTHENTICATED when its session ends, as a complete response without a retry', async () => {
    const create = 'mutation { createSession(input: {deviceId: "p"}) { accessToken session { id } } }';
    const { accessToken: token, session } = (await room.service.query(room.bob, create)).data.createSession;
    const body = { query: RECEIVED, variables: { ids: [room.id] } };
    const streams = await Promise.all(
      [SSE, MULTIPART].map((headers) => openStream(room.service, token, body, headers)),
    );
    await room.service.query(room.bob, 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id: session.id });
    for (const stream of streams) {
      await eventually(() => expect(stream.end).toBe('whole'));
      expect(stream.text).toContain('UNAUTHENTICATED');
      expect(stream.text).not.toContain('SERVICE_UNAVAILABLE');
    }
  });

  /** A stream that is to be opened again says so in its last event, and never that it is complete. */
  async function interrupted(streams: readonly RawStream[], expected: object): Promise<void> {
    const [sse, multipart] = streams as [RawStream, RawStream];
    await eventually(() => expect(sse.end).toBe('broken'));
    expect(sse.text).not.toContain('complete');
    const [, last = '{}'] = /event: next\ndata: ([^\n]*)\n\n$/.exec(sse.text) ?? [];
    expect(JSON.parse(last)).toMatchObject({ errors: [{ extensions: expected }] });
    await eventually(() => expect(multipart.end).toBe('whole'));
    const [, part = '{}'] = /\r\n\r\n([^\r]*)\r\n--graphql--\r\n$/.exec(multipart.text) ?? [];
    expect(JSON.parse(part)).toMatchObject({ payload: null, errors: [{ extensions: expected }] });
  }
  const AGAIN = { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1_000 };

  it('G15: a drain sends each stream an error with retryAfterMs, since a proxy may end its body normally', async () => {
    await room.begin(await startTestService({ env }));
    const streams = [await room.open(SSE), await room.open(MULTIPART)];
    await room.service.close();
    await interrupted(streams, AGAIN);
  });

  it('a stream ends after STREAM_LIFETIME with an error that tells its client to reconnect', async () => {
    const streams = [await room.open(SSE), await room.open(MULTIPART)];
    room.service.clock.advance(14 * 60_000);
    await room.send('before');
    await eventually(() => expect(streams.every(({ text }) => text.includes('before'))).toBe(true));
    expect(streams.map(({ end }) => end)).toEqual([null, null]);
    room.service.clock.advance(60_000 + 15 * 60_000 * LIMITS.streamLifetimeSpread + TIMES.sweepMs);
    await interrupted(streams, AGAIN);
    await eventually(async () => expect(await room.subscriptions()).toBe(0));
  });

  it('a draining node refuses new clients with Retry-After', async () => {
    await room.begin(await startTestService({ env: { ...env, DRAIN_WINDOW: '10s' } }));
    const [one, two] = [await room.service.connect(room.bob), await room.service.connect(room.bob)];
    const closing = room.service.service.close();
    const refusal = await fetch(`${room.service.url}/graphql`, {
      method: 'POST',
      headers: {
        ...SSE,
        authorization: `Bearer ${await room.service.token(room.bob)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: RECEIVED }),
    });
    const { status, headers } = refusal;
    expect([status, headers.get('retry-after'), headers.get('connection')]).toEqual([503, '15', 'close']);
    const said = (text: string): number => JSON.parse(text).errors[0].extensions.retryAfterMs;
    expect(said(await refusal.text())).toBe(15_000);
    const health = await fetch(`${room.service.url}/health`);
    expect([health.status, health.headers.get('connection')]).toEqual([200, 'close']);
    await health.text();
    for (const [path, protocols] of [
      ['graphql', ['graphql-transport-ws']],
      ['ws', []],
    ] as const) {
      const socket = new WebSocket(`${room.service.url.replace('http', 'ws')}/${path}`, [...protocols]);
      socket.on('error', () => undefined);
      const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '15']);
      answer.setEncoding('utf8');
      expect(said((await answer.toArray()).join(''))).toBe(15_000);
      socket.terminate();
    }
    room.service.clock.advance(20_000);
    await closing;
    for (const { closes } of [one, two]) await eventually(() => expect(closes.map(({ code }) => code)).toEqual([1012]));
  });

  /** A client that reads the head of its stream and nothing more. Few messages fill what the kernel takes for it. */
  async function stuck(accept: string): Promise<Socket> {
    const token = await room.service.token(room.bob);
    const socket = connect(room.service.service.port, '127.0.0.1');
    const query = `subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { ${manyTimes('content')} } }`;
    const body = JSON.stringify({ query, variables: { ids: [room.id] } });
    socket.on('error', () => undefined);
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\naccept: ${accept}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(first.toString()).toContain('200 OK');
    socket.pause();
    return socket;
  }

  it.each([SSE, MULTIPART])('G15: a stalled reader does not delay a drain: $accept', async ({ accept }) => {
    await room.begin(await startTestService({ env: { MAX_QUEUED_BYTES: '64MiB' } }));
    const socket = await stuck(accept);
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const input = { conversationId: room.id, content: '€'.repeat(8_000) };
    // Until the kernel takes no more.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 5 }, () => room.service.query(room.bob, text, { input })));
      expect(await queuedBytes()).toBeGreaterThan(0);
    });
    expect(await room.subscriptions()).toBe(1);
    const closing = room.service.close();
    room.service.clock.advance(TIMES.terminateMs);
    await closing;
    socket.destroy();
  });

  it('G10: a stalled reader is cut off at its cap, and resumes fully', async () => {
    const socket = await stuck(SSE.accept);
    const start = await room.send('start');
    await eventually(async () => {
      for (let n = 0; n < 5; n += 1) await room.send('€'.repeat(7_900));
      expect(await room.subscriptions()).toBe(0);
    });
    socket.destroy();
    const all = 'query ($id: ID!) { conversation(id: $id) { messages(first: 100) { nodes { sequence position } } } }';
    const { nodes } = (await room.service.query(room.bob, all, { id: room.id })).data.conversation.messages;
    const sent = (nodes as { sequence: number; position: string }[])
      .filter(({ position }) => position !== start)
      .sort((one, other) => one.sequence - other.sequence)
      .map(({ position }) => position);
    expect(sent.length).toBeGreaterThanOrEqual(5);
    const resumed = await room.open(SSE, { ids: [room.id], after: [start] });
    const received = (): unknown[] =>
      [...resumed.text.matchAll(/"position":"([^"]+)"/g)].map(([, position]) => position);
    await eventually(() => expect(received()).toEqual(sent));
    resumed.stop();
  });
});
