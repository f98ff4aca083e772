import { encodePosition } from '../../src/domain/cursor.ts';
import type { ConversationId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { readByAll } from '../support/foreign-clients.ts';
import { openStream } from '../support/http-stream.ts';
import { type Data, newId } from '../support/service.ts';
import { MULTIPART, RECEIVED, SSE, StreamedRoom } from './streamed-room.ts';

describe('subscriptions over HTTP', () => {
  const room = new StreamedRoom();

  it('Accept */* as of curl: SSE, a comment first, and headers against buffering', async () => {
    const stream = await room.open({ accept: '*/*' });
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    const position = await room.send('hello');
    const event = JSON.stringify({ data: { messageReceived: { content: 'hello', position } } });
    await eventually(() =>
      expect(stream.text).toBe(`:\nretry: 6000\nevent: next\nid: ${position}\ndata: ${event}\n\n`),
    );
    stream.stop();
  });

  it('SSE of one conversation: Last-Event-ID resumes after that event; of several, events have no ids', async () => {
    const [first, second, third] = [await room.send('1'), await room.send('2'), await room.send('3')];
    const lasting = { ...SSE, 'last-event-id': second };
    for (const after of [undefined, [first], ['garbage']]) {
      const stream = await room.open(lasting, { ids: [room.id], after });
      await eventually(() => expect(stream.text).toContain('"content":"3"'));
      expect(stream.text.match(/^(id: .*|data: .*)$/gm)).toEqual([
        `id: ${third}`,
        `data: {"data":{"messageReceived":{"content":"3","position":"${third}"}}}`,
      ]);
      stream.stop();
    }
    const other = newId();
    await room.service.query(
      'alice',
      `mutation { createConversation(input: { id: "${other}", memberIds: ["${room.bob}"] }) { id } }`,
    );
    const several = await room.open({ ...SSE, 'last-event-id': 'garbage' }, { ids: [room.id, other], after: [second] });
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
      EPOCH: encodePosition(room.id as ConversationId, { epoch: 'e', place: 1 }),
    };
    const stream = await room.open({ ...SSE, 'last-event-id': forged[kind] ?? kind });
    await eventually(() => expect(stream.end).toBe('whole'));
    expect(stream.text).toContain(`"message":"${message}"`);
    expect(stream.text).toContain(`"code":"${code}"`);
    expect(stream.text).not.toMatch(/^id:/m);
  });

  it('multipart: a heartbeat at once, each boundary right behind its part', async () => {
    const stream = await room.open(MULTIPART);
    expect(stream.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    const head = '\r\ncontent-type: application/json\r\n\r\n';
    const position = await room.send('hello');
    const payload = JSON.stringify({ payload: { data: { messageReceived: { content: 'hello', position } } } });
    const expected = `\r\n--graphql${head}{}\r\n--graphql${head}${payload}\r\n--graphql`;
    await eventually(() => expect(stream.text).toBe(expected));
    stream.stop();
  });

  it('keeps a quiet stream alive: comments for SSE, empty parts for multipart', async () => {
    const [sse, multipart] = [await room.open(SSE), await room.open(MULTIPART)];
    for (let round = 1; round <= 3; round += 1) {
      const before = [sse.text.length, multipart.text.length];
      // STREAM_HEARTBEAT: clients give up after 5 s.
      for (let seconds = 0; seconds < 4; seconds += 1) room.service.clock.advance(1_000);
      await eventually(() => expect(sse.text.length).toBeGreaterThan(before[0] as number));
      await eventually(() => expect(multipart.text.length).toBeGreaterThan(before[1] as number));
    }
    // No block of its own: Spring and Cosmo would take it for an event.
    expect(sse.text).toMatch(/^:\nretry: 6000\n(:\n){3,}$/);
    expect(multipart.text.replace(/content-type: application\/json|--graphql|\r\n/g, '')).toMatch(/^(\{\}){4,}$/);
    const position = await room.send('hello');
    const event = { data: { messageReceived: { content: 'hello', position } } };
    await eventually(() => expect(sse.text).toContain('hello'));
    for (const heard of readByAll(sse.text)) expect(heard).toEqual({ ...heard, events: [event], isOver: false });
    for (const stream of [sse, multipart]) stream.stop();
  });

  it('Accept: the preferred stream format, and 406 for a subscription as JSON', async () => {
    const type = async (accept: string) => {
      const stream = await room.open({ accept });
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

  it('errors of a document are sent in the requested format', async () => {
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
        const stream = await openStream(room.service, await room.service.token(room.bob), { query }, { accept });
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
    ['an unknown field', { query: 'subscription { nonsense }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown operation', { query: RECEIVED, operationName: 'Other' }, 'OPERATION_RESOLUTION_FAILURE'],
    ['a forbidden conversation', { query: RECEIVED, variables: { ids: ['elsewhere'] } }, 'NOT_FOUND'],
    ['a malformed position', { query: RECEIVED, variables: { after: ['x'] } }, 'BAD_USER_INPUT'],
  ])('SSE sends %s as an event, and ends', async (_, body, code) => {
    const stream = await openStream(room.service, await room.service.token(room.bob), body, SSE);
    await eventually(() => expect(stream.end).toBe('whole'));
    const [, json = '{}', end] =
      /^:\nretry: 6000\nevent: next\ndata: (.*)\n\n(event: complete\ndata:\n\n)$/.exec(stream.text) ?? [];
    expect(JSON.parse(json)).toMatchObject({ errors: [{ extensions: { code } }] });
    expect(end).toBeDefined();
  });

  it('requires a token first, and refuses a mutation by GET', async () => {
    const anonymous = await openStream(room.service, null, { query: RECEIVED }, SSE);
    expect(anonymous.status).toBe(401);
    const query = encodeURIComponent('mutation { setPresence(status: AWAY) { status } }');
    const authorization = `Bearer ${await room.service.token(room.bob)}`;
    const headers = { ...SSE, authorization, 'apollo-require-preflight': '1' };
    const { status } = await fetch(`${room.service.url}/graphql?query=${query}`, { headers });
    expect([405, 406]).toContain(status);
  });

  it('counts as a connection, in presence with its type, and in the cap with sockets', async () => {
    const ask = `{ presence(userIds: ["${room.bob}"]) { status devices { connectionType } } }`;
    const types = async (): Promise<Data> => (await room.service.query('alice', ask)).data.presence[0];
    const streams = [await room.open(SSE), await room.open(MULTIPART)];
    expect((await types()).devices.map((device: Data) => device.connectionType).sort()).toEqual(['MULTIPART', 'SSE']);
    while (streams.length < 40) streams.push(await room.open(SSE));
    const refused = await room.open(SSE);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await eventually(() => expect(refused.text).toContain('SERVICE_UNAVAILABLE'));
    expect((await fetch(`${room.service.url}/health`)).status).toBe(200);
    for (const stream of streams) stream.stop();
    await eventually(async () => expect((await types()).status).toBe('OFFLINE'));
  });
});
