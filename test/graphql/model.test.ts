/** Random histories of users' acts over the API on both engines, compared with a small model. */
import { isDeepStrictEqual } from 'node:util';
import { IS_FULL } from '../faults/settings.ts';
import fc from '../support/fast-check.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { type Data, newId, type TestService } from '../support/service.ts';
import { type Act, ADMIN, act, BEGINNING, fieldOf, management, timeless, USERS, VIEW } from './model/acts.ts';
import { Model } from './model/model.ts';

const RETENTION = 5;
const RUNS = IS_FULL ? 40 : 3;
const LENGTH = 40;
const PAIRS = 12;

/** What was done and how it was answered: from it a model is made again, to try what else may have been. */
interface Done {
  readonly act: Act;
  readonly code: string;
  readonly answer: Data;
  /** How many messages there were when it was asked for. */
  readonly known: number;
}

/** The model after these, in this order; null when it would have answered one of them otherwise. */
function modelAfter(prefix: string, history: readonly Done[]): Model | null {
  const model = new Model(RETENTION, prefix);
  for (const { act, code, answer, known } of history) {
    model.known = known;
    if (model.apply(act) !== code || (code === 'OK' && !model.agrees(answer))) return null;
  }
  model.known = null;
  return model;
}

/** What was done one by one is answered as the model says. */
function known(model: Model | null): Model {
  if (!model) throw new Error('One act was answered otherwise than the model says.');
  return model;
}

const change = (act: 'remove' | 'setRole', who: string, whom: string): Act =>
  act === 'remove' ? { do: act, who, place: 'c0', whom } : { do: act, who, place: 'c0', whom, role: 'MEMBER' };

const byId = ({ conversations, ...rest }: Data): Data => ({
  ...rest,
  conversations: conversations.toSorted((one: Data, other: Data) => (one.id < other.id ? -1 : 1)),
});

describe.each(LONG_SETTINGS)('histories of conversations: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MESSAGE_RETENTION: String(RETENTION), MAX_QUERY_COST: '100000' });
  });
  afterAll(() => nodes.close());

  /** One tenant with its users. */
  function openTenant() {
    const tenant = newId();
    const claims = (who: string) => ({ tenant, ...(who === ADMIN ? { scope: 'realtime:admin' } : {}) });
    return {
      async run(act: Act, names: Model, node: TestService): Promise<Done> {
        const query = `mutation { ${fieldOf(act, names)} }`;
        const known = names.messageCount;
        const { data, code = 'OK' } = await node.query(act.who, query, {}, claims(act.who));
        return { act, code, answer: data?.answer, known };
      },
      /** What everyone sees. */
      views: (): Promise<Data[]> =>
        Promise.all(
          USERS.map(async (who) => {
            const { data, errors } = await nodes.there.query(who, VIEW, {}, claims(who));
            expect(errors).toBeUndefined();
            return { who, ...timeless(data) };
          }),
        ),
    };
  }
  const viewsOf = (model: Model): Data[] => USERS.map((who) => ({ who, ...model.viewOf(who) }));

  it('each answer, and what each user sees, agree with the model', async () => {
    const property = fc.asyncProperty(fc.array(act, { minLength: LENGTH, maxLength: LENGTH }), async (history) => {
      const { run, views } = openTenant();
      const model = new Model(RETENTION, `${newId()}.`);
      for (const [index, each] of [...BEGINNING, ...history].entries()) {
        const { code, answer } = await run(each, model, index % 2 ? nodes.here : nodes.there);
        expect({ each, code }).toEqual({ each, code: model.apply(each) });
        if (code === 'OK') expect(model.agrees(answer)).toBe(true);
        // No two things happen in one millisecond: the order of lists goes by it.
        nodes.clock.advance(2);
        if (index % 13 === 12) expect(await views()).toEqual(viewsOf(model));
      }
      expect(await views()).toEqual(viewsOf(model));
    });
    await fc.assert(property, { numRuns: RUNS });
  });

  it.each<[string, readonly [Act, Act]]>([
    ['two owners remove each other', [change('remove', 'ann', 'bob'), change('remove', 'bob', 'ann')]],
    ['two owners remove the same one', [change('remove', 'ann', 'cid'), change('remove', 'bob', 'cid')]],
    ['two owners take each other’s role', [change('setRole', 'ann', 'bob'), change('setRole', 'bob', 'ann')]],
    [
      'an owner removes another who takes that one’s role',
      [change('remove', 'ann', 'bob'), change('setRole', 'bob', 'ann')],
    ],
  ])('concurrently: %s, and exactly one succeeds', async (_, [one, other]) => {
    for (let round = 0; round < 3; round += 1) {
      const { run, views } = openTenant();
      const prefix = `${newId()}.`;
      const done: Done[] = [];
      const present = (): Model => known(modelAfter(prefix, done));
      const raise: Act = { do: 'setRole', who: 'ann', place: 'c0', whom: 'bob', role: 'OWNER' };
      for (const each of [...BEGINNING, raise]) done.push(await run(each, present(), nodes.here));
      const names = present();
      const both = await Promise.all([run(one, names, nodes.here), run(other, names, nodes.there)]);
      expect(both.map(({ code }) => code).filter((code) => code === 'OK')).toHaveLength(1);
      const seen = (await views()).map(byId);
      const orders = [both, both.toReversed()].flatMap((order) => modelAfter(prefix, [...done, ...order]) ?? []);
      expect(orders.map((model) => viewsOf(model).map(byId))).toContainEqual(seen);
    }
  });

  it('two concurrent acts have the outcome of one order of them', async () => {
    const pair = fc.oneof(fc.tuple(act, act), fc.tuple(management, management));
    const pairs = fc.array(pair, { minLength: PAIRS, maxLength: PAIRS });
    const before = fc.array(act, { minLength: 10, maxLength: 10 });
    const property = fc.asyncProperty(before, pairs, async (history, together) => {
      const { run, views } = openTenant();
      const prefix = `${newId()}.`;
      let done: Done[] = [];
      const present = (): Model => known(modelAfter(prefix, done));
      for (const each of [...BEGINNING, ...history]) done.push(await run(each, present(), nodes.here));
      for (const [one, other] of together) {
        const names = present();
        const [first, second] = await Promise.all([run(one, names, nodes.here), run(other, names, nodes.there)]);
        const seen = (await views()).map(byId);
        const orders = [
          [first, second],
          [second, first],
        ].map((order) => [...done, ...order]);
        const possible = orders.find((order) => {
          const model = modelAfter(prefix, order);
          return model !== null && isDeepStrictEqual(viewsOf(model).map(byId), seen);
        });
        // Neither order gives this: what is nearest to it is shown.
        if (!possible) {
          const [model] = orders.flatMap((order) => modelAfter(prefix, order) ?? []);
          expect({ first, second, seen }).toEqual({
            first,
            second,
            seen: model ? viewsOf(model).map(byId) : 'no order',
          });
          return;
        }
        done = possible;
      }
    });
    await fc.assert(property, { numRuns: RUNS });
  });
});
