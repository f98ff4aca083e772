import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { signToken } from '../../src/access/tokens.ts';
import { LIMITS } from '../../src/limits.ts';
import { SECRET } from '../support/service.ts';
import { statusOf } from '../support/status-of.ts';
import { bearer, HttpServices, JSON_TYPE } from './http-services.ts';

describe('HTTP', () => {
  const services = new HttpServices();

  it('answers the SDL to curl -d, with no token and no content type', async () => {
    const { status, data } = await services.post('{"query": "{ _service { sdl } }"}', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(status).toBe(200);
    expect((data as { _service: { sdl: string } })._service.sdl).toContain('type Message');
  });

  it('requires a token and a content type for everything else', async () => {
    expect(await services.post('{"query": "{ viewer { id } }"}', JSON_TYPE)).toMatchObject({
      status: 401,
      code: 'UNAUTHENTICATED',
    });
    expect(await services.post('{"query": "{ _service { sdl } viewer { id } }"}', JSON_TYPE)).toMatchObject({
      status: 401,
    });
    expect(await services.post('{"query": "{ ...x } fragment x on Query { viewer { id } }"}', JSON_TYPE)).toMatchObject(
      {
        status: 401,
      },
    );
    expect(await services.post('{"query": "{ __schema { queryType { name } } }"}', JSON_TYPE)).toMatchObject({
      status: 200,
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await services.post('{"query": "{ viewer { id } }"}', form)).toMatchObject({
      status: 400,
      code: 'BAD_USER_INPUT',
    });
    expect(await services.post('{"query": "mutation { _service { sdl } }"}', form)).toMatchObject({ status: 401 });
  });

  it('refuses tokens that are not valid', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const sign = (request: object) => signToken({ secret: SECRET, userId: 'alice', expiresAt: now + 60, ...request });
    const [header = '', payload = ''] = (await sign({})).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    for (const token of [
      'x',
      'a.b.c',
      none,
      `${header}.${payload}.`,
      await sign({ secret: 'another-secret-that-is-also-long-enough' }),
      await sign({ expiresAt: now - 60 }),
      await sign({ userId: 'a b' }),
      await sign({ tenant: '{x}' }),
      'x'.repeat(LIMITS.tokenBytes + 1),
    ]) {
      expect(await services.post('{"query": "{ viewer { id } }"}', bearer(token))).toMatchObject({
        status: 401,
        code: 'UNAUTHENTICATED',
      });
    }
    expect(
      await services.post('{"query": "{ viewer { id } }"}', bearer(await sign({ expiresAt: now - 10 }))),
    ).toMatchObject({
      status: 200,
      data: { viewer: { id: 'alice' } },
    });
  });

  it.each([
    ['no JSON', '{', 400, 'BAD_USER_INPUT'],
    ['an empty body', '', 400, undefined],
    ['a number', '1', 400, undefined],
    ['null', 'null', 400, undefined],
    ['a batch', '[{"query":"{ viewer { id } }"}]', 400, undefined],
    ['no query', '{"operationName":"x"}', 400, undefined],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe]), 400, 'BAD_USER_INPUT'],
    ['a prototype key', '{"query":"{ viewer { id } }","__proto__":{"x":1}}', 400, 'BAD_USER_INPUT'],
    ['a syntax error', '{"query":"{ viewer { id }"}', 400, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{"query":"{ nonsense }"}', 400, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'too deep',
      JSON.stringify({ query: `{ viewer { ${'presence { user { '.repeat(6)} id ${'} }'.repeat(6)} } }` }),
      400,
      'QUERY_TOO_DEEP',
    ],
    ['20,000 braces', JSON.stringify({ query: '{ viewer '.repeat(20_000) }), 400, 'GRAPHQL_PARSE_FAILED'],
    ['10 MB', JSON.stringify({ query: 'x'.repeat(10_000_000) }), 413, 'PAYLOAD_TOO_LARGE'],
    [
      'a number out of range',
      '{"query":"query ($n: Int!) { viewer { conversations(first: $n) { id } } }","variables":{"n":3000000000}}',
      400,
      'BAD_USER_INPUT',
    ],
  ])('refuses %s', async (_, body, status, code) => {
    const answer = await services.post(body, bearer(await services.service.token('alice')));
    expect(answer.status).toBe(status);
    if (code) expect(answer.code).toBe(code);
    expect(answer.text).not.toMatch(/\bat .*\.ts|node_modules|stack/);
  });

  it('names the refused key of a JSON body', async () => {
    const token = bearer(await services.service.token('alice'));
    for (const key of ['{"__proto__":{"x":1}}', '{"variables":{"constructor":{"prototype":1}}}']) {
      expect((await services.post(key, token)).text).toContain('__proto__, or prototype in constructor');
    }
  });

  it('accepts only uncompressed UTF-8', async () => {
    const authorized = bearer(await services.service.token('alice'));
    const body = '{"query":"{ viewer { id } }"}';
    const type = async (headers: Record<string, string>, sent: string | Buffer = body) => {
      const { status, code } = await services.post(sent, { ...authorized, ...headers });
      return [status, code];
    };
    expect((await type({ 'content-type': 'application/json; charset=utf-8' }))[0]).toBe(200);
    const utf16 = Buffer.from(body, 'utf16le');
    expect(await type({ 'content-type': 'application/json; charset=utf-16' })).toEqual([415, 'BAD_USER_INPUT']);
    expect(await type({ 'content-type': 'application/json; charset=utf-16' }, utf16)).toEqual([415, 'BAD_USER_INPUT']);
    // 1 KB that would be 1 MB.
    const bomb = gzipSync(Buffer.alloc(1_000_000, ' '));
    expect(await type({ 'content-encoding': 'gzip' }, bomb)).toEqual([415, 'BAD_USER_INPUT']);
    expect(await type({ 'content-encoding': 'gzip' })).toEqual([415, 'BAD_USER_INPUT']);
  });

  it('accepts a GET query with a token and no other header, as urql sends it, and refuses it without one', async () => {
    const { authorization } = bearer(await services.service.token('alice'));
    const url = `${services.service.url}/graphql?query=${encodeURIComponent('{ viewer { id } }')}&variables=&operationName=`;
    const response = await fetch(url, { headers: { authorization } });
    expect([response.status, await response.json()]).toEqual([200, { data: { viewer: { id: 'alice' } } }]);
    expect((await fetch(url)).status).toBe(401);
  });

  it('treats an empty operationName as absent', async () => {
    const headers = bearer(await services.service.token('alice'));
    expect(
      await services.post('{"query": "query Q { viewer { id } }", "operationName": "", "variables": ""}', headers),
    ).toMatchObject({
      status: 200,
    });
  });

  it('401 has WWW-Authenticate', async () => {
    const ask = async (headers: Record<string, string>): Promise<unknown> => {
      const response = await fetch(`${services.service.url}/graphql`, {
        method: 'POST',
        body: '{"query": "{ viewer { id } }"}',
        headers,
      });
      return [response.status, response.headers.get('www-authenticate')];
    };
    expect(await ask(JSON_TYPE)).toEqual([401, 'Bearer']);
    expect(await ask(bearer('x'))).toEqual([401, 'Bearer error="invalid_token"']);
  });

  it('accepts queries by GET, and no mutations', async () => {
    const get = (query: string, headers: Record<string, string>) =>
      fetch(`${services.service.url}/graphql?query=${encodeURIComponent(query)}`, { headers });
    const authorization = `Bearer ${await services.service.token('alice')}`;
    const preflight = { authorization, 'apollo-require-preflight': '1' };
    expect(await (await get('{ viewer { id } }', preflight)).json()).toEqual({ data: { viewer: { id: 'alice' } } });
    expect((await get('mutation { setPresence(status: AWAY) { status } }', preflight)).status).toBe(405);
  });

  it('refuses HEAD at /graphql before it reads the operation, and answers it elsewhere', async () => {
    const { authorization } = bearer(await services.service.token('alice'));
    for (const accept of ['*/*', 'text/event-stream'])
      for (const query of [
        '{ viewer { id } }',
        'mutation { leaveConversation(id: "x") { id } }',
        'subscription { messageReceived { id } }',
      ]) {
        const url = `${services.service.url}/graphql?query=${encodeURIComponent(query)}`;
        const { status, headers } = await fetch(url, { method: 'HEAD', headers: { accept, authorization } });
        expect([accept, query, status, headers.get('allow')]).toEqual([accept, query, 405, 'GET, POST']);
      }
    expect((await fetch(`${services.service.url}/health`, { method: 'HEAD' })).status).toBe(200);
  });

  const answerTo = (bytes: string): Promise<string> => statusOf(services.service.service.port, bytes);

  it('without a valid token a large body is refused before it is read', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
    expect(await answerTo(`${head}Content-Length: ${LIMITS.strangerBodyBytes + 1}\r\n\r\n{`)).toBe('401');
    expect(await answerTo(`${head}Authorization: Bearer x\r\nContent-Length: 1000000\r\n\r\n{`)).toBe('401');
    const chunk = ' '.repeat(LIMITS.strangerBodyBytes + 1);
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
    expect(await answerTo(`${chunked}${chunk.length.toString(16)}\r\n${chunk}\r\n`)).toBe('413');
    const sdl = '{"query":"{ _service { sdl } }"}';
    expect(await answerTo(`${chunked}${sdl.length.toString(16)}\r\n${sdl}\r\n0\r\n\r\n`)).toBe('200');
    const large = JSON.stringify({ query: '{ viewer { id } }', variables: { x: chunk } });
    expect((await services.post(large, bearer(await services.service.token('alice')))).status).toBe(200);
  });

  it('the pipelined requests of a connection have a cap, whatever the first request is', async () => {
    const token = await services.service.token('alice');
    const query = encodeURIComponent('subscription { messageReceived { id } }');
    const endless = `GET /graphql?query=${query} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const ask = async (count: number) => {
      const socket = connect(services.service.service.port, '127.0.0.1').on('error', () => undefined);
      const state = { socket, isClosed: false, closed: once(socket.resume(), 'close') };
      void state.closed.then(() => (state.isClosed = true));
      socket.write(endless);
      socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
      return state;
    };
    const modest = await ask(LIMITS.requestsAhead / 2);
    await (await ask(LIMITS.requestsAhead + 1)).closed;
    expect(modest.isClosed).toBe(false);
    modest.socket.destroy();
  });
});
