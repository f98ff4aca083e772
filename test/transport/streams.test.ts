/** Subscriptions over HTTP as the bytes they are. `stream-clients.test.ts` has the clients that front ends use. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { encodePosition } from '../../src/domain/cursor.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { readByAll } from '../support/foreign-clients.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { manyTimes } from '../support/many-times.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { content position }
}`;
const MULTIPART = { accept: 'multipart/mixed;subscriptionSpec="1.0", application/json' };
const SSE = { accept: 'text/event-stream' };

describe('subscriptions over HTTP', () => {
  let shared: TestService;
  /** The shared one, unless a test starts its own. */
  let service: TestService;
  /** Each test has a conversation and a reader of its own. */
  let id: string;
  let bob: string;
  const env = { MAX_CONNECTIONS: '40', MAX_QUEUED_BYTES: '64KiB', PRESENCE_GRACE: '0ms' };
  beforeAll(async () => {
    shared = await startTestService({ env });
  });
  beforeEach(async () => {
    await begin(shared);
  });
  afterEach(async () => {
    if (service !== shared) await service.close();
    else await eventually(async () => expect(await subscriptions()).toBe(0));
  });
  afterAll(() => shared.close());

  async function begin(given: TestService): Promise<void> {
    [service, id, bob] = [given, newId(), `bob-${newId()}`];
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await service.query('alice', create, { input: { id, name: 'Streams', memberIds: [bob] } });
  }

  async function send(content: string): Promise<string> {
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { position } }';
    const { data } = await service.query('alice', text, { input: { conversationId: id, content } });
    return data.sendMessage.position;
  }
  const open = async (headers: Record<string, string> = {}, variables: object = { ids: [id] }, user = bob) =>
    openStream(service, await service.token(user), { query: RECEIVED, variables }, headers);

  const metrics = async (): Promise<string> => (await fetch(`${service.url}/metrics`)).text();
  const queuedBytes = async (): Promise<number> => Number(/^realtime_queued_bytes (\d+)$/m.exec(await metrics())?.[1]);

  /** Subscriptions this node carries, whatever carries them. */
  async function subscriptions(): Promise<number> {
    const lines = (await metrics()).matchAll(/^realtime_subscriptions\{transport="\w+"\} (\d+)$/gm);
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  it('any type, as curl says: SSE, a comment first, and no buffering on the way', async () => {
    const stream = await open({ accept: '*/*' });
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    const position = await send('hello');
    const event = JSON.stringify({ data: { messageReceived: { content: 'hello', position } } });
    await eventually(() =>
      expect(stream.text).toBe(`:\nretry: 6000\nevent: next\nid: ${position}\ndata: ${event}\n\n`),
    );
    stream.stop();
  });

  it('SSE of one conversation: Last-Event-ID resumes behind that event, in place of `after`; of several there are no ids', async () => {
    const [first, second, third] = [await send('1'), await send('2'), await send('3')];
    const lasting = { ...SSE, 'last-event-id': second };
    for (const after of [undefined, [first], ['garbage']]) {
      const stream = await open(lasting, { ids: [id], after });
      await eventually(() => expect(stream.text).toContain('"content":"3"'));
      expect(stream.text.match(/^(id: .*|data: .*)$/gm)).toEqual([
        `id: ${third}`,
        `data: {"data":{"messageReceived":{"content":"3","position":"${third}"}}}`,
      ]);
      stream.stop();
    }
    const other = newId();
    await service.query(
      'alice',
      `mutation { createConversation(input: { id: "${other}", memberIds: ["${bob}"] }) { id } }`,
    );
    const several = await open({ ...SSE, 'last-event-id': 'garbage' }, { ids: [id, other], after: [second] });
    await eventually(() => expect(several.text).toContain('"content":"3"'));
    expect(several.text).not.toContain('id: ');
    several.stop();
  });

  it.each([
    ['garbage', 'BAD_USER_INPUT', 'Last-Event-ID: must be a position.'],
    ['OTHER', 'BAD_USER_INPUT', 'Last-Event-ID: must be of a subscribed conversation.'],
    ['EPOCH', 'POSITION_EXPIRED', 'The position belongs to another epoch of the log.'],
  ])('SSE: Last-Event-ID %s: %s', async (kind, code, message) => {
    const forged: Record<string, string> = {
      OTHER: encodePosition('elsewhere' as ConversationId, { epoch: 'e', place: 1 }),
      EPOCH: encodePosition(id as ConversationId, { epoch: 'e', place: 1 }),
    };
    const stream = await open({ ...SSE, 'last-event-id': forged[kind] ?? kind });
    await eventually(() => expect(stream.end).toBe('whole'));
    expect(stream.text).toContain(`"message":"${message}"`);
    expect(stream.text).toContain(`"code":"${code}"`);
    expect(stream.text).not.toMatch(/^id:/m);
  });

  it('multipart: a heartbeat at once, each boundary right behind its part', async () => {
    const stream = await open(MULTIPART);
    expect(stream.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    const head = '\r\ncontent-type: application/json\r\n\r\n';
    const position = await send('hello');
    const payload = JSON.stringify({ payload: { data: { messageReceived: { content: 'hello', position } } } });
    const expected = `\r\n--graphql${head}{}\r\n--graphql${head}${payload}\r\n--graphql`;
    await eventually(() => expect(stream.text).toBe(expected));
    stream.stop();
  });

  it('keeps a quiet stream alive: comments for SSE, empty parts for multipart', async () => {
    const [sse, multipart] = [await open(SSE), await open(MULTIPART)];
    for (let round = 1; round <= 3; round += 1) {
      const before = [sse.text.length, multipart.text.length];
      // STREAM_HEARTBEAT: clients give up after 5 s.
      for (let seconds = 0; seconds < 4; seconds += 1) service.clock.advance(1_000);
      await eventually(() => expect(sse.text.length).toBeGreaterThan(before[0] as number));
      await eventually(() => expect(multipart.text.length).toBeGreaterThan(before[1] as number));
    }
    // No block of its own: Spring and Cosmo would take it for an event.
    expect(sse.text).toMatch(/^:\nretry: 6000\n(:\n){3,}$/);
    expect(multipart.text.replace(/content-type: application\/json|--graphql|\r\n/g, '')).toMatch(/^(\{\}){4,}$/);
    const position = await send('hello');
    const event = { data: { messageReceived: { content: 'hello', position } } };
    await eventually(() => expect(sse.text).toContain('hello'));
    for (const heard of readByAll(sse.text)) expect(heard).toEqual({ ...heard, events: [event], isOver: false });
    for (const stream of [sse, multipart]) stream.stop();
  });

  it('Accept: the best of what is named; a subscription never as JSON', async () => {
    const type = async (accept: string) => {
      const stream = await open({ accept });
      stream.stop();
      return [stream.status, stream.headers.get('content-type')?.split(';')[0]];
    };
    expect(await type('multipart/mixed;subscriptionSpec="1.0", text/event-stream')).toEqual([200, 'multipart/mixed']);
    expect(await type('multipart/mixed;subscriptionSpec=1.0;q=0.1, text/event-stream')).toEqual([
      200,
      'text/event-stream',
    ]);
    expect(await type('application/json, text/event-stream')).toEqual([200, 'text/event-stream']);
    expect(await type('application/json')).toEqual([406, 'application/json']);
    expect(await type('multipart/mixed;deferSpec=20220824, application/json')).toEqual([406, 'application/json']);
    expect(await type('text/event-stream;q=0')).toEqual([406, 'application/json']);
  });

  it('what is wrong with a document is told in the format that was asked for', async () => {
    const multipart = 'multipart/mixed;subscriptionSpec=1.0';
    for (const query of [
      'subscription {',
      'subscription { nothing { id } }',
      'query A { viewer { id } } query B { viewer { id } }',
    ])
      for (const [accept, type] of [
        [multipart, 'multipart/mixed'],
        ['text/event-stream', 'text/event-stream'],
        [`${multipart}, text/event-stream`, 'multipart/mixed'],
        [`${multipart}, application/json`, 'application/json'],
      ] as const) {
        const stream = await openStream(service, await service.token(bob), { query }, { accept });
        await eventually(() => expect(stream.end).toBe('whole'));
        expect([query, accept, stream.headers.get('content-type')]).toEqual([
          query,
          accept,
          expect.stringContaining(type),
        ]);
        expect(stream.text).toMatch(/GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED|OPERATION_RESOLUTION_FAILURE/);
      }
  });

  it.each([
    ['a syntax error', { query: 'subscription { messageReceived' }, 'GRAPHQL_PARSE_FAILED'],
    ['a field there is not', { query: 'subscription { nonsense }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['an operation there is not', { query: RECEIVED, operationName: 'Other' }, 'OPERATION_RESOLUTION_FAILURE'],
    ['what one may not see', { query: RECEIVED, variables: { ids: ['elsewhere'] } }, 'NOT_FOUND'],
    ['a position that is none', { query: RECEIVED, variables: { after: ['x'] } }, 'BAD_USER_INPUT'],
  ])('SSE tells of %s as an event, and ends', async (_, body, code) => {
    const stream = await openStream(service, await service.token(bob), body, SSE);
    await eventually(() => expect(stream.end).toBe('whole'));
    const [, json = '{}', end] =
      /^:\nretry: 6000\nevent: next\ndata: (.*)\n\n(event: complete\ndata:\n\n)$/.exec(stream.text) ?? [];
    expect(JSON.parse(json)).toMatchObject({ errors: [{ extensions: { code } }] });
    expect(end).toBeDefined();
  });

  it('asks for a token before anything else, and takes no mutation by GET', async () => {
    const anonymous = await openStream(service, null, { query: RECEIVED }, SSE);
    expect(anonymous.status).toBe(401);
    const query = encodeURIComponent('mutation { setPresence(status: AWAY) { status } }');
    const authorization = `Bearer ${await service.token(bob)}`;
    const headers = { ...SSE, authorization, 'apollo-require-preflight': '1' };
    const { status } = await fetch(`${service.url}/graphql?query=${query}`, { headers });
    expect([405, 406]).toContain(status);
  });

  it('G08, W82: who is removed hears nothing more, and is told', async () => {
    const [sse, multipart] = [await open(SSE), await open(MULTIPART)];
    await service.query('alice', 'mutation ($id: ID!, $bob: ID!) { removeMember(id: $id, userId: $bob) { id } }', {
      id,
      bob,
    });
    await send('not for bob');
    for (const stream of [sse, multipart]) {
      await eventually(() => expect(stream.end).toBe('whole'));
      expect(stream.text).toContain('FORBIDDEN');
      expect(stream.text).not.toContain('not for bob');
    }
    expect(sse.text).toMatch(/event: complete\ndata:\n\n$/);
    expect(multipart.text).toMatch(/\r\n--graphql--\r\n$/);
  });

  it('W80: ends with UNAUTHENTICATED when the token does', async () => {
    const streams = [await open(SSE), await open(MULTIPART)];
    service.clock.advance(3_600_000 + TIMES.clockToleranceMs);
    for (const stream of streams) {
      await eventually(() => expect(stream.end).toBe('whole'));
      expect(stream.text).toContain('UNAUTHENTICATED');
    }
  });

  it('G08: ends with UNAUTHENTICATED when its session does, as a whole: nobody comes back with that token', async () => {
    const create = 'mutation { createSession(input: {deviceId: "p"}) { accessToken session { id } } }';
    const { accessToken: token, session } = (await service.query(bob, create)).data.createSession;
    const body = { query: RECEIVED, variables: { ids: [id] } };
    const streams = await Promise.all([SSE, MULTIPART].map((headers) => openStream(service, token, body, headers)));
    await service.query(bob, 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id: session.id });
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

  it('G15: a drain tells each stream to try again, in words, since a proxy may end its body well', async () => {
    await begin(await startTestService({ env }));
    const streams = [await open(SSE), await open(MULTIPART)];
    await service.close();
    await interrupted(streams, AGAIN);
  });

  it('a stream ends after STREAM_LIFETIME, and its client is told to come back', async () => {
    const streams = [await open(SSE), await open(MULTIPART)];
    service.clock.advance(14 * 60_000);
    await send('before');
    await eventually(() => expect(streams.every(({ text }) => text.includes('before'))).toBe(true));
    expect(streams.map(({ end }) => end)).toEqual([null, null]);
    service.clock.advance(60_000 + 15 * 60_000 * LIMITS.streamLifetimeSpread + TIMES.sweepMs);
    await interrupted(streams, AGAIN);
    await eventually(async () => expect(await subscriptions()).toBe(0));
  });

  it('a node that drains lets nobody new in, and says when to come back', async () => {
    await begin(await startTestService({ env: { ...env, DRAIN_WINDOW: '10s' } }));
    const [one, two] = [await service.connect(bob), await service.connect(bob)];
    const closing = service.service.close();
    const refusal = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { ...SSE, authorization: `Bearer ${await service.token(bob)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: RECEIVED }),
    });
    const { status, headers } = refusal;
    expect([status, headers.get('retry-after'), headers.get('connection')]).toEqual([503, '15', 'close']);
    const said = (text: string): number => JSON.parse(text).errors[0].extensions.retryAfterMs;
    expect(said(await refusal.text())).toBe(15_000);
    const health = await fetch(`${service.url}/health`);
    expect([health.status, health.headers.get('connection')]).toEqual([200, 'close']);
    await health.text();
    for (const [path, protocols] of [
      ['graphql', ['graphql-transport-ws']],
      ['ws', []],
    ] as const) {
      const socket = new WebSocket(`${service.url.replace('http', 'ws')}/${path}`, [...protocols]);
      socket.on('error', () => undefined);
      const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '15']);
      answer.setEncoding('utf8');
      expect(said((await answer.toArray()).join(''))).toBe(15_000);
      socket.terminate();
    }
    service.clock.advance(20_000);
    await closing;
    for (const { closes } of [one, two]) await eventually(() => expect(closes.map(({ code }) => code)).toEqual([1012]));
  });

  it('counts as a connection: presence with its type, room with the sockets', async () => {
    const ask = `{ presence(userIds: ["${bob}"]) { status devices { connectionType } } }`;
    const types = async (): Promise<Data> => (await service.query('alice', ask)).data.presence[0];
    const streams = [await open(SSE), await open(MULTIPART)];
    expect((await types()).devices.map((device: Data) => device.connectionType).sort()).toEqual(['MULTIPART', 'SSE']);
    while (streams.length < 40) streams.push(await open(SSE));
    const refused = await open(SSE);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await eventually(() => expect(refused.text).toContain('SERVICE_UNAVAILABLE'));
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    for (const stream of streams) stream.stop();
    await eventually(async () => expect((await types()).status).toBe('OFFLINE'));
  });

  /** A client that reads the head of its stream and nothing more. Few messages fill what the kernel takes for it. */
  async function stuck(accept: string): Promise<Socket> {
    const token = await service.token(bob);
    const socket = connect(service.service.port, '127.0.0.1');
    const query = `subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { ${manyTimes('content')} } }`;
    const body = JSON.stringify({ query, variables: { ids: [id] } });
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

  it.each([SSE, MULTIPART])('G15: a reader that does not read holds no drain up: $accept', async ({ accept }) => {
    await begin(await startTestService({ env: { MAX_QUEUED_BYTES: '64MiB' } }));
    const socket = await stuck(accept);
    const text = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    const input = { conversationId: id, content: '€'.repeat(8_000) };
    // Until the kernel takes no more.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 5 }, () => service.query(bob, text, { input })));
      expect(await queuedBytes()).toBeGreaterThan(0);
    });
    expect(await subscriptions()).toBe(1);
    const closing = service.close();
    service.clock.advance(TIMES.terminateMs);
    await closing;
    socket.destroy();
  });

  it('G10: a reader that does not read is cut off within its cap, and resumes whole', async () => {
    const socket = await stuck(SSE.accept);
    const start = await send('start');
    let sent = 0;
    await eventually(async () => {
      for (let n = 0; n < 5; n += 1, sent += 1) await send('€'.repeat(7_900));
      expect(await subscriptions()).toBe(0);
    });
    socket.destroy();
    const resumed = await open(SSE, { ids: [id], after: [start] });
    await eventually(() => expect(resumed.text.split('event: next').length - 1).toBe(sent));
    resumed.stop();
  });
});
