/**
 * Consumers and publishers while Redis restarts and fails over, and nodes are killed: each publication is stored once under its
 * key, and each event that is kept is delivered at least once, in order, never to two members at once.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Engine } from '../../src/engine/port.ts';
import type { EventRecord, EventToken } from '../../src/engine/shared/consumer.ts';
import { TIMES } from '../../src/limits.ts';
import { EVENT_TYPES, type PublicationId, type TenantId, type Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { type RedisPair, startRedisPair } from '../support/redis-pair.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice } from '../support/world.ts';

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

interface Batch {
  readonly token: EventToken;
  readonly events: readonly EventRecord[];
  readonly until: number;
}

const keyOf = ({ subject, data }: EventRecord): string => `${subject} ${'payload' in data ? data.payload : ''}`;
const numberOf = (key: string): number => Number(key.split(' ')[1]);

class History {
  readonly #pair: RedisPair;
  readonly #clock = new TestClock();
  readonly #prefix = `outages-${randomUUID().slice(0, 8)}`;
  readonly #tenant = 'acme' as TenantId;
  readonly #nodes: Engine[] = [];
  /** The last number that was published to each topic, stored or not. */
  readonly #numbers = new Map<string, number>();
  #batches: Batch[] = [];
  /** With what each event was handed out, in the order of the deliveries. */
  readonly #handed = new Set<string>();
  readonly #acked = new Set<string>();
  #dead = new Set<string>();
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
      }
      this.#isLagging = false;
      await this.#pair.failOver();
    }
    for (const node of this.#nodes) await eventually(() => node.readTopicHead(this.#tenant, 'anything' as Topic));
  }

  async pull(max: number): Promise<number> {
    const held = new Set(
      this.#batches
        .filter(({ until }) => this.#clock.now() < until)
        .flatMap(({ events }) => events.filter((event) => this.#isOpen(event)).map(({ subject }) => subject)),
    );
    const until = this.#clock.now() + TIMES.eventAckMs;
    const pulled = await this.#engine.pullEvents(this.#tenant, NAME, { member: `member-${max}`, max });
    if (!pulled) throw new Error('There is no such consumer.');
    const { events, token } = pulled;
    await this.#noteDead();
    expect(events.filter(({ subject }) => held.has(subject)).map(keyOf)).toEqual([]);
    for (const [index, event] of events.entries()) await this.#checkOrder(event, events.slice(0, index));
    for (const event of events) this.#handed.add(keyOf(event));
    if (events.length > 0) this.#batches.push({ token, events, until });
    return events.length;
  }

  #isOpen(event: EventRecord): boolean {
    return !this.#acked.has(keyOf(event)) && !this.#dead.has(keyOf(event));
  }

  /** What is kept of its topic from before it is done with, or comes with it and before it. */
  async #checkOrder(event: EventRecord, before: readonly EventRecord[]): Promise<void> {
    const with_ = new Set(before.map(keyOf));
    for (const key of await this.#stored(event.subject)) {
      if (numberOf(key) >= numberOf(keyOf(event))) continue;
      expect([key, this.#acked.has(key) || this.#dead.has(key) || with_.has(key)]).toEqual([key, true]);
    }
  }

  async #ack(batch: Batch, failed: number): Promise<void> {
    const failing = batch.events.filter((_, index) => failed & (1 << index));
    const later = this.#batches.slice(this.#batches.indexOf(batch) + 1).flatMap(({ events }) => events.map(keyOf));
    // Also a late one counts, while nobody has its events again.
    const isCurrent = batch.events.every((event) => this.#isOpen(event) && !later.includes(keyOf(event)));
    const ids = failing.map(({ id }) => id);
    const outcome = await this.#engine.ackEvents(this.#tenant, NAME, batch.token, ids);
    if (outcome !== 'acknowledged') return;
    // Acknowledged twice, it is told so again and changes nothing.
    if (isCurrent) {
      for (const event of batch.events) if (!failing.includes(event)) this.#acked.add(keyOf(event));
    }
    this.#batches = this.#batches.filter((each) => each !== batch);
  }

  async #noteDead(): Promise<void> {
    this.#dead = new Set((await this.#engine.listDeadLetters(this.#tenant, NAME, null, 1_000)).map(keyOf));
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
    const pending = this.#handed.size - this.#acked.size - this.#dead.size;
    expect(told).toMatchObject({ lag: all.length - this.#handed.size, pending, deadLetters: this.#dead.size });
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
    expect((await this.#allStored()).filter((key) => !this.#handed.has(key) && !this.#dead.has(key))).toEqual([]);
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
