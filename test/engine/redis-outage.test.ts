/** The service while Redis is unavailable. */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { deadline } from '../../src/clock.ts';
import { withCircuit } from '../../src/engine/circuit.ts';
import type { Channel } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import { certainly } from '../support/conversations.ts';
import { LATENCY_MS } from '../support/distance.ts';
import { eventually } from '../support/eventually.ts';
import { metric } from '../support/metrics.ts';
import { connectRaw } from '../support/raw-client.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, createGroup, newConversationId, tenant, text } from '../support/world.ts';

const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence } }';

describe('the circuit around Redis', () => {
  let redis: RedisServer;
  let service: TestService;
  beforeEach(async () => {
    redis = await startRedisServer('--appendonly', 'yes', '--appendfsync', 'always');
    service = await startTestService({ env: { REDIS_URL: redis.url } });
    await certainly(service, 'alice', CREATE);
    // What is read once and remembered is remembered.
    await service.query('alice', SEND);
  });
  afterEach(async () => {
    redis.process.kill('SIGCONT');
    await service.close();
    await redis.stop();
  });
  const detailed = async () => (await (await fetch(`${service.url}/health/detailed`)).json()) as never;
  /** Operations of the engine, by name. */
  const outcomes = async (outcome: string): Promise<Map<string, number>> => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const lines = text.matchAll(/^realtime_engine_operations_total\{operation="(\w+)",outcome="(\w+)"\} (\d+)/gm);
    return new Map([...lines].filter((line) => line[2] === outcome).map((line) => [line[1] ?? '', Number(line[3])]));
  };
  const circuit = async (): Promise<string> =>
    (await detailed()) &&
    ((await detailed()) as { components: { engine: { circuit: string } } }).components.engine.circuit;

  it('G14: opens while Redis hangs, refuses at once, keeps sockets, and closes by itself', async () => {
    const alice = await service.connect('alice');
    const heard = await alice.subscribe('subscription { messageReceived { sequence } }');
    expect(await circuit()).toBe('closed');
    redis.process.kill('SIGSTOP');
    await Promise.all(Array.from({ length: 8 }, () => service.query('alice', SEND)));
    expect(await metric(service.url, 'realtime_engine_circuit_open')).toBe(1);
    expect(await metric(service.url, 'realtime_engine_failures_total')).toBeGreaterThanOrEqual(5);
    // Thirty that each waited for its own timeout would take a minute; the circuit makes them none: Redis is not asked.
    const [failed, refused] = [await outcomes('failed'), await outcomes('refused')];
    const codes = [];
    for (let n = 0; n < 30; n += 1) codes.push((await service.query('alice', SEND)).errors?.[0]?.extensions);
    expect(codes).toEqual(Array(30).fill({ code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1_000 }));
    expect(await metric(service.url, 'realtime_engine_refusals_total')).toBeGreaterThanOrEqual(30);
    // What the service asked for itself before the circuit opened may fail only now.
    const since = await outcomes('refused');
    const asked = [...since.keys()].filter((name) => (since.get(name) ?? 0) >= (refused.get(name) ?? 0) + 30);
    expect(asked).not.toEqual([]);
    const now = await outcomes('failed');
    for (const name of asked) expect([name, now.get(name)]).toEqual([name, failed.get(name)]);
    // G10: who comes meanwhile is sent away, and nothing of them waits to be taken back.
    const { pending } = service.clock;
    for (let n = 0; n < 20; n += 1) expect((await service.connect('bob')).closes[0]?.code).toBe(1013);
    expect(service.clock.pending).toBeLessThan(pending + 20);
    redis.process.kill('SIGCONT');
    await eventually(async () => expect(await circuit()).toBe('closed'));
    await eventually(async () => expect((await service.query('alice', SEND)).errors).toBeUndefined());
    await eventually(() => expect(heard.events.length).toBeGreaterThan(0));
    expect(alice.closes).toEqual([]);
    await alice.close();
  });

  it('/health/detailed says why there is no connection, and names the setting', async () => {
    redis.process.kill('SIGKILL');
    await eventually(async () => {
      const { components } = (await detailed()) as { components: { engine: { status: string; reason: string } } };
      expect(components.engine.status).toBe('down');
      // From afar the way to it listens, and closes.
      expect(components.engine.reason).toMatch(
        LATENCY_MS > 0 ? /connection/i : /^REDIS_URL: nothing listens at its server\.$/,
      );
    });
    await redis.restart();
    await eventually(async () => expect(await detailed()).toMatchObject({ components: { engine: { reason: null } } }));
  });

  it('G14: an operation fails after 2 s, also behind one that hangs', async () => {
    const { clock } = service;
    const record = { operated() {}, refused() {} };
    const observe = { recordOf: () => record, turned() {}, memory() {}, lag() {}, ignored() {} };
    const redisEngine = await openEngineOn(redis.url, { prefix: 'behind', clock });
    const { engine } = withCircuit(redisEngine, {
      clock,
      deadlineMs: TIMES.operationMs,
      isOutage: () => true,
      observe,
    });
    redis.process.kill('SIGSTOP');
    const over: string[] = [];
    const ask = (name: string) => engine.readPresence(tenant, [alice]).catch(() => over.push(name));
    const bus = { onAnnouncement: () => undefined, onInterrupted: () => undefined };
    const channel = { kind: 'conversation', tenant, id: newConversationId() } as const;
    const listened = expect(redisEngine.listen(channel, bus)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const asked = [ask('first')];
    // The first is sent before the second is asked, which then waits for it.
    await turn();
    asked.push(ask('second'));
    await turn();
    // Deadlines of one length run in the order in which they began, however late a busy machine runs them.
    const reference = new Promise<string[]>((resolve) => deadline(TIMES.operationMs, () => resolve([...over])));
    expect(await reference).toEqual(['first', 'second']);
    await Promise.all([...asked, listened]);
    redis.process.kill('SIGCONT');
    await engine.close();
  });

  it('G14: five outages in a row open the circuit, also after successes', async () => {
    const { engine, fail } = unsteady(await openEngineOn(redis.url, { prefix: 'counted' }));
    const turns: boolean[] = [];
    const record = { operated() {}, refused() {} };
    const { engine: guarded } = withCircuit(engine, {
      clock: new TestClock(),
      deadlineMs: TIMES.operationMs,
      isOutage: () => true,
      observe: { recordOf: () => record, turned: (isOpen) => turns.push(isOpen), memory() {}, lag() {}, ignored() {} },
    });
    const failInARow = async (count: number): Promise<void> => {
      fail(count);
      for (let n = 0; n < count; n += 1) await expect(guarded.readPresence(tenant, [alice])).rejects.toThrow();
    };
    for (let round = 0; round < 3; round += 1) {
      await failInARow(4);
      await guarded.readPresence(tenant, [alice]);
    }
    expect(turns).toEqual([]);
    await failInARow(5);
    expect(turns).toEqual([true]);
    await guarded.close();
  });

  it('F15, F21, W78: an error reply of Redis fails only its operation, and is not shown to clients', async () => {
    const client = new Redis(redis.url);
    // Nobody follows bob, so this membership waits in his list, and reading it writes.
    await service.query('alice', 'mutation { createConversation(input: {id: "w", memberIds: ["bob"]}) { id } }');
    await client.config('SET', 'maxmemory', '1mb');
    for (let n = 0; n < 10; n += 1) expect((await service.query('alice', SEND)).code).toBe('SERVICE_UNAVAILABLE');
    expect((await service.query('alice', '{ conversation(id: "c") { id } }')).data).toEqual({
      conversation: { id: 'c' },
    });
    const read = await service.query('bob', '{ viewer { inbox { edges { node { conversation { id } } } } } }');
    expect(read.data.viewer.inbox.edges).toEqual([{ node: { conversation: { id: 'w' } } }]);
    expect(await circuit()).toBe('closed');
    await client.config('SET', 'maxmemory', '0');
    expect((await service.query('alice', SEND)).errors).toBeUndefined();
    const [key = ''] = (await client.keys('*')).filter((each) => /:\{c\..*:log$/.test(each));
    expect(key).not.toBe('');
    await client.set(key, 'broken');
    for (let n = 0; n < 10; n += 1) expect((await service.query('alice', SEND)).code).toBe('SERVICE_UNAVAILABLE');
    const told = [JSON.stringify(await service.query('alice', SEND))];
    const [socket, raw] = [await service.connect('alice'), await connectRaw(service, 'alice')];
    told.push(JSON.stringify(await socket.query(SEND)));
    told.push(JSON.stringify(await raw.ask('RoomMessage', { room: 'c', payload: 'x' })));
    for (const answer of told) {
      expect(answer).toContain('"message":"The service is unavailable; retry after retryAfterMs."');
      expect(answer).not.toMatch(/WRONGTYPE|redis|lua|:log|broken/i);
    }
    await Promise.all([socket.close(), raw.close()]);
    await service.query('alice', CREATE.replace('"c"', '"d"'));
    expect((await service.query('alice', SEND.replace('"c"', '"d"'))).errors).toBeUndefined();
    expect(await circuit()).toBe('closed');
    client.disconnect();
  });

  it('F23: after SCRIPT FLUSH everything works as before', async () => {
    const client = new Redis(redis.url);
    await client.script('FLUSH');
    expect((await service.query('alice', SEND)).data).toEqual({ sendMessage: { sequence: 2 } });
    client.disconnect();
  });

  it('F24: a script that never ends opens the circuit; after it is killed everything works', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'busy-reply-threshold', '100');
    const other = new Redis(redis.url);
    await other.ping();
    const endless = client.eval('while true do end', 0).catch(() => null);
    const answers = await Promise.all(Array.from({ length: 6 }, () => service.query('alice', SEND)));
    expect(answers.map(({ code }) => code)).toEqual(Array(6).fill('SERVICE_UNAVAILABLE'));
    expect(await metric(service.url, 'realtime_engine_circuit_open')).toBe(1);
    await other.script('KILL');
    await endless;
    await eventually(async () => expect((await service.query('alice', SEND)).errors).toBeUndefined());
    client.disconnect();
    other.disconnect();
  });
});

it('G05, G10: an interruption is reported to a hundred channels a turn, before later announcements', async () => {
  const redis = await startRedisServer();
  const node = await openEngineOn(redis.url, { prefix: 'divided' });
  const other = await openEngineOn(redis.url, { prefix: 'divided' });
  const conversation = await createGroup(other, alice);
  // The last to be told of the conversations, and one of a kind that is told before them.
  const ids = [...Array.from({ length: 500 }, () => newConversationId()), conversation];
  const channels: Channel[] = ids.map((id) => ({ kind: 'conversation', tenant, id }));
  channels.push({ kind: 'sessions', tenant, id: alice });
  let inTurn = 0;
  let most = 0;
  /** Each once, in order. */
  const told = new Set<string>();
  let announced: Promise<unknown> | null = null;
  const interrupted = (id: string): void => {
    if (inTurn === 0) setImmediate(() => (inTurn = 0));
    inTurn += 1;
    most = Math.max(most, inTurn);
    told.add(id);
    announced ??= other.appendMessage(tenant, text(conversation, alice, 'hello'));
  };
  await Promise.all(
    channels.map((channel) =>
      node.listen(channel, {
        onAnnouncement: ({ type }) => void told.add(type),
        onInterrupted: () => interrupted(channel.id),
      }),
    ),
  );
  const admin = new Redis(redis.url);
  await admin.ping();
  // A busy machine may have found a break while it joined.
  told.clear();
  announced = null;
  await admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
  await eventually(() => expect(told.size).toBe(channels.length + 1));
  await announced;
  // A hundred of one break and those of which something is announced; a second break may be told beside it.
  expect(most).toBeLessThan(channels.length / 2);
  // A token that was taken back meanwhile is good until it is told.
  const order = [...told];
  expect(order[0]).toBe(alice);
  expect(order.indexOf('message')).toBeGreaterThan(order.indexOf(conversation));
  admin.disconnect();
  await node.close();
  await other.close();
  await redis.stop();
});

describe('a primary that is demoted', () => {
  it('G21, F44: writes follow its host name, and readiness reports when no primary is there', async () => {
    const quickly = ['--repl-diskless-sync-delay', '0'];
    const [first, second] = await Promise.all([startRedisServer(...quickly), startRedisServer(...quickly)]);
    const admin = { first: new Redis(first.url), second: new Redis(second.url) };
    const name = await startTcpProxy(first.port);
    const service = await startTestService({ env: { REDIS_URL: `redis://127.0.0.1:${name.port}` } });
    const ready = async (): Promise<number> => (await fetch(`${service.url}/health/ready`)).status;
    try {
      await certainly(service, 'alice', CREATE);
      const alice = await service.connect('alice');
      const heard = await alice.subscribe('subscription { messageReceived { sequence } }');
      await admin.second.replicaof('127.0.0.1', first.port);
      await eventually(async () => expect(await admin.second.info('replication')).toContain('master_link_status:up'));
      await admin.second.replicaof('NO', 'ONE');
      await admin.first.replicaof('127.0.0.1', second.port);
      // The connections to the old primary stay open: it answers reads and PING, and refuses writes.
      await eventually(async () => expect((await service.query('alice', SEND)).code).toBe('SERVICE_UNAVAILABLE'));
      await eventually(async () => expect(await ready()).toBe(503));
      name.lead(second.port);
      await eventually(async () => expect((await service.query('alice', SEND)).errors).toBeUndefined());
      await eventually(async () => expect(await ready()).toBe(200));
      await eventually(() => expect(heard.events.length).toBeGreaterThan(0));
      await alice.close();
    } finally {
      await service.close();
      await name.close();
      admin.first.disconnect();
      admin.second.disconnect();
      await Promise.all([first.stop(), second.stop()]);
    }
  });

  it('F47: a server whose memory is full serves reads, and is not ready', async () => {
    const redis = await startRedisServer('--maxmemory-policy', 'noeviction');
    const admin = new Redis(redis.url);
    const service = await startTestService({ env: { REDIS_URL: redis.url } });
    const ready = async (): Promise<number> => (await fetch(`${service.url}/health/ready`)).status;
    try {
      await certainly(service, 'alice', CREATE);
      await admin.config('SET', 'maxmemory', '1mb');
      await eventually(async () => expect(await ready()).toBe(503));
      // What the server says, and not that it is away.
      expect(await (await fetch(`${service.url}/health/detailed`)).text()).toMatch(/"reason":"[^"]*OOM/);
      expect((await service.query('alice', '{ conversation(id: "c") { id } }')).data).toEqual({
        conversation: { id: 'c' },
      });
      await admin.config('SET', 'maxmemory', '0');
      await eventually(async () => expect(await ready()).toBe(200));
    } finally {
      await service.close();
      admin.disconnect();
      await redis.stop();
    }
  });
});
