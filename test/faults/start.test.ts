/**
 * A start against a Redis that is away, refuses, or is another kind of server: the service listens, waits, and reports
 * why.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { closingAfterEach } from '../support/closing.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram } from '../support/process.ts';
import { startRedisSentinel } from '../support/redis-sentinel.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';
import { beginService, type Starting } from '../support/starting.ts';

const SDL = { headers: { 'content-type': 'application/json' }, body: '{"query": "{ _service { sdl } }"}' };

const closing = closingAfterEach();
const startRedis = async (...settings: string[]): Promise<RedisServer> =>
  closing(await startRedisServer(...settings), (server) => server.stop());
const begin = async (env: Record<string, string>): Promise<Starting> =>
  closing(await beginService(env), (starting) => starting.end());

describe('F48: the port listens while the engine is away', () => {
  it('it is alive and not ready, refuses all else, and serves once the engine is available', async () => {
    const redis = await startRedis();
    redis.process.kill('SIGKILL');
    await once(redis.process, 'exit');
    const { url, started } = await begin({ REDIS_URL: redis.url });
    const health = await fetch(`${url}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    for (const path of ['/health/ready/', '/graphql?query={x}', '/ws', '/metrics', '/info', '/health/detailed', '/']) {
      const refused = await fetch(url + path);
      expect([path, refused.status, refused.headers.get('retry-after')]).toEqual([path, 503, '1']);
    }
    const mutation = await fetch(`${url}/graphql`, { method: 'POST', body: '{"query": "mutation { x }"}' });
    expect(await mutation.json()).toMatchObject({ errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] });
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const [, response] = await once(
      socket.on('error', () => undefined),
      'unexpected-response',
    );
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1']);
    socket.terminate();

    await redis.restart();
    await started;
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const sdl = await fetch(`${url}/graphql`, { method: 'POST', ...SDL });
    expect(sdl.status).toBe(200);
  });

  it('the process ends with 0 at SIGTERM while it waits', async () => {
    const env = {
      HOST: '127.0.0.1',
      PORT: '0',
      JWT_SECRET: SECRET,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    };
    const program = await startProgram('src/main.ts', env, /nothing listens/);
    program.process.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('service stopped');
  });
});

describe('F48: each fault of a start is reported once, by the setting’s name', () => {
  let certificate: TestCertificate;
  let other: TestCertificate;
  beforeAll(() => {
    certificate = makeCertificate(1);
    other = makeCertificate(1);
  });
  afterAll(() => {
    certificate.remove();
    other.remove();
  });

  async function says(env: Record<string, string>, ...expected: RegExp[]): Promise<void> {
    const starting = await begin(env);
    await eventually(() => expect(starting.said()).toHaveLength(expected.length));
    // A client that tries again, and a second look, say nothing new.
    await eventually(() => expect(starting.looks()).toBeGreaterThan(1));
    expect(starting.said()).toEqual(expected.map((each) => expect.stringMatching(each)));
    expect((await fetch(`${starting.url}/health`)).status).toBe(200);
  }

  /** A Redis that takes no connection but over TLS; answers the port. */
  async function startEncrypted(...settings: string[]): Promise<number> {
    const port = await freePort();
    const { certFile, keyFile } = certificate;
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    await startRedis('--tls-port', String(port), ...files, ...settings);
    return port;
  }

  async function listenAs(answer: string): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).on('data', () => answer && socket.end(answer));
    });
    closing(server.listen(0, '127.0.0.1'), (opened) => opened.close());
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('F40: a host that does not resolve, and a port where nothing listens', async () => {
    await says(
      { REDIS_URL: 'redis://no-such-host.invalid' },
      /^REDIS_URL: the host of no-such-host.invalid:6379 is not/,
    );
    const port = await freePort();
    await says({ REDIS_URL: `redis://127.0.0.1:${port}` }, RegExp(`^REDIS_URL: nothing listens at 127.0.0.1:${port}`));
  });

  it('a server that is no Redis, and one that never answers', async () => {
    const http = await listenAs('HTTP/1.1 400 Bad Request\r\n\r\n');
    await says({ REDIS_URL: `redis://127.0.0.1:${http}` }, /^REDIS_URL: the server at .* is not Redis/);
    const silent = await listenAs('');
    await says({ REDIS_URL: `redis://127.0.0.1:${silent}` }, /^REDIS_URL: 127.0.0.1:\d+ does not answer/);
  });

  it('a wrong or missing password', async () => {
    const { url } = await startRedis();
    const admin = closing(new Redis(url), (client) => client.disconnect());
    await admin.config('SET', 'requirepass', 'right');
    await says({ REDIS_URL: url.replace('//', '//:wrong@') }, /^REDIS_URL: .* does not accept this user and password/);
    await says({ REDIS_URL: url }, /^REDIS_URL: .* wants a password/);
  });

  it('an unknown CA, a name that does not match, and a missing client certificate', async () => {
    const port = await startEncrypted();
    const CA = { REDIS_CA_FILE: certificate.certFile };
    await says({ REDIS_URL: `rediss://localhost:${port}` }, /^REDIS_CA_FILE: the certificate of .* not trusted/);
    await says({ ...CA, REDIS_URL: `rediss://127.0.0.1:${port}` }, /^REDIS_URL: the certificate .* another name/);
    await says({ ...CA, REDIS_URL: `rediss://localhost:${port}` }, /^REDIS_CERT_FILE: .* wants a certificate/);
    const stranger = { REDIS_CERT_FILE: other.certFile, REDIS_KEY_FILE: other.keyFile };
    // How Node reports the server's refusal depends on which of two messages it reads first.
    for (let n = 0; n < 3; n += 1)
      await says(
        { ...CA, ...stranger, REDIS_URL: `rediss://localhost:${port}` },
        /^REDIS_CERT_FILE: .* does not trust/,
      );
    const cluster = { REDIS_CLUSTER: 'true', REDIS_URL: `rediss://localhost:${port}` };
    await says(cluster, /^REDIS_CA_FILE: the certificate of .* not trusted/);
  });

  it('TLS to a plain port, and plain TCP to a TLS port', async () => {
    const { port } = await startRedis();
    await says({ REDIS_URL: `rediss://localhost:${port}` }, /^REDIS_URL: .* does not speak TLS; use redis:/);
    const encrypted = await startEncrypted('--tls-auth-clients', 'no');
    await says({ REDIS_URL: `redis://localhost:${encrypted}` }, /^REDIS_URL: .* speaks TLS; use rediss:/);
  });

  it('a cluster without REDIS_CLUSTER, REDIS_CLUSTER without a cluster, and unassigned slots', async () => {
    const ports = ['--cluster-port', String(await freePort())];
    const node = await startRedis('--cluster-enabled', 'yes', ...ports);
    await says({ REDIS_URL: node.url }, /^REDIS_CLUSTER: takes true, since .* is a node of a Redis Cluster/);
    await says({ REDIS_URL: node.url, REDIS_CLUSTER: 'true' }, /^REDIS_URL: the cluster of .* not serve all slots/);
    const { url } = await startRedis();
    await says({ REDIS_URL: url, REDIS_CLUSTER: 'true' }, /^REDIS_CLUSTER: takes false, since .* is not a node/);
  });

  it('sentinels: none reachable, a wrong password, an unknown group', async () => {
    const { port } = await startRedis();
    await says({ REDIS_URL: `redis+sentinel://127.0.0.1:${port}/main` }, /^REDIS_URL: .* is not a sentinel/);
    const sentinel = closing(await startRedisSentinel(port, 'right'), (opened) => opened.stop());
    await says(
      { REDIS_URL: sentinel.url, REDIS_SENTINEL_PASSWORD: 'wrong' },
      /^REDIS_SENTINEL_PASSWORD: .* does not accept this user and password/,
    );
    const other = { REDIS_URL: sentinel.url.replace('/main', '/other'), REDIS_SENTINEL_PASSWORD: 'right' };
    await says(other, /^REDIS_URL: the sentinels do not know the group other/);
  });

  it('a replica, a server at its cap of clients, and a missing right', async () => {
    const { url } = await startRedis('--replicaof', '127.0.0.1 1');
    await says({ REDIS_URL: url }, /^REDIS_URL: .* is a replica/);
    const full = await startRedis('--maxclients', '1');
    closing(new Redis(full.url), (client) => client.disconnect());
    await says({ REDIS_URL: full.url }, /^REDIS_URL: .* takes no more clients/);
    const limited = await startRedis();
    const admin = closing(new Redis(limited.url), (client) => client.disconnect());
    await admin.call('ACL', 'SETUSER', 'default', '-eval');
    await says({ REDIS_URL: limited.url }, /^REDIS_URL: its user may not run EVAL/);
  });
});
