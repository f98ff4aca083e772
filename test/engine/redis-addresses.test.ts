/** Redis as people run it: behind sentinels, over TLS, as a cluster known by name, and in its own database. */
import { setImmediate } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  connect as connectClient,
  openCommandClient,
  openSubscriberClient,
  type RedisClient,
} from '../../src/engine/redis/client.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { closingAfterEach } from '../support/closing.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { redisAddress } from '../support/redis-address.ts';
import { startRedisSentinel } from '../support/redis-sentinel.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const PASSWORD = 'of-the-sentinel';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence } }';

const closing = closingAfterEach();

const startServer = async (...settings: string[]): Promise<RedisServer> =>
  closing(await startRedisServer('--repl-diskless-sync-delay', '0', ...settings), (server) => server.stop());
const startService = async (env: Record<string, string>): Promise<TestService> =>
  closing(await startTestService({ env }), (service) => service.close());
const connect = (url: string): Redis => closing(new Redis(url), (client) => client.disconnect());

/** A cluster of one node. Its other port is by default one that there may not be. */
const clustered = async (): Promise<string[]> => [
  '--cluster-enabled',
  'yes',
  '--cluster-port',
  String(await freePort()),
];

async function servesAll(admin: Redis): Promise<void> {
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'));
}

/** One message, heard where it should be. */
async function works(service: TestService, there: TestService = service): Promise<void> {
  expect((await service.query('alice', CREATE)).errors).toBeUndefined();
  const alice = await there.connect('alice');
  const heard = await alice.subscribe('subscription { messageReceived { sequence } }');
  await service.query('alice', SEND);
  await eventually(() => expect(heard.events.length).toBe(1));
  await alice.close();
}

describe('databases', () => {
  it('are separate, also in announcements', async () => {
    const server = await startServer();
    const [none, third, alsoThird] = [
      await startService({ REDIS_URL: server.url }),
      await startService({ REDIS_URL: `${server.url}/3` }),
      await startService({ REDIS_URL: `${server.url}/3` }),
    ];
    await certainly(none, 'alice', CREATE);
    const alice = await none.connect('alice');
    const heard = await alice.subscribe('subscription { messageReceived { content sequence } }');
    await works(third, alsoThird);
    expect((await none.query('alice', SEND)).data).toEqual({ sendMessage: { sequence: 1 } });
    await eventually(() => expect(heard.events.length).toBeGreaterThan(0));
    expect(heard.events).toHaveLength(1);
    await alice.close();
  });

  it('a database that the server does not have fails the start with its name', async () => {
    const server = await startServer();
    await expect(startService({ REDIS_URL: `${server.url}/99` })).rejects.toThrow(/REDIS_URL names database 99/);
  });
});

describe('TLS', () => {
  let certificate: TestCertificate;
  beforeAll(() => {
    certificate = makeCertificate(1);
  });
  afterAll(() => certificate.remove());

  /** Takes only clients that show a certificate. */
  async function startEncrypted(...settings: string[]): Promise<{ port: number; server: RedisServer }> {
    const { certFile, keyFile } = certificate;
    const port = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    const server = await startServer('--tls-port', String(port), '--tls-auth-clients', 'yes', ...files, ...settings);
    return { port, server };
  }
  const env = (port: number, more: Record<string, string> = {}): Record<string, string> => ({
    REDIS_URL: `rediss://localhost:${port}`,
    REDIS_CA_FILE: certificate.certFile,
    REDIS_CERT_FILE: certificate.certFile,
    REDIS_KEY_FILE: certificate.keyFile,
    ...more,
  });

  it('works with a private CA and a client certificate', async () => {
    const { port } = await startEncrypted();
    await works(await startService(env(port)));
  });

  it('works with a cluster whose certificates name hosts', async () => {
    const names = ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname'];
    const { port, server } = await startEncrypted(...(await clustered()), '--tls-cluster', 'yes', ...names);
    await servesAll(connect(server.url));
    await works(await startService(env(port, { REDIS_CLUSTER: 'true' })));
  });
});

describe('a cluster known by name', () => {
  it('is resolved again by every connection while all of it is away, until it is found', async () => {
    const server = await startServer(...(await clustered()), '--cluster-announce-ip', '127.0.0.1');
    // Of a server that is killed.
    await servesAll(connect(server.url).on('error', () => undefined));
    const address = { ...redisAddress(`redis://localhost:${server.port}`), kind: 'cluster' as const };
    const attempts: number[] = [];
    const clients: RedisClient[] = [];
    // One by one: the driver gives a first connection two seconds, which twenty at once do not keep on a busy machine.
    for (let index = 0; index < 20; index += 1) {
      const client = closing(
        openSubscriberClient(address, () => undefined),
        (opened) => opened.disconnect(),
      );
      await connectClient(client);
      await client.ssubscribe('channel');
      attempts[index] = 0;
      client.on('connecting', () => {
        attempts[index] = (attempts[index] ?? 0) + 1;
      });
      clients.push(client);
    }
    server.process.kill('SIGKILL');
    await eventually(() => expect(Math.min(...attempts)).toBeGreaterThan(6));
    await server.restart();
    await eventually(() => expect(new Set(clients.map(({ status }) => status))).toEqual(new Set(['ready'])));
  });
});

describe('F45: Sentinel', () => {
  it.each(['is reported', 'was not heard of when it happened'])(
    'G01: a replaced primary is left before it is demoted, once the switch %s',
    async (how) => {
      // It takes writes for ever: a sentinel has no word for it.
      const first = await startServer('--rename-command', 'REPLICAOF', '', '--rename-command', 'SLAVEOF', '');
      const second = await startServer();
      await connect(second.url).replicaof('127.0.0.1', first.port);
      const sentinel = closing(await startRedisSentinel(first.port, PASSWORD), (opened) => opened.stop());
      await eventually(async () =>
        expect(JSON.stringify(await sentinel.ask('replicas'))).toContain('"master-link-status","ok"'),
      );
      const sentinelPort = Number(new URL(sentinel.url).port);
      const proxy = closing(await startTcpProxy(sentinelPort), (opened) => opened.close());
      const url = sentinel.url.replace(`:${sentinelPort}/`, `:${proxy.port}/`);
      const service = await startService({ REDIS_URL: url, REDIS_SENTINEL_PASSWORD: PASSWORD });
      await works(service);
      if (how !== 'is reported') proxy.redirect(await freePort());
      await eventually(async () => expect(await sentinel.ask('failover')).toBe('OK'));
      await eventually(async () => expect(await sentinel.primary()).toBe(second.port));
      proxy.lead(sentinelPort);
      const writesOf = async (url: string): Promise<number> =>
        Number(/cmdstat_spublish:calls=(\d+)/.exec(await connect(url).info('commandstats'))?.[1] ?? 0);
      const before = await writesOf(second.url);
      await eventually(async () => {
        await service.query('alice', SEND);
        expect(await writesOf(second.url)).toBeGreaterThan(before);
      });
    },
  );

  it('G01: a switch that is reported while a connection is being made does not end the client', async () => {
    const server = await startServer();
    const sentinel = closing(await startRedisSentinel(server.port, PASSWORD), (opened) => opened.stop());
    const address = { ...redisAddress(sentinel.url), sentinelPassword: PASSWORD };
    const clients = [openCommandClient, openSubscriberClient].map((open) =>
      closing(
        open(address, () => undefined),
        (opened) => opened.disconnect(),
      ),
    );
    for (const client of clients) {
      await connectClient(client);
      for (let turns = 0; turns < 40; turns += 4) {
        // What is done at a switch.
        client.disconnect(true);
        await new Promise<void>((resolve) => client.once('connecting', () => resolve()));
        for (let turn = 0; turn < turns; turn += 1) await setImmediate();
        client.disconnect(true);
        await eventually(async () => expect(await client.ping()).toBe('PONG'));
      }
    }
  });

  it('after a planned failover and after a killed primary, the new primary is used', async () => {
    const [first, second] = [await startServer(), await startServer()];
    await connect(second.url).replicaof('127.0.0.1', first.port);
    const sentinel = closing(await startRedisSentinel(first.port, PASSWORD), (opened) => opened.stop());
    const replicas = async (): Promise<string> => JSON.stringify(await sentinel.ask('replicas'));
    const isFollowed = async (port: number): Promise<void> =>
      eventually(async () => {
        expect(await replicas()).toContain(`"port","${port}"`);
        expect(await replicas()).toContain('"master-link-status","ok"');
      });
    // A failover takes no notice of what the other has not received yet.
    const isReplicated = async (url: string): Promise<void> => {
      const primary = connect(url);
      await eventually(async () => {
        await primary.set('mark', 1);
        expect(await primary.wait(1, 1_000)).toBe(1);
      });
    };
    await isFollowed(second.port);
    const service = await startService({ REDIS_URL: sentinel.url, REDIS_SENTINEL_PASSWORD: PASSWORD });
    await works(service);
    const alice = await service.connect('alice');
    const heard = await alice.subscribe('subscription { messageReceived { sequence } }');
    const goesOn = async (): Promise<void> => {
      await eventually(async () => expect((await service.query('alice', SEND)).errors).toBeUndefined());
      const before = heard.events.length;
      await service.query('alice', SEND);
      await eventually(() => expect(heard.events.length).toBeGreaterThan(before));
    };
    await isReplicated(first.url);
    await eventually(async () => expect(await sentinel.ask('failover')).toBe('OK'));
    await eventually(async () => expect(await sentinel.primary()).toBe(second.port));
    await isFollowed(first.port);
    await goesOn();
    await isReplicated(second.url);
    await sentinel.watchClosely();
    await second.stop();
    await eventually(async () => expect(await sentinel.primary()).toBe(first.port));
    await goesOn();
    await alice.close();
  });
});
