/**
 * The inbox over random histories behind the example gateway, by each of its transports that `outages.test.ts` does
 * not use (G19).
 */
import fc from '../support/fast-check.ts';
import { type Gateway, placeForGateway, startGateway } from '../support/gateway.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { type HistoryWorld, InboxHistory, WEIGHTS } from './history.ts';
import { stepsOf } from './steps.ts';
import { BEHIND_GATEWAY } from './ways.ts';

const MANY = Number(process.env['MANY']) || 1;

describe.each(['ws', 'callback'])('inboxes over random histories, behind a gateway subscribing by %s', (mode) => {
  let nodes: Nodes;
  let gateway: Gateway;
  let world: HistoryWorld;
  beforeAll(async () => {
    const place = await placeForGateway();
    nodes = await startNodes('embedded', { CALLBACK_ALLOWED_URLS: `${place.url}/callback` });
    const { here, clock } = nodes;
    gateway = await startGateway(place, here.url, { SUBSCRIPTION_MODE: mode });
    world = { clock, isAllKept: true, nodes: [{ service: here, reach: () => gateway.url }] };
  });
  afterAll(async () => {
    await gateway.close();
    await nodes.close();
  });

  it('G19: a client shows what is stored', async () => {
    await fc.assert(
      fc.asyncProperty(stepsOf(WEIGHTS), (steps) => new InboxHistory(world, BEHIND_GATEWAY).run(steps)),
      { numRuns: 5 * MANY, endOnFailure: true },
    );
  });
});
