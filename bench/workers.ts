/**
 * Very many subscribed sockets on one service with workers: `npm run bench:workers -- --sockets 250000 --workers 16`.
 *
 * Each process of the service and of the load generator stays below the limit of open files. Each process of the load generator
 * connects to its own address of 127.0.0.0/8, because one pair of addresses has 28,000 ports. Linux only: figures are read from /proc.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { startRedisServer } from '../test/support/redis-server.ts';
import { oneConversation, userOf } from './audience.ts';
import { NODE_FLAGS } from './catalogue.ts';
import { Child } from './child.ts';
import { contentOf, conversationName, nowMicros } from './payload.ts';
import { SECRET } from './peers/secret.ts';
import { parentOf, usageOf } from './process-usage.ts';
import type { LoadCommand, LoadReport } from './protocol.ts';
import { signTokens } from './tokens.ts';

/** The most sockets of one process of the load generator. */
const MOST_EACH = 16_000;
/** Sockets that a process connects by one command, in at most two minutes. */
const AT_ONCE = 1_000;
/**
 * Connections opened at the same time by all processes together. With more, on few cores, an answer of Redis takes longer
 * than the two seconds that the service waits for it, and sockets are closed with 1013: real clients come again, these do not.
 */
const OPENING = 200;
/** Different warnings of the service that are shown after a fault. */
const SHOWN = 10;
const WARM = 500;
const LOOK_MS = 250;
const PROBES = 120;
const KIB = 1_024;
const USERS = 1_000;

type Load = Child<LoadCommand, LoadReport>;

const { values } = parseArgs({ options: { sockets: { type: 'string' }, workers: { type: 'string' } } });
const sockets = Number(values.sockets ?? 100_000);
const workers = Number(values.workers ?? 6);

interface Use {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly files: number;
}

function cpuOf(pid: number): number {
  const { user, system } = usageOf(pid);
  return user + system;
}

const useOf = (pid: number): Use => ({
  cpuMicros: cpuOf(pid),
  rssBytes: usageOf(pid).rss,
  files: readdirSync(`/proc/${pid}/fd`).length,
});

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => {
    try {
      return parentOf(pid) === parent;
    } catch {
      return false;
    }
  });
}

const sum = (uses: readonly Use[], of: 'cpuMicros' | 'rssBytes'): number => uses.reduce((all, use) => all + use[of], 0);

/** Counts warnings and errors of the service's log by their text. */
class Warnings {
  readonly #counts = new Map<string, number>();
  #rest = '';

  read(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('{"level":40') && !line.startsWith('{"level":50')) continue;
      const { msg, err } = JSON.parse(line) as { msg: string; err?: { message?: string } };
      const text = err?.message ? `${msg}: ${err.message}` : msg;
      this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    }
  }

  toString(): string {
    const most = [...this.#counts].sort(([, one], [, other]) => other - one).slice(0, SHOWN);
    return most.map(([text, count]) => `  ${count} × ${text}`).join('\n');
  }
}

interface Service {
  readonly pid: number;
  readonly warnings: Warnings;
  stop(): Promise<void>;
}

async function startService(redisUrl: string, port: number): Promise<Service> {
  const child = spawn(
    process.execPath,
    ['--no-warnings', ...NODE_FLAGS, new URL('../src/main.ts', import.meta.url).pathname],
    {
      env: {
        ...process.env,
        WORKERS: String(workers),
        REDIS_URL: redisUrl,
        PORT: String(port),
        JWT_SECRET: SECRET,
        RATE_LIMIT_ENABLED: 'false',
        // A margin: a worker accepts no more than its share, and connections are not distributed exactly.
        MAX_CONNECTIONS: String(Math.ceil(sockets * 1.2) + 1_000 * workers),
        MAX_CONNECTIONS_PER_USER: '1000000',
        MAX_CONNECTIONS_PER_ADDRESS: '1000000',
        DRAIN_WINDOW: '1s',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const warnings = new Warnings();
  await new Promise<void>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      warnings.read(chunk.toString());
      output += chunk.toString();
      if (/service started/.test(output)) resolve();
      if (output.length > 100_000) output = '';
    });
    child.once('exit', (code) => reject(new Error(`The service ended with ${code}: ${output}`)));
  });
  return {
    pid: child.pid ?? 0,
    warnings,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function post(port: number, token: string, query: string, input: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { errors } = (await response.json()) as { errors?: unknown };
  if (errors) throw new Error(JSON.stringify(errors));
}

/** What all processes of load have received. @throws The first fault of a socket. */
async function progressOf(loads: readonly Load[]): Promise<number> {
  const all = await Promise.all(loads.map((load) => load.ask({ kind: 'progress' }, 'progress')));
  const fault = all.find(({ firstFault }) => firstFault !== null);
  if (fault) throw new Error(fault.firstFault ?? '');
  return all.reduce((ready, each) => ready + each.ready, 0);
}

/** Sends probes until every socket has received one. Returns how long the last probe took to reach all of them. */
async function prove(loads: readonly Load[], count: number, send: () => Promise<void>): Promise<number> {
  for (let probe = 0; probe < PROBES; probe += 1) {
    const sentAt = performance.now();
    await send();
    for (let look = 0; look < 40; look += 1) {
      if ((await progressOf(loads)) === count) return performance.now() - sentAt;
      await wait(LOOK_MS);
    }
  }
  throw new Error('Not every socket heard a probe.');
}

async function connect(loads: readonly Load[], from: number, to: number): Promise<void> {
  const shares = loads.map((load, index) => ({ load, next: from + index }));
  await Promise.all(
    shares.map(async ({ load, next }) => {
      const mine: number[] = [];
      for (let subscriber = next; subscriber < to; subscriber += loads.length) mine.push(subscriber);
      for (let at = 0; at < mine.length; at += AT_ONCE) {
        const tokens = await signTokens(mine.slice(at, at + AT_ONCE).map(userOf));
        const subscribers = tokens.map((token) => ({ token, conversations: [0] }));
        await load.ask({ kind: 'connect', subscribers }, 'connected');
        await progressOf([load]);
      }
    }),
  );
}

const redis = await startRedisServer();
const port = await freePort();
const service = await startService(redis.url, port);
const total = WARM + sockets;
const loads: Load[] = Array.from(
  { length: Math.ceil(total / MOST_EACH) },
  () => new Child<LoadCommand, LoadReport>(new URL('./load/main.ts', import.meta.url)),
);
try {
  const [publisher = ''] = await signTokens(['publisher']);
  const memberIds = [...new Set(oneConversation(Math.min(USERS, total)).lists.map((_, index) => userOf(index)))];
  const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
  const room = { id: conversationName(0), kind: 'ROOM' };
  await post(port, publisher, create, { ...room, memberIds: memberIds.slice(0, 100) });
  const add = 'mutation ($input: [ID!]!) { addMembers(id: "c0", userIds: $input) { id } }';
  for (let at = 100; at < memberIds.length; at += 100) await post(port, publisher, add, memberIds.slice(at, at + 100));
  for (const [index, load] of loads.entries()) {
    const host = `127.0.0.${index + 1}`;
    await load.ask(
      {
        kind: 'prepare',
        host,
        port,
        dialect: 'graphql',
        subscribers: Math.ceil(total / loads.length) + 1,
        conversations: 1,
        opening: Math.max(Math.floor(OPENING / loads.length), 1),
      },
      'prepared',
    );
  }
  const send = (): Promise<void> =>
    post(port, publisher, 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }', {
      conversationId: conversationName(0),
      content: contentOf(0, 0, nowMicros()),
    });

  await connect(loads, 0, WARM);
  await prove(loads, WARM, send);
  const pids = childrenOf(service.pid);
  const uses = (): Use[] => [service.pid, ...pids].map(useOf);
  const ofRedis = (): number => cpuOf(redis.process.pid ?? 0);
  const before = uses();
  const redisBefore = ofRedis();
  const startedAt = performance.now();
  await connect(loads, WARM, total);
  const seconds = (performance.now() - startedAt) / 1_000;
  const heardMs = await prove(loads, total, send);
  const after = uses();
  const redisMicros = (ofRedis() - redisBefore) / sockets;
  const each = (of: 'cpuMicros' | 'rssBytes'): number => (sum(after, of) - sum(before, of)) / sockets;
  const files = after.slice(1).map((use) => use.files);
  console.log(`
${sockets.toLocaleString('en')} subscribed sockets, ${pids.length} workers of one command, ${loads.length} processes of load
  connected in          ${seconds.toFixed(1)} s (${Math.round(sockets / seconds)} a second)
  memory a socket       ${(each('rssBytes') / KIB).toFixed(1)} KiB (resident sets, uncollected; first process included)
  processor a socket    ${Math.round(each('cpuMicros'))} µs (connect, subscribe, and the probes until all had heard one)
  of Redis a socket     ${Math.round(redisMicros)} µs
  a message reached all after at most ${Math.round(heardMs)} ms
  open files of workers ${Math.min(...files).toLocaleString('en')} to ${Math.max(...files).toLocaleString('en')}`);
} catch (error) {
  console.error(`The service warned:\n${service.warnings}`);
  throw error;
} finally {
  await Promise.all(loads.map((load) => load.stop()));
  await service.stop();
  await redis.stop();
}
