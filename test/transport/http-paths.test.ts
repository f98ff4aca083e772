/** The other paths of the service, who may use them, and requests that are not HTTP. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { metrics } from '../support/metrics.ts';
import { SECRET, startTestService, type TestService } from '../support/service.ts';
import { statusOf } from '../support/status-of.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import { bearer, HttpServices, JSON_TYPE } from './http-services.ts';

describe('HTTP', () => {
  const services = new HttpServices();

  it('accepts a slash at the end of a path', async () => {
    const { authorization } = bearer(await services.service.token('alice'));
    const body = '{"query": "{ viewer { id } }"}';
    const response = await fetch(`${services.service.url}/graphql/`, {
      method: 'POST',
      body,
      headers: { ...JSON_TYPE, authorization },
    });
    expect([response.status, await response.json()]).toEqual([200, { data: { viewer: { id: 'alice' } } }]);
    expect((await fetch(`${services.service.url}/health/`)).status).toBe(200);
  });

  it('keeps idle connections open for KEEP_ALIVE, longer than load balancers do', async () => {
    const { headers } = await fetch(`${services.service.url}/health`);
    expect(headers.get('keep-alive')).toBe('timeout=75');
    const short = await startTestService({ env: { KEEP_ALIVE: '5s' } });
    expect((await fetch(`${short.url}/health`)).headers.get('keep-alive')).toBe('timeout=5');
    await short.close();
  });

  it('serves the console and GraphiQL outside production, with a strict Content-Security-Policy', async () => {
    const browse = async (to: TestService, path: string) => {
      const { status, headers } = await fetch(`${to.url}${path}`, {
        headers: { accept: 'text/html,application/xhtml+xml' },
      });
      return [status, headers.get('content-type'), headers.get('content-security-policy')?.split('; style-src')[0]];
    };
    const shown = [200, 'text/html; charset=utf-8', "default-src 'none'; script-src 'self'"];
    expect(await browse(services.service, '/')).toEqual(shown);
    expect(await browse(services.service, '/graphql')).toEqual(shown);
    for (const path of ['/', '/graphql'])
      expect((await fetch(services.service.url + path, { method: 'HEAD' })).status).toBe(405);
    expect((await browse(services.secret, '/'))[0]).toBe(404);
    expect((await browse(services.secret, '/graphql'))[0]).toBe(400);
    for (const name of ['..', '%2e%2e', '..%2findex.html', '.hidden.js', 'none.js', 'built-from', 'x.exe'])
      expect([name, (await fetch(`${services.service.url}/console/assets/${name}`)).status]).toEqual([name, 404]);
  });

  it('issues tokens only to the console on this machine, and none in production', async () => {
    const ask = async (headers: Record<string, string>, body = '{"userId": "alice"}', to = services.service) => {
      const { port } = new URL(to.url);
      const request = { host: '127.0.0.1', port, path: '/console/token', method: 'POST' };
      const own = { host: `localhost:${port}`, origin: `http://localhost:${port}`, 'content-type': 'application/json' };
      const asked = httpRequest({ ...request, headers: { ...own, ...headers } }).end(body);
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      let text = '';
      for await (const chunk of response) text += chunk;
      const { token, errors } = JSON.parse(text) as { token?: string; errors?: { extensions: { code: string } }[] };
      return token ?? errors?.[0]?.extensions.code;
    };
    const token = await ask({});
    expect((await services.post('{"query": "{ viewer { id } }"}', bearer(token ?? ''))).data).toEqual({
      viewer: { id: 'alice' },
    });
    const others: Record<string, string>[] = [
      { origin: 'http://localhost:3000' },
      { origin: 'null' },
      { host: 'rebound.example.com', origin: 'http://rebound.example.com' },
      { 'x-forwarded-for': '203.0.113.9' },
      { forwarded: 'for=203.0.113.9' },
    ];
    for (const headers of others) expect([headers, await ask(headers)]).toEqual([headers, 'FORBIDDEN']);
    for (const body of ['{}', 'null', '{"userId": ""}', '{"userId": 7}', '[]'])
      expect([body, await ask({}, body)]).toEqual([body, 'BAD_USER_INPUT']);
    expect(await ask({}, undefined, services.secret)).toBe('NOT_FOUND');
  });

  it('only a proven gateway gets a trace', async () => {
    const ask = (to: TestService, token: string, headers: Record<string, string> = {}) =>
      services.post(
        '{"query":"{ viewer { id } }"}',
        { ...bearer(token), 'apollo-federation-include-trace': 'ftv1', ...headers },
        to,
      );
    const gateway = { 'router-authorization': 'a-secret-of-the-gateway' };
    const ofEach = [
      await ask(services.service, await services.service.token('alice')),
      await ask(services.secret, await services.secret.token('alice')),
      await ask(services.secret, await services.secret.token('alice'), gateway),
    ];
    expect(ofEach.map(({ text }) => text.includes('ftv1'))).toEqual([false, false, true]);
  });

  it('GATEWAY_SECRET restricts _service and _entities to gateways; production has no introspection', async () => {
    const ask = async (query: string, headers: Record<string, string> = {}) =>
      services.post(
        JSON.stringify({ query }),
        { ...bearer(await services.secret.token('alice')), ...headers },
        services.secret,
      );
    expect((await ask('{ _service { sdl } }')).code).toBe('FORBIDDEN');
    expect((await ask('{ _service { sdl } }', { 'router-authorization': 'a-secret-of-the-gatewax' })).code).toBe(
      'FORBIDDEN',
    );
    expect(
      (await ask('{ _service { sdl } }', { 'router-authorization': 'a-secret-of-the-gateway' })).code,
    ).toBeUndefined();
    expect((await ask('{ _entities(representations: []) { __typename } }')).code).toBe('FORBIDDEN');
    expect((await ask('{ __schema { queryType { name } } }')).code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await ask('{ viewer { id } }')).data).toEqual({ viewer: { id: 'alice' } });
  });

  it('answers /health, /health/ready, /health/detailed, /metrics and /info', async () => {
    const get = async (path: string) => {
      const response = await fetch(services.service.url + path);
      return { status: response.status, text: await response.text() };
    };
    expect(await get('/health')).toEqual({ status: 200, text: '{"status":"ok"}' });
    expect((await get('/health/ready')).status).toBe(200);
    expect(JSON.parse((await get('/health/detailed')).text)).toMatchObject({
      status: 'ok',
      components: { engine: { status: 'up', kind: 'embedded', latencyMs: expect.any(Number), reason: null } },
    });
    const { text } = await get('/metrics');
    expect(text).toMatch(/^realtime_errors_total\{code="UNAUTHENTICATED"\} \d+$/m);
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('realtime_engine_operations_total{operation="publish",outcome="failed"} 0');
    expect(text).toContain('realtime_connections_capacity ');
    expect(text).toMatch(/^realtime_http_request_seconds_count\{path="\/health\/ready",status="200"\} [1-9]/m);
    const info = JSON.parse((await get('/info')).text);
    expect(text).toContain(`realtime_build_info{version="${info.version}",node="${info.nodeId}",engine="embedded"} 1`);
    expect(info).toMatchObject({ name: 'realtime-communication', engine: 'embedded' });
    expect(info.protocols).toEqual([
      'graphql-over-http',
      'graphql-transport-ws',
      'graphql-sse-distinct',
      'multipart-subscription-1.0',
      'http-callback-1.0',
      'raw-websocket',
    ]);
    expect(JSON.stringify(info)).not.toContain(SECRET);
    expect((await get('/nowhere')).status).toBe(404);
    const wrong = await fetch(`${services.service.url}/graphql`, { method: 'PUT' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('realtime_http_request_seconds measures how long an answer takes, by path', async () => {
    const clock = new StillClock();
    const node = await startTestService({ clock });
    const claims = { scope: 'realtime:service' };
    const save = 'mutation { saveConsumer(input: {name: "bot", events: [PUBLISHED]}) { name } }';
    expect((await node.query('bot', save, {}, claims)).errors).toBeUndefined();
    const pull = 'mutation { pullEvents(consumer: "bot", member: "one", waitMs: 1500) { ackToken } }';
    const pulled = node.query('bot', pull, {}, claims);
    await eventually(() => expect(clock.isDueIn(TIMES.eventTurnMs)).toBe(true));
    clock.advance(1_500);
    expect((await pulled).errors).toBeUndefined();
    const series = ['sum', 'count'].map(
      (name) => `realtime_http_request_seconds_${name}{path="/graphql",status="200"}`,
    );
    expect(await metrics(node.url, series)).toEqual([1.5, 2]);
    await node.close();
  });

  it('ADMIN_PORT: operator paths are served there only, probes on both ports', async () => {
    const apart = await startTestService({ env: { ADMIN_PORT: '0' } });
    const statuses = (port: number | null): Promise<number[]> =>
      Promise.all(
        ['/metrics', '/info', '/health/detailed/', '/health', '/health/ready', '/graphql'].map(
          async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
        ),
      );
    expect(await statuses(apart.service.adminPort)).toEqual([200, 200, 200, 200, 200, 404]);
    expect(await statuses(apart.service.port)).toEqual([404, 404, 404, 200, 200, 400]);
    await apart.close();
    await expect(statuses(apart.service.adminPort)).rejects.toThrow('fetch failed');
  });

  it('G15: an idle connection does not delay a drain', async () => {
    /** Its grace for what is in flight never ends. */
    class Patient extends TestClock {
      override after(delayMs: number, task: () => void): () => void {
        return delayMs === TIMES.drainGraceMs ? () => undefined : super.after(delayMs, task);
      }
    }
    const closing = await startTestService({ clock: new Patient() });
    const unused = connect(closing.service.port, '127.0.0.1');
    const end = once(unused.resume(), 'close');
    await once(unused, 'connect');
    // A browser's first request comes by another connection than the one it opens ahead.
    expect((await fetch(`${closing.url}/health`)).status).toBe(200);
    await closing.close();
    await end;
  });

  const answerTo = (bytes: string): Promise<string> => statusOf(services.service.service.port, bytes);

  it.each(['//', 'a b', '=; =', '[', '%'])('refuses an invalid Host: %s', async (host) => {
    for (const head of ['POST /graphql', 'GET /graphql?query=%7B__typename%7D']) {
      const status = await answerTo(
        `${head} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect(status).toBe('400');
    }
  });

  it('survives bytes that are not HTTP', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00',
      'GET / HTTP/1.1\n\n',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    ]) {
      const socket = connect(services.service.service.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(bytes);
      await new Promise((resolve) => socket.once('close', resolve).resume());
    }
    expect((await fetch(`${services.service.url}/health`)).status).toBe(200);
  });
});
