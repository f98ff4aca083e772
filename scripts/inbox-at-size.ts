/**
 * npm run inbox:size -- [--redis] [--conversations 1000,100000] [--members 100000]: the cost of a user's list and inbox with
 * these numbers of conversations, and also for a member of a room with this number of members.
 *
 * The engine and the delivery run in this process, on a Redis of their own or a database in memory. REDIS_LATENCY_MS=1 delays
 * each round trip to Redis. `calls` counts the calls sent to Redis, `commands` the commands that it runs, including those within scripts.
 */
import { parseArgs } from 'node:util';
import { fixedBearer } from '../src/access/bearer.ts';
import { systemClock } from '../src/clock.ts';
import { createDelivery, type Delivery } from '../src/delivery/delivery.ts';
import type { InboxStreamEvent } from '../src/delivery/inbox/inbox-events.ts';
import type { LiveStream } from '../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../src/engine/embedded/engine.ts';
import type { Engine } from '../src/engine/port.ts';
import { LIMITS, TIMES } from '../src/limits.ts';
import type { ConversationId, InboxReturn, UserId } from '../src/model.ts';
import { openEngineOn } from '../test/support/redis-engine.ts';
import { startRedisServer } from '../test/support/redis-server.ts';
import {
  bob,
  createGroup,
  newConversationId,
  silentLog,
  tenant,
  text,
  userId,
  viewerOf,
} from '../test/support/world.ts';
import { Costs } from './counted-cost.ts';

const AT_ONCE = 200;
/** Conversations begun by the same user, below the cap of conversations that one user may begin. */
const OF_ONE_MAKER = 1_000;
const CHANGED_WHILE_AWAY = 20;
const SETTLE_MS = 3 * TIMES.listMs;
const MANY_MEMBERS = Array.from({ length: 1_000 }, (_, n) => userId(`one-of-many-${n}`));
const OTHERS = Array.from({ length: 8 }, (_, n) => userId(`other-${n}`));
const PAGE = { kind: null, isArchived: false, isUnread: null, order: 'pins', after: null, limit: 20 } as const;

async function untilLive(stream: LiveStream<InboxStreamEvent>): Promise<InboxReturn> {
  for (;;) {
    const { value } = await stream.next();
    if (!value || !('kind' in value) || value.kind !== 'Checkpoint') continue;
    const { points, ...position } = value.position;
    return { ...position, pointOf: (id) => points.get(id) };
  }
}

class Bench {
  readonly #engine: Engine;
  readonly #delivery: Delivery;
  readonly #costs: Costs;
  readonly #count: number;
  readonly #user: UserId;
  readonly #ids: ConversationId[] = [];
  #stream: LiveStream<InboxStreamEvent> | null = null;
  #checkpoint: InboxReturn | null = null;

  constructor(engine: Engine, costs: Costs, count: number) {
    this.#engine = engine;
    this.#costs = costs;
    this.#count = count;
    this.#user = userId(`of-${count}`);
    const options = { engine, clock: systemClock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 };
    this.#delivery = createDelivery(options);
  }

  async make(): Promise<void> {
    this.#ids.push(await createGroup(this.#engine, bob, this.#user, ...OTHERS));
    while (this.#ids.length < this.#count) {
      const due = Math.min(AT_ONCE, this.#count - this.#ids.length);
      const maker =
        this.#ids.length < OF_ONE_MAKER ? bob : userId(`maker-${this.#ids.length - (this.#ids.length % OF_ONE_MAKER)}`);
      const made = Array.from({ length: due }, () => createGroup(this.#engine, maker, this.#user));
      this.#ids.push(...(await Promise.all(made)));
    }
    await settled();
  }

  /** The figures of a user who has these conversations. */
  async lists(): Promise<void> {
    const [engine, user] = [this.#engine, this.#user];
    await this.#row('first page of 20', 21, () => this.#firstPage());
    await this.#row('unread', 21, () => engine.countUnread(tenant, user));
    await this.#row('open', 1, () => this.#open());
    await this.#row('close', 1, async () => this.#stream?.return());
    // Wait: conversations that were just made count as changed.
    await new Promise((resolve) => setTimeout(resolve, 2 * TIMES.clocksApartMs));
    await this.#open();
    await this.#stream?.return();
    for (const id of this.#ids.slice(0, CHANGED_WHILE_AWAY)) await engine.appendMessage(tenant, text(id, bob, 'away'));
    await settled();
    await this.#row(`come back, ${CHANGED_WHILE_AWAY} changed`, 1, () => this.#open());
    await this.#stream?.return();
  }

  async writes(): Promise<void> {
    const [engine, user] = [this.#engine, this.#user];
    const [inTen] = this.#ids as [ConversationId];
    const send = (): Promise<unknown> => engine.appendMessage(tenant, text(inTen, bob, 'hello'));
    await this.#row('send in 10', 2_000, send, SETTLE_MS);
    await this.#row('create for 2', 501, () => createGroup(engine, user, bob), SETTLE_MS);
    await this.#row(`create for ${MANY_MEMBERS.length}`, 5, () => createGroup(engine, ...MANY_MEMBERS), SETTLE_MS);
  }

  /** The same for a member of a large room. */
  async room(members: number): Promise<void> {
    const [engine, user] = [this.#engine, this.#user];
    const id = newConversationId();
    const owner = { userId: bob, role: 'OWNER' as const };
    await engine.createConversation(tenant, { id, name: 'Large', kind: 'ROOM', createdBy: bob, members: [owner] });
    for (let at = 2; at < members; at += 1_000) {
      const more = Array.from({ length: Math.min(1_000, members - at) }, (_, n) => userId(`in-room-${at + n}`));
      await engine.addMembers(tenant, id, more, 'MEMBER');
    }
    await settled();
    await this.#row(`join room of ${members}`, 1, () => engine.joinConversation(tenant, id, user), SETTLE_MS);
    await this.#row('send there', 500, () => engine.appendMessage(tenant, text(id, bob, 'hello')), SETTLE_MS);
    await this.#row('first page of 20', 21, () => this.#firstPage());
    await this.#row('unread', 21, () => engine.countUnread(tenant, user));
    this.#checkpoint = null;
    await this.#row('open', 1, () => this.#open());
    await this.#stream?.return();
    await this.#row('remove from there', 1, () => engine.removeMember(tenant, id, user, null), SETTLE_MS);
    await this.#row('delete it', 1, () => engine.deleteConversation(tenant, id, null), SETTLE_MS);
  }

  close(): void {
    this.#delivery.close();
  }

  /** The request of an app's first screen. */
  async #firstPage(): Promise<void> {
    const { entries } = await this.#engine.listConversations(tenant, this.#user, PAGE);
    const ids = entries.map(({ conversationId }) => conversationId);
    const pairs = ids.map((conversationId) => ({ conversationId, userId: this.#user }));
    await Promise.all([this.#engine.readConversations(tenant, ids), this.#engine.readMemberships(tenant, pairs)]);
  }

  async #open(): Promise<void> {
    const resume = { checkpoint: this.#checkpoint, positions: new Map() };
    this.#stream = await this.#delivery.inboxStream(fixedBearer(viewerOf(this.#user)), resume);
    this.#checkpoint = await untilLive(this.#stream);
  }

  async #row(name: string, times: number, work: () => Promise<unknown>, settleMs = 0): Promise<void> {
    const { ms, cpuMs, turnMs, redis } = await this.#costs.of(times, work, settleMs);
    const shown = [ms, cpuMs, turnMs].map((each) => each.toFixed(2).padStart(9));
    const counted = redis
      ? `  calls ${redis.calls.toFixed(1)}  commands ${redis.commands.toFixed(1)}  Redis cpu ${redis.cpuMs.toFixed(3)}`
      : '';
    process.stdout.write(
      `${String(this.#count).padStart(7)}  ${name.padEnd(24)} ms ${shown[0]}  cpu ${shown[1]}  turn ${shown[2]}${counted}\n`,
    );
  }
}

/** Waits until the lists of members reflect a change. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

const { values } = parseArgs({
  options: {
    redis: { type: 'boolean', default: false },
    conversations: { type: 'string', default: '1000' },
    members: { type: 'string', default: '0' },
  },
});
const members = Number(values.members);
// The service refuses larger rooms. Raise the limit, to measure them nevertheless.
Object.assign(LIMITS, { membersPerConversation: Math.max(LIMITS.membersPerConversation, members) });
const server = values.redis ? await startRedisServer() : null;
const engine = server
  ? await openEngineOn(server.url, { prefix: 'size', clock: systemClock })
  : openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: systemClock });
const costs = new Costs(server?.url ?? null);
for (const count of values.conversations.split(',').map(Number)) {
  const bench = new Bench(engine, costs, count);
  await bench.make();
  await bench.lists();
  await bench.writes();
  if (members > 0) await bench.room(members);
  bench.close();
}
costs.close();
await engine.close();
await server?.stop();
