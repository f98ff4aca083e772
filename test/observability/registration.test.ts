/** The service announces itself to a gateway, which is a real HTTP server here. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

interface Gateway {
  readonly url: string;
  readonly announcements: { readonly authorization: string | undefined; readonly body: Data }[];
  /** What it answers from now on. */
  answer: (response: ServerResponse) => void;
  close(): Promise<void>;
}

const accept = (response: ServerResponse): void => void response.end('{"accepted":true}');
const refuse = (response: ServerResponse): void => {
  response.statusCode = 422;
  response.end('{"accepted":false,"errors":["Query.viewer: not compatible"]}');
};

async function startGateway(port = 0): Promise<Gateway> {
  const gateway = { announcements: [] as Gateway['announcements'], answer: accept };
  const server: Server = createServer(async (request: IncomingMessage, response) => {
    const { authorization } = request.headers;
    gateway.announcements.push({ authorization, body: await json(request) });
    gateway.answer(response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(gateway, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/register`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const HALF_A_MINUTE = 30_000;

describe('registration at a gateway', () => {
  let gateway: Gateway;
  let service: TestService;
  const start = async (env: Record<string, string> = {}): Promise<void> => {
    // How often it asks is counted.
    const clock = new StillClock();
    service = await startTestService({ env: { GATEWAY_REGISTRATION_URL: gateway.url, ...env }, clock });
  };
  const registration = async (): Promise<Data> => {
    const { components } = (await (await fetch(`${service.url}/health/detailed`)).json()) as Data;
    return components.registration;
  };
  const isReady = async (): Promise<boolean> => (await fetch(`${service.url}/health/ready`)).ok;

  beforeEach(async () => {
    gateway = await startGateway();
  });
  afterEach(async () => {
    await service.close();
    await gateway.close();
  });

  it('announces what a gateway needs, and reports that it was accepted', async () => {
    await start({ GATEWAY_REGISTRATION_TOKEN: 'hush', PUBLIC_URL: 'https://realtime.example/api/' });
    await eventually(async () =>
      expect(await registration()).toEqual({ status: 'accepted', latencyMs: expect.any(Number), reason: null }),
    );
    const { data } = await service.query(null, '{ _service { sdl } }');
    expect(gateway.announcements).toEqual([
      {
        authorization: 'Bearer hush',
        body: {
          name: 'realtime',
          url: 'https://realtime.example/api/graphql',
          subscriptionUrl: 'wss://realtime.example/api/graphql',
          sdl: data._service.sdl,
          version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        },
      },
    ]);
  });

  it('sends its own port and no token when neither is configured', async () => {
    await start();
    await eventually(() => expect(gateway.announcements).toHaveLength(1));
    const { port } = service.service;
    expect(gateway.announcements[0]).toMatchObject({
      authorization: undefined,
      body: { url: `http://localhost:${port}/graphql`, subscriptionUrl: `ws://localhost:${port}/graphql` },
    });
  });

  it('refused: reports why, stays ready, and retries later', async () => {
    gateway.answer = refuse;
    await start();
    await eventually(async () =>
      expect(await registration()).toMatchObject({
        status: 'refused',
        reason: '422 {"accepted":false,"errors":["Query.viewer: not compatible"]}',
      }),
    );
    expect(await isReady()).toBe(true);
    gateway.answer = accept;
    service.clock.advance(HALF_A_MINUTE);
    await eventually(async () => expect(await registration()).toMatchObject({ status: 'accepted' }));
    expect(gateway.announcements).toHaveLength(2);
  });

  it('registers again at a restarted gateway', async () => {
    await start();
    await eventually(async () => expect(await registration()).toMatchObject({ status: 'accepted' }));
    service.clock.advance(HALF_A_MINUTE);
    await eventually(() => expect(gateway.announcements).toHaveLength(2));
  });

  it('retries with growing delays while the gateway is away or failing, until it is accepted', async () => {
    const port = await freePort();
    await start({ GATEWAY_REGISTRATION_URL: `http://127.0.0.1:${port}/register` });
    await eventually(async () =>
      expect(await registration()).toMatchObject({
        status: 'unreachable',
        reason: expect.stringContaining('ECONNREFUSED'),
      }),
    );
    expect(await isReady()).toBe(true);
    await gateway.close();
    gateway = await startGateway(port);
    gateway.answer = (response) => void response.writeHead(503).end('starting');
    // The first retry comes within a second, the second within two.
    service.clock.advance(1_000);
    await eventually(async () =>
      expect(await registration()).toMatchObject({ status: 'unreachable', reason: '503 starting' }),
    );
    gateway.answer = accept;
    service.clock.advance(2_000);
    await eventually(async () => expect(await registration()).toMatchObject({ status: 'accepted' }));
    expect(gateway.announcements).toHaveLength(2);
  });

  it('follows no redirect, since the token is for one address', async () => {
    gateway.answer = (response) => void response.writeHead(307, { location: gateway.url }).end();
    await start({ GATEWAY_REGISTRATION_TOKEN: 'hush' });
    await eventually(async () => expect(await registration()).toMatchObject({ status: 'unreachable' }));
    expect(gateway.announcements).toHaveLength(1);
  });

  it('closes during an unanswered announcement, and during the wait before a retry', async () => {
    gateway.answer = () => undefined;
    await start();
    await eventually(() => expect(gateway.announcements).toHaveLength(1));
    await service.close();

    gateway.answer = (response) => void response.writeHead(503).end();
    await start();
    await eventually(async () => expect(await registration()).toMatchObject({ status: 'unreachable' }));
    await service.close();
    service.clock.advance(HALF_A_MINUTE);
    // Had the closed service asked again, this request would not be the third.
    await fetch(gateway.url, { method: 'POST', body: '{}' });
    expect(gateway.announcements).toHaveLength(3);
    expect(gateway.announcements[2]?.body).toEqual({});
  });

  it('is off when no gateway is configured', async () => {
    await start({ GATEWAY_REGISTRATION_URL: '' });
    expect(await registration()).toEqual({ status: 'off', latencyMs: null, reason: null });
  });
});
