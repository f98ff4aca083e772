/** The engine as operations with a budget see it: each thing it is asked is paid for. */
import type { Engine } from '../engine/port.ts';
import type { Budget } from './budget.ts';
import { currentBudget } from './budget.ts';
import { Turns } from './turns.ts';

type Ask = (...args: never[]) => Promise<unknown>;

/** Not asked by an operation: they are the process's. */
const UNPAID = new Set<keyof Engine>(['checkHealth', 'close', 'listen', 'shareUse']);

/** Messages may be 64 KB each: so many are read at first, and then as many as take about as long. */
const FIRST_PART = 25;
const LARGEST_PART = 1_000;
/** Points of a part after which the next is larger, and after which it is smaller. */
const SMALL_PART = 1_000;
const LARGE_PART = 5_000;

/** The same engine for whoever has no budget. */
export function budgetEngine(engine: Engine): Engine {
  const turns = new Turns();

  async function pay<Result>(budget: Budget, ask: () => Promise<Result>): Promise<[Result, points: number]> {
    budget.call();
    const result = await ask();
    const points = budget.read(result);
    await turns.after(points);
    return [result, points];
  }

  /** Reads in parts, so that no more is read than the budget pays for, and never much at once. */
  async function inParts<Item>(
    budget: Budget,
    count: number,
    ask: (start: number, end: number) => Promise<Item[]>,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let size = FIRST_PART;
    for (let start = 0; start < count; ) {
      const end = Math.min(start + size, count);
      const from = start;
      const [part, points] = await pay(budget, () => ask(from, end));
      all.push(...part);
      start = end;
      if (points < SMALL_PART) size = Math.min(size * 4, LARGEST_PART);
      else if (points > LARGE_PART) size = Math.ceil(size / 2);
    }
    return all;
  }

  const paid = Object.entries(engine).map(([name, value]) => {
    if (typeof value !== 'function' || UNPAID.has(name as keyof Engine)) return [name, value];
    const ask = value as Ask;
    return [
      name,
      (...args: never[]) => {
        const budget = currentBudget();
        return budget ? pay(budget, () => ask(...args)).then(([result]) => result) : ask(...args);
      },
    ];
  });

  return {
    ...(Object.fromEntries(paid) as Engine),
    listMessages(tenant, id, from, to) {
      const budget = currentBudget();
      if (!budget) return engine.listMessages(tenant, id, from, to);
      return inParts(budget, to - from + 1, (start, end) =>
        engine.listMessages(tenant, id, from + start, from + end - 1),
      );
    },
    readMessages(tenant, ids) {
      const budget = currentBudget();
      if (!budget) return engine.readMessages(tenant, ids);
      return inParts(budget, ids.length, (start, end) => engine.readMessages(tenant, ids.slice(start, end)));
    },
  };
}
