/** The inbox over random histories as clients have it: over each transport, through a gateway, over outages of Redis (G19). */
import fc from 'fast-check';
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type HistoryWorld, InboxHistory, WEIGHTS } from './history.ts';
import { stepsOf } from './steps.ts';
import { WAYS } from './ways.ts';

const MANY = Number(process.env['MANY']) || 1;

describe.each(BOTH_ENGINES)('inboxes over random histories, as clients have them: %s', (setting) => {
  let nodes: Nodes;
  let world: HistoryWorld;
  beforeAll(async () => {
    nodes = await startNodes(setting);
    const { here, there, clock } = nodes;
    world = { clock, nodes: [here, there].map((service) => ({ service, reach: () => service.url })) };
  });
  afterAll(() => nodes.close());

  it.each(WAYS)('G19: over $name a client shows what there is', async (way) => {
    await fc.assert(
      fc.asyncProperty(stepsOf(WEIGHTS), (steps) => new InboxHistory(world, way).run(steps)),
      // What does not come true is waited for: to try smaller histories takes too long.
      { numRuns: 20 * MANY, endOnFailure: true },
    );
  });
});
