/**
 * Streamed texts over random histories: each reader holds only texts that were stored, and in the end the stored one.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, record, silentLog, tenant, text, viewerOf } from '../support/world.ts';
import { StreamedHistory } from './streamed-history.ts';
import { StreamedReader } from './streamed-reader.ts';
import { STEP, type Step } from './streamed-steps.ts';

interface Opened {
  readonly engines: readonly Engine[];
  readonly clock: TestClock;
}

async function onEmbedded(): Promise<Opened> {
  const clock = new TestClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  // Two nodes' worth of delivery: in the embedded engine they share what is stored.
  return { engines: [engine, engine], clock };
}

async function onRedis(): Promise<Opened> {
  const clock = new TestClock();
  const { REDIS_URL, REDIS_PREFIX } = onSharedRedis();
  const open = (): Promise<Engine> => openEngineOn(REDIS_URL, { prefix: REDIS_PREFIX, clock });
  return { engines: [await open(), await open()], clock };
}

async function run(open: () => Promise<Opened>, steps: readonly Step[]): Promise<void> {
  const { engines, clock } = await open();
  const history = new StreamedHistory(engines, clock);
  try {
    await history.begin();
    for (const step of steps) await history.take(step);
    expect(await history.verdict()).toEqual([]);
  } finally {
    history.close();
    for (const engine of new Set(engines)) await engine.close();
  }
}

describe.each([
  ['embedded', onEmbedded, 600],
  ['redis', onRedis, 60],
] as const)('streamed texts over random histories, %s', (_, open, numRuns) => {
  it('G20, G08: each text arrives whole, without gap or repeat, and never more than is stored or allowed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 60 }), (steps) => run(open, steps)),
      { numRuns },
    );
  });
});

it('G20: a text whose writer fell silent for a minute is aborted, also when only a stream reads it', async () => {
  const clock = new StillClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 });
  const id = await createGroup(engine, alice, bob);
  const { heard, listening } = await record(engine, { kind: 'conversation', tenant, id });
  const stream = await delivery.messageStreamed(fixedBearer(viewerOf(bob)), null);
  // What was started before it looked last is due before it looks as often again.
  clock.advance(TIMES.writingMs / 3);
  await engine.startMessage(tenant, { ...text(id, alice, 'text'), isHeld: false });
  for (const ms of [...Array(6).fill(TIMES.writingMs / 6), 1_000]) {
    // What it read before is answered.
    for (let nth = 0; nth < 10; nth += 1) await turn();
    clock.advance(ms);
  }
  await eventually(() => expect(heard.at(-1)).toMatchObject({ change: 'FINISHED', message: { state: 'ABORTED' } }));
  await stream.return?.();
  await listening.close();
  delivery.close();
  await engine.close();
});

it('a reader receives at most 25 events a second of a message, however fast it is written', async () => {
  const clock = new StillClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 });
  const id = await createGroup(engine, alice, bob);
  const started = await engine.startMessage(tenant, { ...text(id, alice, ''), isHeld: false });
  if (!('message' in started)) throw new Error(started.outcome);
  const reader = new StreamedReader(0, null, () => undefined);
  const told: number[] = [];
  reader.push = (event) => void ('text' in event && told.push(event.length));
  reader.begin(await delivery.messageStreamed(fixedBearer(viewerOf(bob)), null));
  for (let offset = 0; offset < 200; offset += 1) {
    const next = { senderId: alice, offset, text: 'x', payload: undefined, paceMs: 0 };
    await engine.appendText(tenant, started.message.id, next);
    clock.advance(5);
  }
  clock.advance(40);
  reader.close();
  delivery.close();
  await engine.close();
  expect(told.at(-1)).toBe(200);
  // Those of a second, with the text so far and what was left in the end.
  expect(told.length).toBeLessThanOrEqual(27);
});
