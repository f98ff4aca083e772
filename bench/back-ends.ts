/**
 * The cost of back ends: `npm run bench:back-ends -- --seconds 60`, with `--engine redis` or `--engine embedded` for one engine.
 *
 * First a service publishes 1,000 times a second to 100 topics, with rate limits, while a consumer pulls everything and a user of the
 * same tenant sends messages. Then the CPU of `sendMessage` in a tenant with a consumer is compared with that in a tenant without, round
 * by round in the same process. Linux only: figures are read from /proc.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { signToken } from '../src/access/tokens.ts';
import { freePort } from '../test/support/free-port.ts';
import { type RedisServer, startRedisServer } from '../test/support/redis-server.ts';
import { NODE_FLAGS } from './catalogue.ts';
import { SECRET } from './peers/secret.ts';

const TOPICS = 100;
const PER_SECOND = 1_000;
/** Publications of one request, which also sets the time between two requests. */
const AT_ONCE = 20;
const USER_PER_SECOND = 20;
/** The number of concurrent mutations. */
const WINDOW = 16;
const ROUNDS = 9;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    engine: { type: 'string', default: 'redis,embedded' },
    sends: { type: 'string', default: '2000' },
  },
});

// biome-ignore lint/suspicious/noExplicitAny: what an operation answers is what it asked for.
type Data = any;
type Ask = (query: string, variables?: object) => Promise<Data>;

interface Running {
  readonly port: number;
  readonly redis: RedisServer | null;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

async function start(engine: string, env: Record<string, string>): Promise<Running> {
  const redis = engine === 'redis' ? await startRedisServer() : null;
  const port = await freePort();
  const child = spawn(
    process.execPath,
    ['--no-warnings', ...NODE_FLAGS, new URL('../src/main.ts', import.meta.url).pathname],
    {
      env: {
        ...process.env,
        PORT: String(port),
        JWT_SECRET: SECRET,
        DATA_DIR: ':memory:',
        CONSOLE: 'false',
        ...env,
        ...(redis && { REDIS_URL: redis.url }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  // Also if this process ends with an error.
  process.once('exit', () => {
    child.kill('SIGKILL');
    redis?.process.kill('SIGKILL');
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (output.length < 100_000) output += chunk.toString();
      if (output.includes('service started')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`The service ended with ${code}: ${output}`)));
  });
  return {
    port,
    redis,
    process: child,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await redis?.stop();
    },
  };
}

const tokenOf = (userId: string, tenant: string, scope?: string): Promise<string> =>
  signToken({ secret: SECRET, userId, tenant, scope, expiresAt: Math.floor(Date.now() / 1_000) + 3_600 });

async function asker(port: number, userId: string, tenant: string, scope?: string): Promise<Ask> {
  const authorization = `Bearer ${await tokenOf(userId, tenant, scope)}`;
  const attempt = async (query: string, variables: object): Promise<{ data: Data; errors?: Data }> => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as { data: Data; errors?: Data };
  };
  return async (query, variables = {}) => {
    for (;;) {
      const { data, errors } = await attempt(query, variables);
      if (!errors) return data;
      if (errors[0].extensions.code !== 'SERVICE_UNAVAILABLE') throw new Error(JSON.stringify(errors));
      await wait(errors[0].extensions.retryAfterMs);
    }
  };
}

const SAVE = 'mutation { saveConsumer(input: {name: "bench", events: [PUBLISHED, MESSAGE_SENT]}) { name } }';
const LAG = '{ consumers { lag pending } }';
const PUBLISH =
  'mutation ($items: [PublishInput!]!) { publishMany(items: $items) { outcome error { code retryAfterMs } } }';
const PULL = `mutation {
  pullEvents(consumer: "bench", member: "one", max: 100, waitMs: 1000) { events { type data } ackToken }
}`;
const ACK = 'mutation ($token: String!) { ackEvents(consumer: "bench", ackToken: $token) }';
const CREATE =
  'mutation { createConversation(input: {id: "bench", kind: GROUP, name: "B", memberIds: ["bob"]}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "bench", content: "Hello, how are you today?"}) { id } }';

/** Calls at a fixed rate, without waiting for answers. Returns the promises of all calls. */
async function paced<Answer>(perSecond: number, seconds: number, call: (nth: number) => Promise<Answer>) {
  const began = performance.now();
  const calls: Promise<Answer>[] = [];
  for (let nth = 0; nth < perSecond * seconds; nth += 1) {
    await wait(Math.max(0, began + (nth * 1_000) / perSecond - performance.now()));
    calls.push(call(nth));
  }
  return Promise.all(calls);
}

/** Publishes refused items again, as a back end does. `publish` returns the number of stored items; `refused` counts refusals by code. */
function createPublisher(ask: Ask) {
  const refused: Record<string, number> = {};
  async function publish(items: readonly object[]): Promise<number> {
    const { publishMany } = await ask(PUBLISH, { items });
    const again = items.filter((_, index) => publishMany[index].outcome !== 'STORED');
    if (again.length === 0) return items.length;
    const errors = publishMany.flatMap(({ error }: Data) => error ?? []);
    for (const { code } of errors) refused[code] = (refused[code] ?? 0) + 1;
    await wait(Math.max(...errors.map(({ retryAfterMs }: Data) => retryAfterMs ?? 1_000)));
    return items.length - again.length + (await publish(again));
  }
  return { publish, refused };
}

async function publishing(engine: string, seconds: number): Promise<object> {
  const service = await start(engine, {});
  const publisher = await asker(service.port, 'publisher', 'one', 'realtime:service');
  const consumer = await asker(service.port, 'consumer', 'one', 'realtime:service');
  const watcher = await asker(service.port, 'watcher', 'one', 'realtime:service');
  const user = await asker(service.port, 'alice', 'one');
  await consumer(SAVE);
  await user(CREATE);
  const delaysMs: number[] = [];
  let most = 0;
  let isOver = false;
  async function consume(): Promise<void> {
    for (let quiet = false; !(isOver && quiet); ) {
      const { pullEvents } = await consumer(PULL);
      const now = Date.now();
      for (const { data } of pullEvents.events) if (data.payload) delaysMs.push(now - data.payload.at);
      quiet = pullEvents.events.length === 0;
      if (!quiet) await consumer(ACK, { token: pullEvents.ackToken });
    }
  }
  async function watch(): Promise<void> {
    while (!isOver) {
      most = Math.max(most, (await watcher(LAG)).consumers[0].lag);
      await wait(1_000);
    }
  }
  const consuming = consume();
  const watching = watch();
  let topic = 0;
  const item = () => ({ topic: `workflow.${topic++ % TOPICS}`, payload: { status: 'RUNNING', at: Date.now() } });
  const { publish, refused } = createPublisher(publisher);
  const began = performance.now();
  const [published, sent] = await Promise.all([
    paced(PER_SECOND / AT_ONCE, seconds, () => publish(Array.from({ length: AT_ONCE }, item))).then((stored) => ({
      stored: stored.reduce((sum, each) => sum + each, 0),
      seconds: (performance.now() - began) / 1_000,
    })),
    paced(USER_PER_SECOND, seconds, () =>
      user(SEND).then(
        () => true,
        () => false,
      ),
    ),
  ]);
  isOver = true;
  await Promise.all([consuming, watching]);
  const sorted = delaysMs.sort((one, other) => one - other);
  await service.stop();
  return {
    engine,
    published: PER_SECOND * seconds,
    stored: published.stored,
    'in seconds': Number(published.seconds.toFixed(1)),
    'refused first': JSON.stringify(refused),
    'messages of the user refused': sent.filter((isSent) => !isSent).length,
    'events received': delaysMs.length,
    'longest lag': most,
    'delay ms, median': sorted[Math.floor(sorted.length / 2)],
    'delay ms, p99': sorted[Math.floor(sorted.length * 0.99)],
  };
}

/** Processor time of all threads of a process, in microseconds. */
function cpuOf(pid: number | undefined): number {
  const nanos = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [running = ''] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(running);
  });
  return nanos.reduce((sum, each) => sum + each, 0) / 1_000;
}

class Sender {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(port: number, tenant: string): Promise<Sender> {
    await (await asker(port, 'alice', tenant))(CREATE);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { token: await tokenOf('alice', tenant) } }));
    await once(socket, 'message');
    return new Sender(socket);
  }

  /** Resolves once all are answered. */
  async send(count: number): Promise<void> {
    let sent = 0;
    let answered = 0;
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        sent += 1;
        this.#socket.send(JSON.stringify({ id: String(sent), type: 'subscribe', payload: { query: SEND } }));
      };
      const onMessage = (data: Buffer): void => {
        if (data.includes('"errors"') || data.includes('"type":"error"')) reject(new Error(data.toString()));
        if (!data.includes('"type":"complete"')) return;
        answered += 1;
        if (sent < count) next();
        if (answered < count) return;
        this.#socket.off('message', onMessage);
        resolve();
      };
      this.#socket.on('message', onMessage);
      for (let n = 0; n < Math.min(WINDOW, count); n += 1) next();
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0;

async function sending(engine: string, sends: number): Promise<object> {
  const service = await start(engine, { RATE_LIMIT_ENABLED: 'false' });
  await (await asker(service.port, 'bot', 'with', 'realtime:service'))(SAVE);
  const senders = {
    without: await Sender.connect(service.port, 'without'),
    with: await Sender.connect(service.port, 'with'),
  };
  const costs = { without: [] as number[], with: [] as number[] };
  const redisCosts = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const each of ['without', 'with'] as const) {
      const before = [cpuOf(service.process.pid), service.redis ? cpuOf(service.redis.process.pid) : 0] as const;
      await senders[each].send(sends);
      // The first round warms up.
      if (round === 0) continue;
      costs[each].push((cpuOf(service.process.pid) - before[0]) / sends);
      redisCosts[each].push(((service.redis ? cpuOf(service.redis.process.pid) : 0) - before[1]) / sends);
    }
  }
  for (const sender of Object.values(senders)) sender.close();
  await service.stop();
  const ratio = (of: typeof costs): number => Number((median(of.with) / median(of.without)).toFixed(2));
  return {
    engine,
    'µs without': Math.round(median(costs.without)),
    'µs with': Math.round(median(costs.with)),
    ratio: ratio(costs),
    ...(service.redis && {
      'Redis µs without': Math.round(median(redisCosts.without)),
      'Redis µs with': Math.round(median(redisCosts.with)),
      'Redis ratio': ratio(redisCosts),
    }),
  };
}

const engines = values.engine.split(',');
console.log(`${PER_SECOND} publications a second to ${TOPICS} topics for ${values.seconds} s`);
for (const engine of engines) console.table(await publishing(engine, Number(values.seconds)));
console.log(
  `sendMessage, ${ROUNDS} rounds of ${values.sends}: CPU of one, in a tenant without a consumer and with one`,
);
for (const engine of engines) console.table(await sending(engine, Number(values.sends)));
