import { type Nodes, startNodes } from '../support/nodes.ts';
import { describeInboxOf } from './inbox-cases.ts';
import { describeInboxStreamOf } from './inbox-stream-cases.ts';

describe.each(['redis', 'two nodes on one Redis'] as const)('the inbox over GraphQL: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());
  describeInboxOf(() => nodes);
  describeInboxStreamOf(() => nodes);
});
