/** Consumers over random histories of members that crash, stall and acknowledge late or twice, and of nodes that are killed. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { EventRecord } from '../../src/engine/shared/consumer.ts';
import { TIMES } from '../../src/limits.ts';
import { EVENT_TYPES, type PublicationId, type TenantId, type Topic } from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice } from '../support/world.ts';
import { type Batch, ConsumerModel, keyOf, numberOf } from './consumer-model.ts';

const NAME = 'bot';
const SUBJECTS = ['news', 'orders', 'jobs', 'a/b'];
const NODES = 2;

type Step =
  | { readonly do: 'publish'; readonly node: number; readonly subject: number; readonly isKilled: boolean }
  | { readonly do: 'pull'; readonly members: number; readonly max: number }
  | { readonly do: 'ack'; readonly batch: number; readonly failed: number }
  | { readonly do: 'wait'; readonly ms: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      node: fc.nat(NODES - 1),
      subject: fc.nat(SUBJECTS.length - 1),
      isKilled: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      members: fc.integer({ min: 1, max: 3 }),
      max: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ack' as const), batch: fc.nat(100), failed: fc.nat(7) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1_000, TIMES.eventAckMs / 2, TIMES.eventAckMs, 2 * TIMES.eventAckMs),
    }),
  },
);

interface Nodes {
  readonly all: Engine[];
  readonly clock: TestClock;
  /** Ends a node in the moment in which it does something, and starts another in its place. */
  kill(node: number, work: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

class History {
  readonly #nodes: Nodes;
  readonly #tenant = `tenant-${randomUUID()}` as TenantId;
  readonly #published = new Map<string, number>();
  readonly #batches: Batch[] = [];
  readonly #model = new ConsumerModel();

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  get #engine(): Engine {
    return this.#nodes.all[0] as Engine;
  }

  async begin(): Promise<void> {
    const consumer = { name: NAME, events: EVENT_TYPES, conversations: null, topics: null };
    await this.#engine.saveConsumer(this.#tenant, consumer, 'NOW');
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'publish':
        await this.#publish(step.node, SUBJECTS[step.subject] ?? '', step.isKilled);
        break;
      case 'pull': {
        const members = Array.from({ length: step.members }, (_, n) => n);
        await Promise.all(members.map((n) => this.pull(`member-${n}`, step.max, n % NODES)));
        break;
      }
      case 'ack': {
        const batch = this.#batches[step.batch % Math.max(this.#batches.length, 1)];
        if (batch) await this.#ack(batch, step.failed);
        break;
      }
      case 'wait':
        this.#nodes.clock.advance(step.ms);
        break;
    }
    await this.#checkProgress();
  }

  async #publish(node: number, subject: string, isKilled: boolean): Promise<void> {
    const payload = (this.#published.get(subject) ?? 0) + 1;
    const id = randomUUID() as string as PublicationId;
    const publish = (): Promise<unknown> =>
      (this.#nodes.all[node] as Engine).publish(this.#tenant, {
        id,
        topic: subject as Topic,
        payload,
        senderId: alice,
      });
    await (isKilled ? this.#nodes.kill(node, publish) : publish());
    // Of what a killed node did the topic knows whether it was done.
    const head = await this.#engine.readTopicHead(this.#tenant, subject as Topic);
    this.#published.set(subject, head?.place ?? 0);
  }

  async pull(member: string, max: number, node: number): Promise<number> {
    const from = this.#nodes.clock.now();
    const held = this.#model.held();
    const pulled = await (this.#nodes.all[node] as Engine).pullEvents(this.#tenant, NAME, { member, max });
    if (!pulled) throw new Error('There is no such consumer.');
    const { events, token } = pulled;
    expect(events.length).toBeLessThanOrEqual(max);
    const subjects = new Set(events.map(({ subject }) => subject));
    expect(held(this.#nodes.clock.now()).filter(({ subject }) => subjects.has(subject))).toEqual([]);
    await this.#noteDead();
    const batch = { token, events, from };
    for (const event of events) this.#checkOrder(event, events);
    this.#model.handOut(batch);
    if (events.length > 0) this.#batches.push(batch);
    return events.length;
  }

  /** All that came before it is done with, or handed out with it and before it. */
  #checkOrder(event: EventRecord, events: readonly EventRecord[]): void {
    expect(this.#model.isOpen(event)).toBe(true);
    const before = new Set(events.slice(0, events.indexOf(event)).map(keyOf));
    for (let number = 1; number < numberOf(keyOf(event)); number += 1) {
      const key = `${event.subject} ${number}`;
      expect([key, this.#model.isDone(key) || before.has(key)]).toEqual([key, true]);
    }
    expect(before.has(keyOf(event))).toBe(false);
  }

  #ack(batch: Batch, failed: number): Promise<void> {
    return this.#model.ack(batch, failed, (ids) => this.#engine.ackEvents(this.#tenant, NAME, batch.token, ids));
  }

  #noteDead(): Promise<void> {
    return this.#model.noteDead(this.#engine, this.#tenant, NAME);
  }

  /** What is told of it is true in each moment in which nothing is under way. */
  async #checkProgress(): Promise<void> {
    const told = await this.#engine.readProgress(this.#tenant, NAME);
    await this.#noteDead();
    const all = [...this.#published.values()].reduce((sum, count) => sum + count, 0);
    const { handed, pending, dead } = this.#model;
    expect(told).toMatchObject({ lag: all - handed.size, pending, deadLetters: dead.size });
  }

  /** Everything is handed out at last, and everything is done with. */
  async end(): Promise<void> {
    const all = [...this.#published.values()].reduce((sum, count) => sum + count, 0);
    for (let quiet = 0; this.#model.acked.size + this.#model.dead.size < all; ) {
      this.#nodes.clock.advance(2 * TIMES.eventAckMs);
      quiet = (await this.pull('last', 100, 0)) === 0 ? quiet + 1 : 0;
      expect(quiet).toBeLessThan(3);
      const batch = this.#batches.at(-1);
      if (quiet === 0 && batch) await this.#ack(batch, 0);
    }
    await this.#checkProgress();
  }
}

const holds = (openNodes: () => Promise<Nodes>, numRuns: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const nodes = await openNodes();
      try {
        const history = new History(nodes);
        await history.begin();
        for (const step of steps) await history.take(step);
        await history.end();
      } finally {
        await nodes.close();
      }
    }),
    { numRuns, endOnFailure: process.env['SHRINK'] === undefined },
  );

describe('G23: every event is delivered at least once, in order, never to two members at once', () => {
  it('on the embedded engine', async () => {
    await holds(async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'consumers-'));
      const clock = new TestClock();
      const open = (): Engine => openEmbeddedEngine({ dataDir, retention: null, clock });
      const all: Engine[] = [];
      const reopen = (): void => {
        const engine = open();
        all.splice(0, all.length, engine, engine);
      };
      reopen();
      return {
        all,
        clock,
        async kill(_, work) {
          const working = work();
          await all[0]?.close();
          await working;
          reopen();
        },
        async close() {
          await all[0]?.close();
          rmSync(dataDir, { recursive: true });
        },
      };
    }, 40);
  });

  it('on Redis', async () => {
    await holds(async () => {
      const clock = new TestClock();
      const prefix = `consumers-${randomUUID().slice(0, 8)}`;
      const open = (): Promise<Engine> => openEngineOn(sharedRedisUrl(), { prefix, clock });
      const all = await Promise.all(Array.from({ length: NODES }, open));
      return {
        all,
        clock,
        async kill(node, work) {
          // The event is stored or not, and nothing else is done any more.
          const working = work();
          const closing = all[node]?.close();
          await working.catch(() => undefined);
          await closing;
          all[node] = await open();
        },
        async close() {
          await Promise.all(all.map((engine) => engine.close()));
        },
      };
    }, 20);
  });
});
