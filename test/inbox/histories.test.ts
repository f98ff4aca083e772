/** The inbox over random histories as clients have it: over each transport, and where messages are dropped by number or by age (G19). */
import fc from '../support/fast-check.ts';
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type Act, DIRECT, type HistoryWorld, InboxHistory, type Step, WEIGHTS } from './history.ts';
import { stepsOf } from './steps.ts';
import { WAYS } from './ways.ts';

const MANY = Number(process.env['MANY']) || 1;
/** Of a conversation: everything, few messages, and those of the last half hour: one may be away for longer. */
const RETENTIONS = [
  ['all', 10],
  ['2', 6],
  ['30m', 6],
] as const;
/** Much is sent to whoever is away, so that not all of it is kept. */
const DROPPING: typeof WEIGHTS = [...WEIGHTS, ['flood', 10], ['away', 6]];
const direct = (...acts: Act[]): Step[] =>
  acts.map((act) => ({ act, at: DIRECT, isOwn: act !== 'create' && act !== 'read', node: 0 }));
/** What a client heard before a conversation was hidden again may wait until its list was read. */
const KNOWN: [Step[]][] = [
  [direct('create', 'connect', 'pin', 'pin', 'pin', 'hide', 'send', 'pin', 'read', 'pin', 'hide')],
  // What was dropped while the client was away is told once the conversation is shown again, not before.
  [direct('create', 'connect', 'send', 'leave', 'flood', 'hide')],
  [direct('create', 'connect', 'send', 'leave', 'flood', 'hide', 'connect', 'leave', 'connect', 'send')],
];
const WORLDS = BOTH_ENGINES.flatMap((setting) =>
  RETENTIONS.map(([retention, runs]) => [setting, retention, runs] as const),
);

describe.each(WORLDS)(
  'inboxes over random histories, as clients have them: %s, kept %s',
  (setting, retention, runs) => {
    let nodes: Nodes;
    let world: HistoryWorld;
    beforeAll(async () => {
      nodes = await startNodes(setting, { MESSAGE_RETENTION: retention });
      const { here, there, clock } = nodes;
      const isAllKept = retention === 'all';
      world = { clock, isAllKept, nodes: [here, there].map((service) => ({ service, reach: () => service.url })) };
    });
    afterAll(() => nodes.close());

    it.each(WAYS)('G19: over $name a client shows what is stored', async (way) => {
      await fc.assert(
        fc.asyncProperty(stepsOf(world.isAllKept ? WEIGHTS : DROPPING), (steps) =>
          new InboxHistory(world, way).run(steps),
        ),
        // What does not come true is waited for: to try smaller histories takes too long.
        { numRuns: runs * MANY, endOnFailure: true, examples: KNOWN },
      );
    });
  },
);
