/** Random histories of what users do, over the API on both engines, against a small model of it. */
import fc from 'fast-check';
import { IS_FULL } from '../faults/settings.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { newId } from '../support/service.ts';
import { type Act, ADMIN, act, BEGINNING, fieldOf, timeless, USERS, VIEW } from './model/acts.ts';
import { Model } from './model/model.ts';

const RETENTION = 5;
const RUNS = IS_FULL ? 40 : 4;
const LENGTH = 40;

describe.each(['embedded', 'redis', 'two nodes on one Redis'] as const)('histories of conversations: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MESSAGE_RETENTION: String(RETENTION), MAX_QUERY_COST: '100000' });
  });
  afterAll(() => nodes.close());

  it('each act is answered as the model says, and everyone sees what the model says they do', async () => {
    const property = fc.asyncProperty(fc.array(act, { minLength: LENGTH, maxLength: LENGTH }), async (history) => {
      const tenant = newId();
      const claims = (who: string) => ({ tenant, ...(who === ADMIN ? { scope: 'realtime:admin' } : {}) });
      const model = new Model(RETENTION, `${newId()}.`);
      const seen = async (): Promise<void> => {
        for (const who of USERS) {
          const { data, errors } = await nodes.there.query(who, VIEW, {}, claims(who));
          expect(errors).toBeUndefined();
          expect({ who, ...timeless(data) }).toEqual({ who, ...model.viewOf(who) });
        }
      };
      const run = async (each: Act, index: number): Promise<void> => {
        const query = `mutation { ${fieldOf(each, model)} }`;
        const node = index % 2 ? nodes.here : nodes.there;
        const { data, code } = await node.query(each.who, query, {}, claims(each.who));
        expect({ query, code: code ?? 'OK' }).toEqual({ query, code: model.apply(each) });
        if (code === undefined) expect(model.agrees(data.answer)).toBe(true);
        // No two things happen in one millisecond: the order of lists goes by it.
        nodes.clock.advance(2);
      };
      for (const [index, each] of [...BEGINNING, ...history].entries()) {
        await run(each, index);
        if (index % 13 === 12) await seen();
      }
      await seen();
    });
    await fc.assert(property, { numRuns: RUNS });
  });
});
