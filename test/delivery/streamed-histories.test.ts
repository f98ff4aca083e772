/** Texts that are read while they are written, over random histories: each reader's is the stored one, in the end and on the way. */
import fc from 'fast-check';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { StreamedHistory } from './streamed-history.ts';
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
  it('G20, G08: whole, without a hole or a repetition, never past what was stored or may be read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 60 }), (steps) => run(open, steps)),
      { numRuns },
    );
  });
});
