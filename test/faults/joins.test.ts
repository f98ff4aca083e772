/** Many subscribers that join and resume under load. */
import { eventually } from '../support/eventually.ts';
import { judge } from './checker.ts';
import type { Heard } from './history.ts';
import { Load, tokenOf } from './load.ts';
import { createRandom, pick } from './random.ts';
import { SEEDS, SIZE, TEST_MS } from './settings.ts';
import { subscribe } from './subscriber.ts';
import { type FaultWorld, startWorld } from './world.ts';

/** Joins at once. */
const CROWD = 25;
/** Heard before a joiner leaves. */
const STAY = 10;

describe.each(SEEDS)('joins and resumes, seed %i', (seed) => {
  let world: FaultWorld;
  let load: Load;
  beforeEach(async () => {
    world = await startWorld();
    load = await Load.start(world.nodes, createRandom(seed));
  });
  afterEach(async () => {
    await load.close();
    await world.close();
  });

  it(
    `G06: ${SIZE.joins} resumes at random positions under load have no gap and no repeat`,
    async () => {
      const random = createRandom(seed);
      const token = await tokenOf('reader-0');
      const tails: Heard[] = [];
      const join = async (): Promise<void> => {
        const from = pick(random, load.history.acknowledged.slice(-200));
        const { heard, client } = subscribe({ url: () => pick(random, world.nodes).wsUrl, token, ...from });
        await eventually(() => expect(heard.events.length).toBeGreaterThanOrEqual(STAY));
        await client.dispose();
        // As one who was there from the start: what came before its position, then what it heard.
        tails.push({ ...heard, events: [{ ...from }, ...heard.events] });
      };
      for (let n = 0; n < SIZE.joins; n += CROWD) await Promise.all(Array.from({ length: CROWD }, join));
      expect(await load.verdict()).toEqual([]);
      const log = Map.groupBy(load.history.acknowledged, ({ conversationId }) => conversationId);
      const breaches = tails.flatMap((tail) => {
        const last = tail.events.at(-1)?.sequence ?? 0;
        const first = tail.events[0]?.sequence ?? 0;
        const whole = (log.get(tail.conversationId) ?? []).filter(({ sequence }) => sequence <= last);
        const before = whole.filter(({ sequence }) => sequence < first).sort((a, b) => a.sequence - b.sequence);
        return judge({ acknowledged: whole, refusals: [], heard: [{ ...tail, events: [...before, ...tail.events] }] });
      });
      expect(breaches).toEqual([]);
      expect(tails).toHaveLength(Math.ceil(SIZE.joins / CROWD) * CROWD);
    },
    // Full size: forty resumes a second on two cores that also hold the clients.
    2 * TEST_MS,
  );
});
