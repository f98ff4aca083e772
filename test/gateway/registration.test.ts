/**
 * What a registration at the example gateway can gain: a place in the graph, no tokens, and no other subgraph's place.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { readSettings } from '../../examples/gateway/settings.ts';
import { eventually } from '../support/eventually.ts';
import { type Gateway, placeForGateway, startGateway } from '../support/gateway.ts';
import { startProgram } from '../support/process.ts';
import { type RecordingSubgraph, startRecordingSubgraph } from '../support/recording-subgraph.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const GATEWAY = new URL('../../examples/gateway/', import.meta.url).href;
const TOKEN = 'only-for-subgraphs';
const SECRET = 'proves-the-gateway';
const stranger = (more: object = {}): object => ({
  name: 'stranger',
  url: 'http://127.0.0.1:1/graphql',
  sdl: 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9") type Query { a: String }',
  ...more,
});

describe('the example gateway', () => {
  let service: TestService;
  let gateway: Gateway;
  let configured: RecordingSubgraph;
  let registered: RecordingSubgraph;
  let realtime: string;
  beforeAll(async () => {
    [configured, registered] = [await startRecordingSubgraph('configured'), await startRecordingSubgraph('registered')];
    service = await startTestService({ env: { GATEWAY_SECRET: SECRET } });
    realtime = `${service.url}/graphql`;
    const env = { GATEWAY_SECRET: SECRET, GATEWAY_REGISTRATION_TOKEN: TOKEN };
    gateway = await startGateway(await placeForGateway(), service.url, env, { configured: configured.url });
  });
  afterAll(async () => {
    await gateway.close();
    await service.close();
    await configured.close();
    await registered.close();
  });

  const ask = async (token: string, query: string): Promise<Data> => gateway.query(token, query);
  const credentialsOf = (headers: readonly NodeJS.Dict<string | string[]>[]): unknown[] =>
    headers.map(({ authorization, 'router-authorization': secret }) => [authorization, secret]);

  it('sends its secret to this subgraph only, and callers’ tokens to configured subgraphs only', async () => {
    const { name, url, sdl } = { name: 'registered', url: registered.url, sdl: registered.sdl };
    expect((await gateway.register({ name, url, sdl }, TOKEN)).body).toMatchObject({ outcome: 'composed' });
    const alice = await service.token('alice');
    await eventually(async () => {
      const { data } = await ask(alice, '{ configured registered viewer { id status } }');
      expect(data).toEqual({
        configured: 'answered',
        registered: 'answered',
        viewer: { id: 'alice', status: 'OFFLINE' },
      });
    });
    expect(credentialsOf(configured.asked)).toContainEqual([`Bearer ${alice}`, undefined]);
    expect(new Set(credentialsOf(registered.asked).map(String))).toEqual(new Set([String([undefined, undefined])]));
    const { router, ...rest } = { router: [...configured.all, ...registered.all], rest: registered.all };
    expect(router.filter((headers) => headers['router-authorization'] !== undefined)).toEqual([]);
    expect(rest.rest.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  it('forwards the token of its WebSocket clients, from every place they may put it', async () => {
    const token = await service.token('alice');
    for (const connectionParams of [
      { token },
      { authorization: `Bearer ${token}` },
      { Authorization: `Bearer ${token}` },
      { headers: { authorization: `Bearer ${token}` } },
    ]) {
      const url = `${gateway.url.replace('http', 'ws')}/graphql`;
      const client = createClient({ url, webSocketImpl: WebSocket, connectionParams, lazy: true, retryAttempts: 0 });
      const { value } = await client.iterate({ query: '{ viewer { id } }' }).next();
      expect(value).toEqual({ data: { viewer: { id: 'alice' } } });
      await client.dispose();
    }
  });

  it.each([
    ['to another place', () => ({ url: 'http://127.0.0.1:1/graphql' })],
    ['to another path', () => ({ url: `${realtime}/x` })],
    ['its subscriptions', () => ({ url: realtime, subscriptionUrl: 'ws://127.0.0.1:1/graphql' })],
  ])('refuses to move a configured subgraph: %s', async (_name, change) => {
    const sdl = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9") type Query { viewer: String }';
    const { status, body } = await gateway.register({ name: 'realtime', sdl, ...change() }, TOKEN);
    expect([status, body.errors]).toEqual([409, [expect.stringContaining(realtime)]]);
    const { data } = await ask(await service.token('alice'), '{ viewer { id } }');
    expect(data.viewer).toEqual({ id: 'alice' });
    expect((await gateway.health()).subgraphs.realtime.url).toBe(realtime);
  });

  it.each([
    ['by their names', 'import: ["@composeDirective"]'],
    ['under other names', 'import: [{name: "@composeDirective", as: "@c"}]'],
  ])('refuses an SDL whose directives reach the supergraph, imported %s', async (_name, imports) => {
    const sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", ${imports}) type Query { a: Int }`;
    expect((await gateway.register(stranger({ sdl }), TOKEN)).status).toBe(409);
    const whole = stranger({ sdl: 'extend schema @federation__composeDirective(name: "@x") type Query { a: Int }' });
    expect((await gateway.register(whole, TOKEN)).status).toBe(409);
  });

  it('a registered subgraph that registers again with another URL is requested there from then on', async () => {
    const elsewhere = await startRecordingSubgraph('registered');
    try {
      const { url, sdl } = elsewhere;
      const { body } = await gateway.register({ name: 'registered', url, sdl, version: '2' }, TOKEN);
      expect(body).toMatchObject({ accepted: true, outcome: 'composed' });
      await eventually(() => expect(elsewhere.all.length).toBeGreaterThan(0));
      await eventually(async () => expect((await ask('', '{ registered }')).data).toEqual({ registered: 'answered' }));
      expect(elsewhere.asked.length).toBeGreaterThan(0);
      // It has been asked for its SDL since, which changes nothing of what it registered as.
      expect((await gateway.health()).subgraphs.registered).toMatchObject({ url, version: '2', status: 'ok' });
    } finally {
      await elsewhere.close();
    }
  });
});

describe('the example gateway without a registration token, and without its subgraphs', () => {
  it('accepts no registration, and is down while it has no composed graph', async () => {
    const { url, port } = await placeForGateway();
    const env = { PORT: String(port), PUBLIC_URL: url, SUBGRAPHS: 'realtime=http://127.0.0.1:1/graphql' };
    const program = await startProgram('examples/gateway/gateway.ts', env, /Gateway at/);
    try {
      for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer null' }]) {
        const response = await fetch(`${url}/register`, { method: 'POST', headers, body: JSON.stringify(stranger()) });
        expect(response.status).toBe(403);
      }
      const health = await fetch(`${url}/health/detailed`);
      expect([health.status, await health.json()]).toMatchObject([
        503,
        { status: 'down', gateway: { status: 'down' } },
      ]);
    } finally {
      await program.stop();
    }
  });

  it('is degraded while a working subgraph is not part of the graph', async () => {
    const [good, bad] = [await startRecordingSubgraph('good'), await startRecordingSubgraph('bad: Nonsense x')];
    const { url, port } = await placeForGateway();
    const env = { PORT: String(port), PUBLIC_URL: url, SUBGRAPHS: `good=${good.url},bad=${bad.url}` };
    const program = await startProgram('examples/gateway/gateway.ts', env, /Gateway at/);
    try {
      const health = await fetch(`${url}/health/detailed`);
      const subgraphs = { good: { status: 'ok' }, bad: { status: 'ok' } };
      const supergraph = { subgraphs: ['good'] };
      expect([health.status, await health.json()]).toMatchObject([
        503,
        { status: 'degraded', gateway: { status: 'ok', supergraph }, subgraphs },
      ]);
    } finally {
      await program.stop();
      await good.close();
      await bad.close();
    }
  });

  it('does not start with a registration token that is too short', async () => {
    expect(() => readSettings({ GATEWAY_REGISTRATION_TOKEN: 'x'.repeat(15) })).toThrow('16 characters');
    expect(readSettings({}).registrationToken).toBeNull();
  });
});

describe('the headers that the example gateway sends to subgraphs, in every mode', () => {
  /** In a process of its own: the types of the gateway's folder are not those of this one. */
  async function carried(subgraphs: string): Promise<Record<string, boolean[]>> {
    const script = `
      const { readSettings } = await import('${GATEWAY}settings.ts');
      const { credentialsFor } = await import('${GATEWAY}trust.ts');
      const settings = readSettings({ SUBGRAPHS: '${subgraphs}' });
      const carried = (name) => {
        const headers = credentialsFor(settings, name, { authorization: 'Bearer a', secret: 'b' });
        return [headers.authorization === 'Bearer a', headers['router-authorization'] === 'b'];
      };
      const entries = ['realtime', 'users', 'stranger'].map((name) => [name, carried(name)]);
      console.log(JSON.stringify(Object.fromEntries(entries)));`;
    const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script]);
    return JSON.parse(stdout);
  }

  it('are the secret for this subgraph only, and callers’ tokens for configured subgraphs only', async () => {
    expect(await carried('users=http://users/graphql,realtime=http://realtime/graphql')).toEqual({
      realtime: [true, true],
      users: [true, false],
      stranger: [false, false],
    });
    // Its name alone wins nothing.
    expect(await carried('users=http://users/graphql')).toMatchObject({ realtime: [false, false] });
  });
});
