/**
 * npm run inbox:size -- [--redis] [--conversations 1000,100000]: what a user's list and inbox cost with so many conversations.
 *
 * The engine and the delivery run in this process, against a Redis of their own or a database in memory. REDIS_LATENCY_MS=1 puts Redis
 * so far away. A turn is the longest of the event loop, by CPU time, so that a busy machine changes little.
 */
import { parseArgs } from 'node:util';
import { bearerOf } from '../src/access/bearer.ts';
import { systemClock } from '../src/clock.ts';
import { createDelivery, type Delivery } from '../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../src/delivery/inbox/inbox-events.ts';
import type { LiveStream } from '../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../src/engine/embedded/engine.ts';
import type { Engine } from '../src/engine/port.ts';
import { TIMES } from '../src/limits.ts';
import type { ConversationId, InboxReturn, UserId } from '../src/model.ts';
import { openEngineOn } from '../test/support/redis-engine.ts';
import { startRedisServer } from '../test/support/redis-server.ts';
import { bob, createGroup, silentLog, tenant, text, userId, viewerOf } from '../test/support/world.ts';

const AT_ONCE = 200;
const CHANGED_WHILE_AWAY = 20;
const OTHERS = Array.from({ length: 8 }, (_, n) => userId(`other-${n}`));
const PAGE = { kind: null, isArchived: false, isUnread: null, order: 'pins', after: null, limit: 20 } as const;

/** Milliseconds, of CPU where it says so. */
interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly turnMs: number;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [start, startCpu] = [performance.now(), cpuMs()];
  let isOver = false;
  const over = work().finally(() => {
    isOver = true;
  });
  let turnMs = 0;
  for (let before = cpuMs(); !isOver; ) {
    await new Promise((resolve) => void setImmediate(resolve));
    const now = cpuMs();
    turnMs = Math.max(turnMs, now - before);
    before = now;
  }
  await over;
  return { ms: performance.now() - start, cpuMs: cpuMs() - startCpu, turnMs };
}

const middleOf = (costs: readonly Cost[]): Cost => costs.toSorted((a, b) => a.ms - b.ms)[costs.length >> 1] as Cost;

async function several(times: number, work: () => Promise<unknown>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let n = 0; n < times; n += 1) costs.push(await costOf(work));
  return middleOf(costs);
}

async function untilLive(stream: LiveStream<InboxStreamEvent>): Promise<InboxReturn> {
  for (;;) {
    const { value } = await stream.next();
    if (!value || !('kind' in value) || value.kind !== 'Checkpoint') continue;
    const { points, ...place } = value.place;
    return { ...place, pointOf: (id) => points.get(id) };
  }
}

class Bench {
  readonly #engine: Engine;
  readonly #delivery: Delivery;
  readonly #user: UserId;
  readonly #ids: ConversationId[] = [];

  constructor(engine: Engine, user: UserId) {
    this.#engine = engine;
    this.#user = user;
    const options = { engine, clock: systemClock, log: silentLog, countHole: () => undefined, streamMergeMs: 40 };
    this.#delivery = createDelivery(options);
  }

  async make(count: number): Promise<void> {
    this.#ids.push(await createGroup(this.#engine, bob, this.#user, ...OTHERS));
    while (this.#ids.length < count) {
      const due = Math.min(AT_ONCE, count - this.#ids.length);
      const made = Array.from({ length: due }, () => createGroup(this.#engine, bob, this.#user));
      this.#ids.push(...(await Promise.all(made)));
    }
  }

  async rows(): Promise<Readonly<Record<string, Cost>>> {
    const [engine, user] = [this.#engine, this.#user];
    const [inTen] = this.#ids as [ConversationId];
    let stream: LiveStream<InboxStreamEvent> | null = null;
    let checkpoint: InboxReturn | null = null;
    const open = async (): Promise<void> => {
      stream = await this.#delivery.inboxStream(bearerOf(viewerOf(user)), { checkpoint, positions: new Map() });
      checkpoint = await untilLive(stream);
    };
    const rows: Record<string, Cost> = {
      'page of 20': await several(21, () => engine.listConversations(tenant, user, PAGE)),
      unread: await several(21, () => engine.countUnread(tenant, user)),
      'send in 10': await several(21, () => engine.appendMessage(tenant, text(inTen, bob, 'hello'))),
      open: await costOf(open),
    };
    rows['close'] = await costOf(async () => stream?.return());
    // What was made just now counts as changed.
    await new Promise((resolve) => setTimeout(resolve, 2 * TIMES.clocksApartMs));
    await open();
    await (stream as LiveStream<InboxStreamEvent> | null)?.return();
    for (const id of this.#ids.slice(0, CHANGED_WHILE_AWAY)) await engine.appendMessage(tenant, text(id, bob, 'away'));
    rows[`come back, ${CHANGED_WHILE_AWAY} changed`] = await costOf(open);
    await (stream as LiveStream<InboxStreamEvent> | null)?.return();
    return rows;
  }

  close(): void {
    this.#delivery.close();
  }
}

const { values } = parseArgs({
  options: { redis: { type: 'boolean', default: false }, conversations: { type: 'string', default: '1000' } },
});
const server = values.redis ? await startRedisServer() : null;
const engine = server
  ? await openEngineOn(server.url, { prefix: 'size', clock: systemClock })
  : openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: systemClock });
for (const count of values.conversations.split(',').map(Number)) {
  const bench = new Bench(engine, userId(`of-${count}`));
  await bench.make(count);
  for (const [name, { ms, cpuMs: cpu, turnMs }] of Object.entries(await bench.rows())) {
    const shown = [ms, cpu, turnMs].map((each) => each.toFixed(1).padStart(9));
    process.stdout.write(
      `${String(count).padStart(7)}  ${name.padEnd(24)} ms ${shown[0]}  cpu ${shown[1]}  turn ${shown[2]}\n`,
    );
  }
  bench.close();
}
await engine.close();
await server?.stop();
