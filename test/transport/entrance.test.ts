/** The port before the service is ready: what it answers over HTTP/1.1 and HTTP/2, and what it gives to the service then. */
import { once } from 'node:events';
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { createEntrance, type Entrance } from '../../src/transport/http/entrance.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { connectHttp2 } from '../support/http2-client.ts';
import { StillClock } from '../support/still-clock.ts';

const HEALTHY = [200, undefined, { status: 'ok' }];
const STARTING = [503, '1', { status: 'starting' }];
const REFUSED = [503, '1', { errors: [{ message: expect.any(String), extensions: expect.anything() }] }];

const start = (tls: TestCertificate | null): Entrance =>
  createEntrance({ tls, keepAliveMs: 5_000, clock: new StillClock(), isUpgrade: () => true });

describe('a port whose service is not ready', () => {
  let entrance: Entrance;
  let port: number;
  beforeAll(async () => {
    entrance = start(null);
    port = await entrance.listen('127.0.0.1', 0);
  });
  afterAll(() => entrance.end());

  async function ask(method: string, path: string): Promise<unknown[]> {
    const asked = request({ host: '127.0.0.1', port, method, path }).end();
    const [response] = await once(asked, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    const { connection, 'retry-after': retryAfter, 'content-type': type } = response.headers;
    expect([connection, type]).toEqual(['close', 'application/json; charset=utf-8']);
    return [response.statusCode, retryAfter, text === '' ? null : JSON.parse(text)];
  }

  it.each([
    ['GET', '/health', HEALTHY],
    ['GET', '/health/', HEALTHY],
    ['GET', '/health?x=/health/ready', HEALTHY],
    ['HEAD', '/health', [200, undefined, null]],
    ['POST', '/health', REFUSED],
    ['GET', '/health/ready', STARTING],
    ['GET', '/health/ready/?x', STARTING],
    ['HEAD', '/health/ready', [503, '1', null]],
    ['GET', '/health/detailed', REFUSED],
    ['GET', '/', REFUSED],
    ['GET', '/graphql?query=/health', REFUSED],
    ['POST', '/graphql', REFUSED],
    ['GET', '/metrics', REFUSED],
  ])('%s %s', async (method, path, answer) => {
    expect(await ask(method, path)).toEqual(answer);
  });

  it('refuses a web socket, and gives requests and web sockets to its service once that is ready', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`).on('error', () => undefined);
    const [, refused] = await once(socket, 'unexpected-response');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
    socket.terminate();
    entrance.open((_request, response) => void response.end('served'));
    entrance.server.once('upgrade', (_request, upgraded) => upgraded.end('HTTP/1.1 418 Served\r\n\r\n'));
    expect(await (await fetch(`http://127.0.0.1:${port}/health`)).text()).toBe('served');
    const other = new WebSocket(`ws://127.0.0.1:${port}/ws`).on('error', () => undefined);
    expect((await once(other, 'unexpected-response'))[1].statusCode).toBe(418);
    other.terminate();
  });
});

it('with TLS the port speaks HTTP/2, and its clients are told when it leaves', async () => {
  const certificate = makeCertificate(1);
  const entrance = start(certificate);
  try {
    const client = await connectHttp2(await entrance.listen('127.0.0.1', 0), certificate);
    const answer = client.ask({ ':path': '/health' });
    await eventually(() => expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']));
    entrance.open((_request, response) => void response.end('served'));
    const served = client.ask({ ':path': '/health' });
    await eventually(() => expect([served.status, served.text]).toEqual([200, 'served']));
    expect([client.isClosed, client.goneAway]).toEqual([false, []]);
    entrance.leave();
    await eventually(() => expect([client.isClosed, client.goneAway]).toEqual([true, [0]]));
  } finally {
    await entrance.end();
    certificate.remove();
  }
});
