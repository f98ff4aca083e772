/** An engine whose calls are paid from the budget of an operation, and whose long reads come in parts. */
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine, MessageRange } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MessageId } from '../../src/model.ts';
import { Budget, within } from '../../src/rates/budget.ts';
import { budgetEngine } from '../../src/rates/budgeted-engine.ts';
import fc from '../support/fast-check.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, createGroup, sendText, tenant, text } from '../support/world.ts';

const SHORT = 700;
/** More of them than one read of the engine answers. */
const LONG = 60;

describe('an engine paid from a budget', () => {
  let engine: Engine;
  let paid: Engine;
  /** How many messages were asked of the engine at once. */
  let asked: number[] = [];
  let short: ConversationId;
  let long: ConversationId;
  let longIds: MessageId[];
  beforeAll(async () => {
    engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new TestClock() });
    [short, long] = [await createGroup(engine, alice), await createGroup(engine, alice)];
    for (let n = 0; n < SHORT; n += 1) await sendText(engine, short, alice, `${n}`);
    const payload = 'x'.repeat(LIMITS.payloadBytes - 2);
    const sent = Array.from({ length: LONG }, () =>
      engine.appendMessage(tenant, { ...text(long, alice, ''), payload }),
    );
    longIds = (await Promise.all(sent)).flatMap((append) => ('message' in append ? append.message.id : []));
    paid = budgetEngine({
      ...engine,
      listMessages: (...args) => {
        asked.push(args[2].limit);
        return engine.listMessages(...args);
      },
      readMessages: (...args) => {
        asked.push(args[1].length);
        return engine.readMessages(...args);
      },
    });
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(() => engine.close());

  const newBudget = (): Budget => new Budget(1_000);
  const all = { after: 0, before: null, limit: SHORT, from: 'first' } as const;

  it('a call costs a unit, and what it answers', async () => {
    const budget = newBudget();
    const head = await within(budget, () => paid.readConversations(tenant, [short]));
    expect(head).toEqual(await engine.readConversations(tenant, [short]));
    expect(budget.used).toBe(2);
  });

  it('what the process asks for itself costs nothing, and the kind is a value', async () => {
    const budget = newBudget();
    await within(budget, async () => {
      expect(await paid.checkHealth()).toMatchObject({ status: 'up' });
      expect(await paid.shareUse([{ rate: 'user-reads', tenant, userId: alice, count: 1 }])).toEqual([0]);
      const listening = await paid.listen({ kind: 'conversation', tenant, id: short }, {} as never);
      await listening.close();
    });
    expect([budget.used, paid.kind]).toEqual([0, 'embedded']);
  });

  it('without a budget everything is answered as it is', async () => {
    expect(await paid.readConversations(tenant, [short])).toEqual(await engine.readConversations(tenant, [short]));
    expect(await paid.listMessages(tenant, long, all)).toMatchObject({ messages: { length: LONG }, isPart: false });
    const { messages } = await paid.listMessages(tenant, short, all);
    expect(messages.map(({ content }) => content)).toEqual(Array.from({ length: SHORT }, (_, n) => `${n}`));
    expect(await paid.readMessages(tenant, longIds)).toHaveLength(LONG);
  });

  it('messages are listed in growing parts, and long ones in as many as the engine answers', async () => {
    await within(newBudget(), () => paid.listMessages(tenant, short, all));
    expect(asked).toEqual([25, 100, 400, SHORT - 525]);
    asked = [];
    const { messages } = await within(newBudget(), () => paid.listMessages(tenant, long, all));
    expect(messages.map(({ id }) => id)).toEqual(longIds);
    expect(asked).toEqual(Array.from({ length: asked.length }, () => 25));
  });

  it.each(['first', 'last'] as const)('any range from its %s message is listed as without parts', async (from) => {
    const sequence = fc.integer({ min: 0, max: SHORT + 2 });
    const range = fc.record({
      after: sequence,
      before: fc.option(sequence),
      limit: fc.integer({ min: 1, max: SHORT + 2 }),
    });
    const bounds = (given: Omit<MessageRange, 'from'>): MessageRange => ({ ...given, from });
    await fc.assert(
      fc.asyncProperty(range, async (given) => {
        const expected = await engine.listMessages(tenant, short, bounds(given));
        expect(await within(newBudget(), () => paid.listMessages(tenant, short, bounds(given)))).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('long messages are read in shrinking parts, in the order asked, with null for unknown ones', async () => {
    const ids = ['unknown' as MessageId, ...longIds.slice(0, 44).reverse()];
    const read = await within(newBudget(), () => paid.readMessages(tenant, ids));
    expect(read.map((message) => message?.id)).toEqual([undefined, ...ids.slice(1)]);
    expect(asked).toEqual([25, 13, 7]);
  });

  it('no messages cost nothing', async () => {
    const budget = newBudget();
    expect(await within(budget, () => paid.readMessages(tenant, []))).toEqual([]);
    expect(budget.used).toBe(0);
  });

  it('a read ends with its budget', async () => {
    const list = within(new Budget(30), () => paid.listMessages(tenant, long, all));
    await expect(list).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(asked).toEqual([25]);
    asked = [];
    const read = within(new Budget(80), () => paid.readMessages(tenant, longIds));
    await expect(read).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(asked).toEqual([25]);
  });
});
