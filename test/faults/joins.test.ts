/** Many subscribers that join and resume under load. */
import { eventually } from '../support/eventually.ts';
import type { Seen } from './history.ts';
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
    load = await Load.start(world.nodes, createRandom(seed), SIZE.conversations);
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
      const breaches: string[] = [];
      /** What joiners heard, by conversation and sequence. What each of them heard would not fit into memory. */
      const told = new Map<string, string>();
      const placeOf = ({ conversationId, sequence }: Seen): string => `${conversationId} ${sequence}`;
      const nameOf = ({ id, position }: Seen): string => `${id} at ${position}`;
      let joined = 0;
      const join = async (): Promise<void> => {
        const from = pick(random, load.history.acknowledged.slice(-200));
        const { heard, client } = subscribe({ url: () => pick(random, world.nodes).wsUrl, token, ...from });
        await eventually(() => expect(heard.events.length).toBeGreaterThanOrEqual(STAY));
        await client.dispose();
        joined += 1;
        breaches.push(...heard.errors);
        let last = from.sequence;
        for (const event of heard.events) {
          if (event.sequence !== last + 1) breaches.push(`${event.sequence} came after ${last}`);
          last = event.sequence;
          const known = told.get(placeOf(event)) ?? nameOf(event);
          told.set(placeOf(event), known);
          if (known !== nameOf(event)) breaches.push(`${known} and ${nameOf(event)} have one sequence`);
        }
      };
      for (let n = 0; n < SIZE.joins; n += CROWD) await Promise.all(Array.from({ length: CROWD }, join));
      expect(await load.verdict()).toEqual([]);
      for (const message of load.history.acknowledged) {
        const known = told.get(placeOf(message)) ?? nameOf(message);
        told.delete(placeOf(message));
        if (known !== nameOf(message)) breaches.push(`${known} was acknowledged as ${nameOf(message)}`);
      }
      expect([...told.values()]).toEqual([]);
      expect(breaches).toEqual([]);
      expect(joined).toBe(Math.ceil(SIZE.joins / CROWD) * CROWD);
    },
    // Full size: forty resumes a second on two cores that also hold the clients.
    2 * TEST_MS,
  );
});
