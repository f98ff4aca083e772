/** The words for a Redis that cannot be used, each with the setting to correct. */

import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Redis } from 'ioredis';
import type { RedisAddress } from '../../src/config/redis.ts';
import { checkKind, diagnose } from '../../src/engine/redis/diagnosis.ts';
import { startUp } from '../../src/engine/redis/start.ts';
import { describe as describeFault, StartFault } from '../../src/engine/redis/start-fault.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { captureLog } from '../support/log.ts';
import { redisAddress } from '../support/redis-address.ts';
import { startRedisSentinel } from '../support/redis-sentinel.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';

describe('the kind of a server', () => {
  const modeOf = (mode: string): string => `# Server\r\nredis_version:7.2.0\r\nredis_mode:${mode}\r\n`;
  const check = (kind: RedisAddress['kind'], info: string) => () => checkKind({ kind }, info, 'here:1');

  it('is accepted where it is the one of the settings', () => {
    check('single', modeOf('standalone'))();
    check('sentinel', modeOf('standalone'))();
    check('cluster', modeOf('cluster'))();
    // A server that does not say it, as where INFO is forbidden.
    check('single', '')();
  });

  it.each([
    ['single', 'sentinel', 'REDIS_URL: here:1 is a sentinel; use redis+sentinel://.'],
    ['cluster', 'sentinel', 'REDIS_URL: here:1 is a sentinel; use redis+sentinel://.'],
    ['single', 'cluster', 'REDIS_CLUSTER: takes true, since here:1 is a node of a Redis Cluster.'],
    ['sentinel', 'cluster', 'REDIS_CLUSTER: takes true, since here:1 is a node of a Redis Cluster.'],
    ['cluster', 'standalone', 'REDIS_CLUSTER: takes false, since here:1 is not a node of a Redis Cluster.'],
  ] as const)('as %s and found as %s is refused by name', (kind, mode, words) => {
    expect(check(kind, modeOf(mode))).toThrow(new StartFault(words));
  });
});

describe('the fault of a server', () => {
  let redis: RedisServer;
  let certificate: TestCertificate;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  beforeAll(async () => {
    certificate = makeCertificate(1);
    redis = await startRedisServer();
    const admin = new Redis(redis.url);
    await admin.config('SET', 'requirepass', 'secret');
    admin.disconnect();
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    await redis.stop();
    certificate.remove();
  });

  /** A server that does this with each connection; answers its port. */
  async function listenWith(server: Server): Promise<number> {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('It has no port.');
    return address.port;
  }
  const answering = (answer: string) =>
    listenWith(createServer((socket) => socket.once('data', () => socket.end(answer))));
  const of = (port: number, scheme = 'redis', more = '') => `${scheme}://${more}127.0.0.1:${port}`;

  /** It looks for a second and a half, as at the start again and again: a machine may give it no turn meanwhile. */
  const finds = (address: RedisAddress, expected: string | RegExp | null): Promise<void> =>
    eventually(async () =>
      expect(await diagnose(address)).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected),
    );

  it('is none where it serves', async () => {
    await finds(redisAddress(of(redis.port, 'redis', ':secret@')), null);
  });

  it('is a login that it does not accept, or none', async () => {
    const at = `127.0.0.1:${redis.port}`;
    await finds(redisAddress(of(redis.port)), `REDIS_URL: ${at} wants a password.`);
    const wrong = `REDIS_URL: ${at} does not accept this user and password.`;
    await finds(redisAddress(of(redis.port, 'redis', ':wrong@')), wrong);
  });

  it('is that nothing listens; of several servers it is one that all have', async () => {
    const port = await freePort();
    const nothing = `REDIS_URL: nothing listens at 127.0.0.1:${port}.`;
    await finds(redisAddress(of(port)), nothing);
    const cluster = { ...redisAddress(of(port)), kind: 'cluster' as const };
    const both = [...cluster.hosts, ...redisAddress(of(await freePort())).hosts];
    await finds({ ...cluster, hosts: both }, nothing);
    const served = redisAddress(of(redis.port, 'redis', ':secret@'));
    await finds({ ...served, hosts: [...cluster.hosts, ...served.hosts] }, null);
    await finds(
      { ...served, kind: 'cluster' },
      `REDIS_CLUSTER: takes false, since 127.0.0.1:${redis.port} is not a node of a Redis Cluster.`,
    );
  });

  it('is that it speaks TLS, under a certificate that is not trusted', async () => {
    const [key, cert] = [certificate.keyFile, certificate.certFile].map((file) => readFileSync(file));
    const port = await listenWith(createTlsServer({ key, cert } as object, (socket) => socket.end('-ERR no\r\n')));
    await finds(redisAddress(of(port)), `REDIS_URL: 127.0.0.1:${port} speaks TLS; use rediss:// instead of redis://.`);
    const untrusted = /^REDIS_CA_FILE: the certificate of .* is from a CA that is not trusted/;
    await finds(redisAddress(of(port, 'rediss')), untrusted);
  });

  it('is that it wants a certificate, if it ends the connection after the handshake', async () => {
    const [key, cert] = [certificate.keyFile, certificate.certFile].map((file) => readFileSync(file));
    const port = await listenWith(createTlsServer({ key, cert } as object, (socket) => socket.end()));
    const { certFile: caFile, certFile, keyFile } = certificate;
    const address = { ...redisAddress(`rediss://localhost:${port}`), caFile };
    await finds(address, `REDIS_CERT_FILE: localhost:${port} wants a certificate of this service.`);
    // With one, the end alone does not say what is wrong.
    await finds({ ...address, certFile, keyFile }, /^REDIS_URL: localhost:\d+: Connection is closed/);
  });

  it('is that it does not answer', async () => {
    const port = await listenWith(createServer((socket) => socket.end()));
    await finds(redisAddress(of(port)), `REDIS_URL: 127.0.0.1:${port} does not answer.`);
  });

  it('is that it speaks no TLS, or is no Redis', async () => {
    const web = await answering('HTTP/1.1 400 Bad Request\r\n\r\n');
    const inClear = `REDIS_URL: 127.0.0.1:${redis.port} does not speak TLS; use redis:// instead of rediss://.`;
    await finds(redisAddress(of(redis.port, 'rediss')), inClear);
    await finds(redisAddress(of(web)), `REDIS_URL: the server at 127.0.0.1:${web} is not Redis.`);
  });

  it('is what a Redis says before it ends the connection', async () => {
    const full = await answering('-ERR max number of clients reached\r\n');
    await finds(redisAddress(of(full)), `REDIS_URL: 127.0.0.1:${full} takes no more clients (maxclients).`);
  });

  it('is that it is loading its data, for however long', async () => {
    const info = '# Persistence\r\nloading:1\r\nloading_eta_seconds:3600\r\n';
    const answer = `$${info.length}\r\n${info}\r\n`;
    const commandsIn = (chunk: Buffer): number => chunk.toString().match(/\*\d+\r\n/g)?.length ?? 0;
    const port = await listenWith(
      createServer((socket) => socket.on('data', (chunk) => socket.write(answer.repeat(commandsIn(chunk))))),
    );
    const faults: (string | null)[] = [];
    void diagnose(redisAddress(of(port))).then((fault) => faults.push(fault));
    await eventually(() => expect(faults).toEqual([`REDIS_URL: 127.0.0.1:${port} is loading its data.`]));
  });

  it('is told once by a start that hears nothing itself', async () => {
    const port = await freePort();
    const { log, lines } = captureLog('debug');
    const abandoning = new AbortController();
    const work = (): Promise<void> => new Promise(() => undefined);
    const starting = startUp(work, { address: redisAddress(of(port)), log, abandon: abandoning.signal });
    const told = (): unknown[] => lines().map(({ msg }) => msg);
    const look = 'looked at redis';
    await eventually(() => expect(told().filter((msg) => msg === look)).toHaveLength(2));
    abandoning.abort();
    await expect(starting).rejects.toThrow('given up');
    const fault = `REDIS_URL: nothing listens at 127.0.0.1:${port}. The service waits.`;
    expect(told().slice(0, 3)).toEqual([look, fault, look]);
  });

  it('is that it is not a sentinel, or that the sentinels know no such group', async () => {
    const address = {
      ...redisAddress(of(redis.port)),
      kind: 'sentinel',
      group: 'main',
      sentinelPassword: 'secret',
    } as const;
    await finds(address, `REDIS_URL: 127.0.0.1:${redis.port} is not a sentinel; use redis://.`);
    await finds(
      { ...address, sentinelPassword: null },
      `REDIS_SENTINEL_PASSWORD: 127.0.0.1:${redis.port} wants a password.`,
    );
    const sentinel = await startRedisSentinel(redis.port, 'secret');
    const port = Number(new URL(sentinel.url).port);
    const found = { ...address, hosts: [{ host: '127.0.0.1', port }] };
    await finds({ ...found, group: 'other' }, 'REDIS_URL: the sentinels do not know the group other.');
    await finds({ ...found, password: 'secret' }, null);
    await sentinel.stop();
  });
});

it('a fault has the words of its code, of its reply, or of a phrase in it; any other has none', () => {
  const where = { at: 'here:1', login: 'REDIS_URL' } as const;
  const ofCode = (code: string): string | null => describeFault(Object.assign(new Error('text'), { code }), where);
  const ofReply = (text: string): string | null => describeFault(new Error(text), where);
  expect(describeFault(new StartFault('as it is'), where)).toBe('as it is');
  expect(ofCode('ENOTFOUND')).toBe('REDIS_URL: the host of here:1 is not found (ENOTFOUND).');
  expect(ofCode('EHOSTUNREACH')).toBe('REDIS_URL: here:1 cannot be reached (EHOSTUNREACH).');
  expect(ofCode('CERT_HAS_EXPIRED')).toContain('is not valid now');
  expect(ofReply('LOADING Redis is loading')).toBe('REDIS_URL: here:1 is loading its data.');
  expect(ofReply('ERR This instance has cluster support disabled')).toContain('REDIS_CLUSTER: takes false');
  expect([ofCode('EOTHER'), ofReply('another')]).toEqual([null, null]);
});
