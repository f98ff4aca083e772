/**
 * Consumers and publishers while Redis restarts and fails over, and nodes are killed: each publication is stored once under its
 * key, and each event that is kept is delivered at least once, in order, never to two members at once.
 */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import type { EventRecord } from '../../src/engine/shared/consumer.ts';
import { TIMES } from '../../src/limits.ts';
import { EVENT_TYPES, type PublicationId, type TenantId, type Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisPair, startRedisPair } from '../support/redis-pair.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice } from '../support/world.ts';
import { type Batch, ConsumerModel, keyOf, numberOf } from './consumer-model.ts';

const NAME = 'bot';
const TOPICS = ['news', 'orders', 'a/b'];

const OUTAGES = ['lost answers', 'restart', 'failover', 'lossy failover', 'death of a node'] as const;
type Outage = (typeof OUTAGES)[number];
type Step =
  | { readonly do: 'publish'; readonly topic: number; readonly during: Outage | null }
  | { readonly do: 'pull'; readonly max: number }
  | { readonly do: 'ack'; readonly batch: number; readonly failed: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'lag' };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      topic: fc.nat(TOPICS.length - 1),
      during: fc.oneof(
        { weight: 9, arbitrary: fc.constant(null) },
        { weight: 2, arbitrary: fc.constantFrom(...OUTAGES) },
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pull' as const), max: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ack' as const), batch: fc.nat(100), failed: fc.nat(3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1_000, TIMES.eventAckMs / 2, TIMES.eventAckMs),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'lag' as const }) },
);

class History {
  readonly #pair: RedisPair;
  readonly #clock = new TestClock();
  readonly #prefix = `outages-${randomUUID().slice(0, 8)}`;
  readonly #tenant = 'acme' as TenantId;
  readonly #nodes: Engine[] = [];
  /** The last number that was published to each topic, stored or not. */
  readonly #numbers = new Map<string, number>();
  #batches: Batch[] = [];
  readonly #model = new ConsumerModel();
  /** A failover that loses something takes back acknowledgements as well. */
  #hasLost = false;
  #isLagging = false;

  constructor(pair: RedisPair) {
    this.#pair = pair;
  }

  #open(): Promise<Engine> {
    return openEngineOn(this.#pair.url, { prefix: this.#prefix, clock: this.#clock });
  }
  get #engine(): Engine {
    return this.#nodes[0] as Engine;
  }

  async begin(): Promise<void> {
    this.#nodes.push(await this.#open(), await this.#open());
    const consumer = { name: NAME, events: EVENT_TYPES, conversations: null, topics: null };
    await this.#engine.saveConsumer(this.#tenant, consumer, 'NOW');
  }
  async close(): Promise<void> {
    await this.#pair.catchUp();
    await Promise.all(this.#nodes.map((node) => node.close()));
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'publish') await this.#publish(TOPICS[step.topic] ?? '', step.during);
    else if (step.do === 'pull') await this.pull(step.max);
    else if (step.do === 'wait') this.#clock.advance(step.ms);
    else if (step.do === 'lag') {
      this.#isLagging = true;
      await this.#pair.lag();
    } else {
      const batch = this.#batches[step.batch % Math.max(this.#batches.length, 1)];
      if (batch) await this.#ack(batch, step.failed);
    }
    await this.#check();
  }

  /** A publisher sends it again under its key until it is answered. */
  async #publish(topic: string, during: Outage | null): Promise<void> {
    const payload = (this.#numbers.get(topic) ?? 0) + 1;
    this.#numbers.set(topic, payload);
    const publish = async (node: number): Promise<void> => {
      const { outcome } = await (this.#nodes[node] as Engine).publish(this.#tenant, {
        id: randomUUID() as string as PublicationId,
        topic: topic as Topic,
        payload,
        senderId: alice,
        key: { id: `${payload}`, digest: 'the same each time' },
      });
      expect(['published', 'duplicate']).toContain(outcome);
    };
    const first = publish(1).catch(() => undefined);
    if (during) await this.#suffer(during);
    await first;
    await eventually(() => publish(payload % 2));
  }

  async #suffer(outage: Outage): Promise<void> {
    if (outage === 'death of a node') {
      await this.#nodes[1]?.close();
      this.#nodes[1] = await this.#open();
      return;
    }
    if (outage === 'lost answers') this.#pair.loseAnswers();
    else if (outage === 'restart') await this.#pair.restart();
    else {
      if (outage === 'lossy failover' || this.#isLagging) {
        await this.#pair.lag();
        this.#hasLost = true;
        this.#batches = [];
        this.#model.forgetHeld();
      }
      this.#isLagging = false;
      await this.#pair.failOver();
    }
    for (const node of this.#nodes) await eventually(() => node.readTopicHead(this.#tenant, 'anything' as Topic));
  }

  async pull(max: number): Promise<number> {
    const from = this.#clock.now();
    const held = this.#model.held();
    const pulled = await this.#engine.pullEvents(this.#tenant, NAME, { member: `member-${max}`, max });
    if (!pulled) throw new Error('There is no such consumer.');
    const { events, token } = pulled;
    await this.#noteDead();
    const subjects = new Set(events.map(({ subject }) => subject));
    expect(held(this.#clock.now()).filter(({ subject }) => subjects.has(subject))).toEqual([]);
    for (const [index, event] of events.entries()) await this.#checkOrder(event, events.slice(0, index));
    const batch = { token, events, from };
    this.#model.handOut(batch);
    if (events.length > 0) this.#batches.push(batch);
    return events.length;
  }

  /** What is kept of its topic from before it is done with, or comes with it and before it. */
  async #checkOrder(event: EventRecord, before: readonly EventRecord[]): Promise<void> {
    const with_ = new Set(before.map(keyOf));
    for (const key of await this.#stored(event.subject)) {
      if (numberOf(key) >= numberOf(keyOf(event))) continue;
      expect([key, this.#model.isDone(key) || with_.has(key)]).toEqual([key, true]);
    }
  }

  #ack(batch: Batch, failed: number): Promise<void> {
    return this.#model.ack(batch, failed, (ids) => this.#engine.ackEvents(this.#tenant, NAME, batch.token, ids));
  }

  #noteDead(): Promise<void> {
    return this.#model.noteDead(this.#engine, this.#tenant, NAME);
  }

  /** What its topic keeps, in order; each number once. */
  async #stored(topic: string): Promise<string[]> {
    const { publications } = await this.#engine.readTopic(this.#tenant, topic as Topic, null, 100);
    const keys = publications.map(({ payload }) => `${topic} ${payload}`);
    expect(new Set(keys).size).toBe(keys.length);
    return keys;
  }

  async #allStored(): Promise<string[]> {
    return (await Promise.all(TOPICS.map((topic) => this.#stored(topic)))).flat();
  }

  async #check(): Promise<void> {
    const all = await this.#allStored();
    await this.#noteDead();
    const told = await this.#engine.readProgress(this.#tenant, NAME);
    if (this.#hasLost) return;
    expect(all).toHaveLength([...this.#numbers.values()].reduce((sum, number) => sum + number, 0));
    const { handed, pending, dead } = this.#model;
    expect(told).toMatchObject({ lag: all.length - handed.size, pending, deadLetters: dead.size });
  }

  /** All that is kept is handed out at last, and done with. */
  async end(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      this.#clock.advance(2 * TIMES.eventAckMs);
      quiet = (await this.pull(100)) === 0 ? quiet + 1 : 0;
      const batch = this.#batches.at(-1);
      if (quiet === 0 && batch) await this.#ack(batch, 0);
    }
    await this.#noteDead();
    expect(
      (await this.#allStored()).filter((key) => !this.#model.handed.has(key) && !this.#model.dead.has(key)),
    ).toEqual([]);
    expect(await this.#engine.readProgress(this.#tenant, NAME)).toMatchObject({ lag: 0, pending: 0 });
    await this.#check();
  }
}

describe('G23: consumers and publishers during restarts, failovers and deaths of nodes', () => {
  let pair: RedisPair;
  beforeAll(async () => {
    pair = await startRedisPair();
  });
  afterAll(() => pair.close());

  it('each publication is stored once; each event is delivered in order, never to two members at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
        const history = new History(pair);
        try {
          await history.begin();
          for (const step of steps) await history.take(step);
          await history.end();
        } finally {
          await history.close();
        }
      }),
      { numRuns: Number(process.env['RUNS'] ?? 12), endOnFailure: process.env['SHRINK'] === undefined },
    );
  });
});
