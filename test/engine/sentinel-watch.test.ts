/** The connections to the sentinels that report another primary. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Redis } from 'ioredis';
import { watchSentinels } from '../../src/engine/redis/sentinel-watch.ts';
import { TIMES } from '../../src/limits.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { redisAddress } from '../support/redis-address.ts';
import { type RedisSentinel, startRedisSentinel } from '../support/redis-sentinel.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';

const PASSWORD = 'of-the-sentinel';

describe('the watch over a sentinel', () => {
  let server: RedisServer;
  let sentinel: RedisSentinel;
  let proxy: TcpProxy;
  let admin: Redis;
  let unwatch = (): void => undefined;
  const clock = new TestClock();
  beforeAll(async () => {
    server = await startRedisServer();
    sentinel = await startRedisSentinel(server.port, PASSWORD);
    const { port } = new URL(sentinel.url);
    proxy = await startTcpProxy(Number(port));
    admin = new Redis({ host: '127.0.0.1', port: Number(port), password: PASSWORD });
  });
  afterEach(async () => {
    unwatch();
    await eventually(async () => expect(await listening()).toBe(0));
  });
  afterAll(async () => {
    admin.disconnect();
    await proxy.close();
    await sentinel.stop();
    await server.stop();
  });

  const watch = (): void => {
    const address = redisAddress(sentinel.url.replace(/:\d+\//, `:${proxy.port}/`));
    unwatch = watchSentinels({ ...address, sentinelPassword: PASSWORD }, [], clock);
  };
  /** The connections that the sentinel tells. */
  const listening = async (): Promise<number> => String(await admin.client('LIST')).match(/ sub=1 /g)?.length ?? 0;

  it('is subscribed again once the sentinel that refused it allows it', async () => {
    await admin.call('ACL', 'SETUSER', 'default', '-subscribe');
    const before = proxy.accepted;
    watch();
    await eventually(async () => {
      expect(proxy.accepted).toBeGreaterThan(before);
      expect(String(await admin.acl('LOG'))).toContain('subscribe');
    });
    await admin.call('ACL', 'SETUSER', 'default', '+subscribe');
    await eventually(async () => {
      clock.advance(TIMES.sentinelCheckMs);
      expect(await listening()).toBe(1);
    });
  });

  it('is made again when the network between them has become silent', async () => {
    watch();
    await eventually(async () => expect(await listening()).toBe(1));
    const before = proxy.accepted;
    expect(proxy.silence()).toBe(1);
    await eventually(async () => {
      clock.advance(TIMES.sentinelCheckMs);
      expect(proxy.accepted).toBeGreaterThan(before);
      expect(await listening()).toBe(1);
    });
  });
});

it('a sentinel that speaks TLS is asked over TLS', async () => {
  const certificate = makeCertificate(1);
  const sockets = new Set<TLSSocket>();
  const [key, cert] = [certificate.keyFile, certificate.certFile].map((file) => readFileSync(file));
  const server = createServer({ key, cert } as object, (socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  const address = { ...redisAddress(`rediss+sentinel://localhost:${port}/main`), caFile: certificate.certFile };
  const unwatch = watchSentinels(address, [], new TestClock());
  await eventually(() => expect(sockets.size).toBe(1));
  unwatch();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  certificate.remove();
});
