/** The points of each debit, and the end of a budget. Budgets of whole operations: test/security/budget.test.ts. */
import { LIMITS } from '../../src/limits.ts';
import {
  Budget,
  currentBudget,
  POINTS,
  POINTS_PER_UNIT,
  responseTooLarge,
  within,
  withoutBudget,
} from '../../src/rates/budget.ts';
import { jsonSizeOf } from '../../src/rates/json-size.ts';
import fc from '../support/fast-check.ts';

/** Characters that cost one point. */
const POINT = 80;

describe('the points of a budget', () => {
  const pointsOf = (value: unknown): number => new Budget(1_000_000).read(value);

  it.each([
    ['nothing', null, 0],
    ['an absent value', undefined, 0],
    ['a number', 7, 0],
    ['a text', 'x'.repeat(3 * POINT), 3],
    ['an object', {}, POINTS.row],
    ['a list', [], 0],
    ['a list of objects', [{ text: 'x'.repeat(POINT), at: 1 }, { other: null }, null], 2 * POINTS.row + 1],
    ['an object in an object', { head: { text: 'x'.repeat(POINT) } }, 2 * POINTS.row + 1],
    ['no payload', { payload: null }, POINTS.row + POINTS.value],
    ['a text as payload', { payload: 'x'.repeat(POINT) }, POINTS.row + POINTS.value + 1],
    ['a number as payload', { payload: 7 }, POINTS.row + POINTS.value],
    ['a payload', { payload: { a: [1, 'x'.repeat(POINT)], b: null } }, POINTS.row + 5 * POINTS.value + 1],
  ])('%s', (_name, value, points) => {
    expect(pointsOf(value)).toBeCloseTo(points, 9);
  });

  it('a list costs as much as its items one by one', () => {
    const row = fc.record({ text: fc.string(), payload: fc.jsonValue(), at: fc.integer() }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const sum = rows.reduce((total, each) => total + pointsOf(each), 0);
        expect(pointsOf(rows)).toBeCloseTo(sum, 6);
      }),
    );
  });

  it('a payload is measured where it is read, not again where it is written', () => {
    let measured = 0;
    const payload = {
      toJSON() {
        measured += 1;
        return 'x';
      },
    };
    new Budget(1).read({ payload });
    expect(measured).toBe(1);
    expect(jsonSizeOf(payload)).toMatchObject({ characters: 3, bytes: 3 });
    expect(measured).toBe(1);
  });

  it.each<[string, (budget: Budget) => void, units: number, bytes: number]>([
    ['a call', (budget) => budget.call(), 1, 0],
    ['a read', (budget) => budget.read(Array.from({ length: 100 }, () => ({}))), 2, 0],
    ['a field', (budget) => budget.field(97 * POINT), 1, 3 * 97 * POINT],
    ['items', (budget) => budget.items(20), 2, 0],
    ['a text', (budget) => budget.text(200 * POINT), 2, 3 * 200 * POINT],
    ['JSON', (budget) => budget.json({ characters: 97 * POINT, bytes: 9_000, values: 100 }), 1, 9_000],
    ['an SDL', (budget) => budget.sdl(1_000_000), 0, 3_000_000],
  ])('%s is debited in whole units, and its bytes are estimated', (_name, debit, units, bytes) => {
    const budget = new Budget(1_000);
    debit(budget);
    expect([budget.used, budget.mostBytes]).toEqual([units, bytes]);
    budget.text(POINT);
    expect([budget.used, budget.mostBytes]).toEqual([units + 1, bytes + 3 * POINT]);
  });

  it('a repeated SDL costs fifty times as much as other text', () => {
    const budget = new Budget(1_000);
    budget.sdl(1_000_000);
    budget.sdl(10 * POINT);
    expect(budget.used).toBe(5);
    budget.sdl(10 * POINT);
    expect(budget.used).toBe(10);
  });

  it('values of a payload are charged when read and when written, however short', () => {
    const payload = Array(10_000).fill(0);
    const read = new Budget(100);
    read.read({ id: 'x', payload });
    expect(read.used).toBeGreaterThanOrEqual(3);
    const told = new Budget(100);
    told.json({ characters: 20_001, bytes: 20_001, values: payload.length });
    expect(told.used).toBeGreaterThanOrEqual(6);
  });

  it('a budget may be used up exactly, and not by more', () => {
    const budget = new Budget(2);
    budget.call();
    budget.items(POINTS_PER_UNIT / POINTS.item);
    expect([budget.used, budget.isOver]).toEqual([2, false]);
    expect(() => budget.field(0)).toThrow('used up its budget of 2');
  });

  it('G18: a page of fifty fits the budget, whatever payloads were sent', () => {
    const most = LIMITS.payloadBytes;
    const payloads = [
      Array(most / 2 - 1).fill(0),
      Array(Math.floor(most / 3) - 1).fill({}),
      Array(Math.floor(most / 3) - 1).fill([]),
      Array(Math.floor(most / 3) - 1).fill(''),
      'x'.repeat(most - 2),
    ];
    for (const payload of payloads) {
      const page = new Budget(1_000);
      const content = 'x'.repeat(LIMITS.contentCharacters);
      for (let n = 0; n < LIMITS.defaultPageSize; n += 1) {
        page.read({ id: 'x', content, payload });
        page.json({ characters: most, bytes: most, values: Array.isArray(payload) ? payload.length : 1 });
        page.text(content.length);
      }
      expect(page.used).toBeLessThan(900);
    }
  });

  it('G16: the estimated bytes of payloads are never fewer than the written ones', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 20 }), (payloads) => {
        const page = new Budget(1_000);
        for (const payload of payloads)
          if (typeof payload === 'object' && payload !== null) page.json(jsonSizeOf(payload));
          else page.text(String(payload).length);
        const written = payloads.filter((payload) => typeof payload === 'object' && payload !== null);
        const bytes = written.reduce<number>((sum, payload) => sum + Buffer.byteLength(JSON.stringify(payload)), 0);
        expect(page.mostBytes).toBeGreaterThanOrEqual(bytes);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('G18: a long response is charged to the rate of reads by its length, a short one is free', () => {
    const [short, long] = [new Budget(1_000), new Budget(1_000)];
    short.text(LIMITS.freeResponseCharacters);
    expect(short.taken).toBe(short.used);
    long.text(2_000_000);
    // At twenty times a budget a second: no more than ten such responses.
    expect(long.taken).toBeGreaterThan(2_000);
    expect(long.used).toBeLessThan(1_000);
  });

  it('beyond the free characters a unit of the rate is taken per 600', () => {
    const budget = new Budget(1_000);
    budget.text(LIMITS.freeResponseCharacters);
    const { used } = budget;
    expect(budget.taken).toBe(used);
    budget.json({ characters: 1_200, bytes: 1_200, values: 0 });
    expect(budget.taken).toBe(budget.used + 2);
    budget.sdl(600);
    expect(budget.taken).toBe(budget.used + 3);
    budget.field(1);
    expect(budget.taken).toBe(budget.used + 4);
  });
});

describe('the end of a budget', () => {
  it('is a refusal of this debit and of every later one', () => {
    const budget = new Budget(1);
    expect([budget.refusal, budget.isOver]).toEqual([null, false]);
    budget.call();
    expect([budget.refusal, budget.isOver]).toEqual([null, false]);
    expect(() => budget.items(1)).toThrow('used up its budget of 1');
    expect(budget.isOver).toBe(true);
    expect(budget.refusal).toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(() => budget.text(0)).toThrow('used up its budget of 1');
    expect(budget.located).toMatchObject({ code: 'QUERY_TOO_COSTLY', message: budget.refusal?.message, path: [] });
    expect(budget.located).toBe(budget.located);
  });

  it('a read over the budget is refused after it was made', () => {
    const budget = new Budget(1);
    expect(() => budget.read('x'.repeat(POINTS_PER_UNIT * POINT + 1))).toThrow('used up its budget of 1');
  });

  it('comes with the longest response, whatever is left', () => {
    const budget = new Budget(1_000);
    budget.text(LIMITS.responseBytes);
    expect(budget.isOver).toBe(false);
    expect(() => budget.text(1)).toThrow(`${LIMITS.responseBytes} bytes`);
    expect(budget.refusal?.message).toBe(responseTooLarge());
    const others = new Budget(1_000);
    expect(() => others.json({ characters: LIMITS.responseBytes + 1, bytes: 1, values: 0 })).toThrow(
      responseTooLarge(),
    );
  });

  it('waits for a change to be completed', () => {
    const budget = new Budget(1);
    budget.isChanging = true;
    expect(() => budget.items(100)).not.toThrow();
    expect([budget.isOver, budget.used]).toEqual([false, 10]);
    budget.isChanging = false;
    expect(budget.isOver).toBe(true);
    expect(() => budget.text(0)).toThrow('used up its budget of 1');
  });

  it('the first reason stays', () => {
    const budget = new Budget(1);
    const first = budget.refuse('the first');
    expect(budget.refuse('the second')).toBe(first);
    expect(() => budget.call()).toThrow('the first');
  });

  it('applies to the work within it, however late, and to no other', async () => {
    const [one, other] = [new Budget(1), new Budget(1)];
    const later = async (): Promise<Budget | undefined> => {
      await Promise.resolve();
      return currentBudget();
    };
    expect(currentBudget()).toBeUndefined();
    const asked = within(one, () => [later(), withoutBudget(later), within(other, later)]);
    expect(await Promise.all(asked)).toEqual([one, undefined, other]);
    expect(within(one, (...given: number[]) => given, 1, 2)).toEqual([1, 2]);
    expect(currentBudget()).toBeUndefined();
  });
});
