/**
 * npm run sizing [-- --scale 0.1] [-- --write]: bytes and processor time of each thing that is stored, and of a subscribed socket.
 *
 * The engine makes each thing many times, on a Redis of its own and in a file of the embedded engine. The bytes of Redis are
 * `used_memory`, and its processor time is that of its process. `--write` puts the figures into docs/sizing.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from 'graphql-ws';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { signToken } from '../src/access/tokens.ts';
import { systemClock } from '../src/clock.ts';
import { openEmbeddedEngine } from '../src/engine/embedded/engine.ts';
import type { Engine } from '../src/engine/port.ts';
import {
  type ConnectionId,
  type ConversationId,
  type DeviceId,
  EVENT_TYPES,
  type PublicationId,
  type SessionId,
  type Topic,
} from '../src/model.ts';
import { openEngineOn } from '../test/support/redis-engine.ts';
import { startRedisServer } from '../test/support/redis-server.ts';
import { tenant, text, userId } from '../test/support/world.ts';

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, write: { type: 'boolean', default: false } },
});
const SCALE = Number(values.scale);
/** The scaled number of things to make. */
const sizeOf = (count: number): number => Math.max(Math.round(count * SCALE), 1);
const CONVERSATIONS = 5_000;
const AT_ONCE = 100;
const CONTENT = 'x'.repeat(100);
const WAIT_MS = 500;

/** A thing that is stored: its name, how many are made, and how the nth is made. */
interface Thing {
  readonly name: string;
  readonly count: number;
  /** Runs before the measurement. */
  readonly prepare?: (engine: Engine) => Promise<unknown>;
  readonly make: (engine: Engine, n: number) => Promise<unknown>;
}

const conversation = (n: number): ConversationId => `conversation-${n}` as ConversationId;
const member = (n: number) => userId(`user-${n}`);
const ROOM = 'room' as ConversationId;
const pairOf = (n: number) => [member(2 * n), member(2 * n + 1)] as const;

const create = (engine: Engine, id: ConversationId, kind: 'GROUP' | 'ROOM', n: number): Promise<unknown> => {
  const [first, second] = pairOf(n);
  const members = [first, second].map((each) => ({ userId: each, role: 'OWNER' as const }));
  return engine.createConversation(tenant, { id, name: 'A name', kind, createdBy: first, members });
};

const send = (engine: Engine, n: number, key?: string): Promise<unknown> =>
  engine.appendMessage(
    tenant,
    text(conversation(n % sizeOf(CONVERSATIONS)), pairOf(n % sizeOf(CONVERSATIONS))[0], CONTENT, key),
  );

const connect = (engine: Engine, n: number): Promise<unknown> =>
  engine.connect(tenant, member(n), {
    connectionId: `connection-${n}` as ConnectionId,
    deviceId: 'phone' as DeviceId,
    sessionId: null,
    connectionType: 'GRAPHQL_WS',
  });

function session(engine: Engine, n: number): Promise<unknown> {
  const now = Date.now();
  const times = { createdAt: now, lastSeenAt: now, expiresAt: now + 30 * 86_400_000, revokedAt: null, rotatedAt: now };
  const names = { deviceId: 'phone' as DeviceId, deviceName: 'A phone', userAgent: CONTENT, scope: '' };
  const secrets = { currentHash: 'h'.repeat(43), previousHash: '', nonce: 'n'.repeat(16), usedHashes: [] };
  const topics = { publish: null, subscribe: null };
  const id = `session-${n}` as SessionId;
  return engine.writeSession(tenant, { id, userId: member(n), topics, ...times, ...names, ...secrets, version: 1 }, []);
}

const publish = (engine: Engine, topic: string, n: number): Promise<unknown> =>
  engine.publish(tenant, {
    id: `publication-${n}` as PublicationId,
    topic: topic as Topic,
    payload: { text: CONTENT },
    senderId: member(0),
  });

const listener = { onAnnouncement: () => undefined, onInterrupted: () => undefined };
const listen = (engine: Engine, n: number): Promise<unknown> =>
  engine.listen({ kind: 'conversation', tenant, id: conversation(n) }, listener);

/** In this order: later ones use what earlier ones made. */
const THINGS: readonly Thing[] = [
  {
    name: 'conversation of two members who are away, without another conversation',
    count: CONVERSATIONS,
    make: (engine, n) => create(engine, conversation(n), 'GROUP', n),
  },
  {
    name: 'list of such a member, read for the first time',
    count: 2 * CONVERSATIONS,
    make: (engine, n) => engine.countUnread(tenant, member(n)),
  },
  {
    name: 'member of a room who is away, without another conversation',
    count: 5_000,
    prepare: (engine) => create(engine, ROOM, 'ROOM', 0),
    make: (engine, n) => engine.addMembers(tenant, ROOM, [member(100_000 + n)], 'MEMBER'),
  },
  {
    name: 'message of 100 characters, the first four of a conversation',
    count: 20_000,
    make: (engine, n) => send(engine, n),
  },
  {
    name: 'message of 100 characters with an idempotency key, the next two of a conversation',
    count: 10_000,
    make: (engine, n) => send(engine, n, `key-${n}`),
  },
  { name: 'connected user', count: 5_000, make: (engine, n) => connect(engine, n) },
  { name: 'session', count: 5_000, make: session },
  {
    name: 'publication to one topic, which keeps the latest 100',
    count: 10_000,
    make: (engine, n) => publish(engine, 'news', n),
  },
  { name: 'publication, each to a new topic', count: 5_000, make: (engine, n) => publish(engine, `topic-${n}`, n) },
  {
    name: 'message that is also stored for a consumer',
    count: 10_000,
    prepare: (engine) =>
      engine.saveConsumer(tenant, { name: 'bot', events: EVENT_TYPES, conversations: null, topics: null }, 'NOW'),
    make: (engine, n) => send(engine, n),
  },
  { name: 'conversation with a subscriber on a node', count: 1_000, make: listen },
];

interface Figures {
  readonly bytes: number;
  readonly cpuMicros: number;
}

/** The bytes that one thing adds, and the processor time that it takes. */
async function measure(engine: Engine, thing: Thing, look: () => Promise<Figures>): Promise<Figures> {
  const count = sizeOf(thing.count);
  await thing.prepare?.(engine);
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  const before = await look();
  for (let n = 0; n < count; n += AT_ONCE) {
    const due = Math.min(AT_ONCE, count - n);
    await Promise.all(Array.from({ length: due }, (_, index) => thing.make(engine, n + index)));
  }
  // Wait for the lists and events that follow each change.
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  const after = await look();
  return { bytes: (after.bytes - before.bytes) / count, cpuMicros: (after.cpuMicros - before.cpuMicros) / count };
}

const numberIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name}[: ](.+)$`, 'm').exec(text)?.[1] ?? 0);

async function onRedis(): Promise<Map<string, Figures>> {
  const server = await startRedisServer();
  const redis = new Redis(server.url);
  const engine = await openEngineOn(server.url, { prefix: 'rt', clock: systemClock });
  const look = async (): Promise<Figures> => {
    const [memory, cpu] = await Promise.all([redis.info('memory'), redis.info('cpu')]);
    const seconds = numberIn(cpu, 'used_cpu_user') + numberIn(cpu, 'used_cpu_sys');
    return { bytes: numberIn(memory, 'used_memory'), cpuMicros: seconds * 1e6 };
  };
  const figures = new Map<string, Figures>();
  for (const thing of THINGS) figures.set(thing.name, await measure(engine, thing, look));
  await engine.close();
  redis.disconnect();
  await server.stop();
  return figures;
}

async function embedded(): Promise<Map<string, Figures>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sizing-'));
  let engine: Engine | null = null;
  /** Closes the engine first, because only a closed file contains everything. */
  const sizeNow = async (): Promise<number> => {
    await engine?.close();
    const { size } = statSync(join(dataDir, 'realtime.db'), { throwIfNoEntry: false }) ?? { size: 0 };
    engine = openEmbeddedEngine({ dataDir, retention: null, clock: systemClock });
    return size;
  };
  const figures = new Map<string, Figures>();
  for (const thing of THINGS) {
    const before = await sizeNow();
    const cpu = async (): Promise<Figures> => {
      const { user, system } = process.threadCpuUsage();
      return { bytes: 0, cpuMicros: user + system };
    };
    const { cpuMicros } = await measure(engine as unknown as Engine, thing, cpu);
    const count = sizeOf(thing.count);
    figures.set(thing.name, { bytes: ((await sizeNow()) - before) / count, cpuMicros });
  }
  await (engine as Engine | null)?.close();
  rmSync(dataDir, { recursive: true, force: true });
  return figures;
}

/** A service in a process of its own, on the embedded engine. */
async function startService(secret: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const env = {
    ...process.env,
    PORT: '0',
    JWT_SECRET: secret,
    REDIS_URL: '',
    DATA_DIR: ':memory:',
    DRAIN_WINDOW: '0ms',
    RATE_LIMIT_ENABLED: 'false',
  };
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--no-warnings', main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const chunk of child.stdout) {
    const port = /"(?:port|url)":"?(?:http:\/\/[^:]+:)?(\d+)/.exec(String(chunk))?.[1];
    if (port !== undefined && /service started/.test(String(chunk))) return { child, url: `127.0.0.1:${port}` };
  }
  throw new Error('The service did not start.');
}

function lifeOfToken(): { readonly issuedAt: number; readonly expiresAt: number } {
  const issuedAt = Math.floor(Date.now() / 1_000);
  return { issuedAt, expiresAt: issuedAt + 3_600 };
}

async function ofSockets(): Promise<Figures> {
  const secret = 'secret-of-sizing-secret-of-sizing';
  const { child, url } = await startService(secret);
  const count = sizeOf(2_000);
  const look = async (): Promise<{ bytes: number; cpu: number }> => {
    const text = await (await fetch(`http://${url}/metrics`)).text();
    const bytes = numberIn(text, 'process_resident_memory_bytes');
    return { bytes, cpu: numberIn(text, 'process_cpu_seconds_total') };
  };
  const open = async (n: number): Promise<void> => {
    const accessToken = await signToken({ secret, tenant, userId: member(n), ...lifeOfToken() });
    const client = createClient({
      url: `ws://${url}/graphql`,
      webSocketImpl: WebSocket,
      lazy: false,
      retryAttempts: 0,
      connectionParams: { Authorization: `Bearer ${accessToken}` },
      onNonLazyError: () => undefined,
    });
    await new Promise<void>((resolve) => client.on('connected', () => resolve()));
    client.subscribe(
      { query: 'subscription { messageReceived { id content } }' },
      { next() {}, error() {}, complete() {} },
    );
  };
  // The first sockets load code and data that all of them use.
  for (let n = 0; n < 100; n += 1) await open(n);
  const before = await look();
  for (let n = 0; n < count; n += 20)
    await Promise.all(Array.from({ length: 20 }, (_, index) => open(1_000 + n + index)));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const after = await look();
  child.kill('SIGKILL');
  return {
    bytes: (after.bytes - before.bytes) / count,
    cpuMicros: ((after.cpu - before.cpu) * 1e6) / count,
  };
}

const shown = (value: number): string => Math.max(Math.round(value), 0).toLocaleString('en');

function rowsOf(redis: Map<string, Figures>, own: Map<string, Figures>): string[] {
  return THINGS.map(({ name }) => {
    const [there, here] = [redis.get(name), own.get(name)];
    const cells = [there?.bytes, there?.cpuMicros, here?.bytes, here?.cpuMicros].map((each) => shown(each ?? 0));
    return `| ${name} | ${cells.join(' | ')} |`;
  });
}

const redis = await onRedis();
const own = await embedded();
const socket = await ofSockets();
const [{ model = 'unknown' } = {}] = cpus();
const today = new Date().toISOString().slice(0, 10);
const lines = [
  `Measured on ${today} by \`npm run sizing\`, Node ${process.versions.node}, ${cpus().length} cores (${model.trim()}):`,
  '',
  '| one | Redis, bytes | Redis, CPU µs | embedded file, bytes | embedded, CPU µs |',
  '| --- | ---: | ---: | ---: | ---: |',
  ...rowsOf(redis, own),
  '',
  `A socket with one subscription: ${shown(socket.bytes / 1_024)} KiB of memory of the process, garbage that is not collected yet included,`,
  `and ${shown(socket.cpuMicros)} µs to connect and subscribe.`,
];
process.stdout.write(`${lines.join('\n')}\n`);
if (values.write) {
  const page = new URL('../docs/sizing.md', import.meta.url);
  const before = readFileSync(page, 'utf8');
  const part = /Measured on \d{4}-\d\d-\d\d by `npm run sizing`[\s\S]*?to connect and subscribe\./;
  writeFileSync(
    page,
    before.replace(part, () => lines.join('\n')),
  );
}
process.exit(0);
