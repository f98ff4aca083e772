/** Browsers: origins, headers, TLS, and a proxy that terminates TLS. */
import { get } from 'node:https';
import { WebSocket } from 'ws';
import { makeCertificate } from '../support/certificate.ts';
import { startTestService, type TestService } from '../support/service.ts';

const SHOP = 'https://shop.example';
const SUBSCRIPTION = 'subscription { presenceUpdated(userIds: ["alice"]) { status } }';

describe('browsers', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ env: { ALLOWED_ORIGINS: SHOP } });
  });
  afterAll(() => service.close());

  const preflight = (origin: string): Promise<Response> =>
    fetch(`${service.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });

  it('a page of an allowed origin may send requests; another may not', async () => {
    const { headers } = await preflight(SHOP);
    expect(headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(headers.get('access-control-allow-headers')).toContain('authorization');
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST');
    for (const origin of [
      'https://shop.example.evil.tld',
      'https://evilshop.example',
      'https://shop.example:444',
      'null',
    ])
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('streams have the same headers as other responses', async () => {
    for (const query of ['{ viewer { id } }', SUBSCRIPTION]) {
      const stop = new AbortController();
      const response = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: {
          origin: SHOP,
          authorization: `Bearer ${await service.token('alice')}`,
          'content-type': 'application/json',
          accept: '*/*',
        },
        body: JSON.stringify({ query }),
        signal: stop.signal,
      });
      expect(response.headers.get('access-control-allow-origin')).toBe(SHOP);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('x-powered-by')).toBeNull();
      stop.abort();
    }
  });
});

describe('TLS', () => {
  it('served directly: https and wss', async () => {
    const certificate = makeCertificate(30);
    const { certFile, keyFile } = certificate;
    const service = await startTestService({ env: { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } });
    const { port } = service.service;
    const status = await new Promise((resolve, reject) => {
      get({ port, path: '/health', rejectUnauthorized: false }, (response) => resolve(response.resume().statusCode)).on(
        'error',
        reject,
      );
    });
    expect(status).toBe(200);
    const token = await service.token('alice');
    const socket = new WebSocket(`wss://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
      rejectUnauthorized: false,
    });
    const acknowledged = new Promise((resolve) =>
      socket.on('message', (data: Buffer) => resolve(JSON.parse(data.toString()).type)),
    );
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { token } })));
    expect(await acknowledged).toBe('connection_ack');
    socket.terminate();
    await service.close();
    certificate.remove();
  });

  it('terminated by a trusted proxy: production refuses a socket that reached the proxy without TLS', async () => {
    const service = await startTestService({ env: { NODE_ENV: 'production', TRUST_PROXY: 'true' } });
    const outcome = (proto: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(service.wsUrl, 'graphql-transport-ws', {
          headers: { 'x-forwarded-proto': proto },
        });
        socket.on('open', () => {
          socket.terminate();
          resolve('open');
        });
        socket.on('error', (error) => resolve(error.message));
      });
    expect(await outcome('http')).toMatch(/403/);
    expect(await outcome('https')).toBe('open');
    await service.close();
  });
});
