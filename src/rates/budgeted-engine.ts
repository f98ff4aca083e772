/** The engine for operations with a budget: each call debits the budget. */
import type { Engine, KeptMessages, MessageRange } from '../engine/port.ts';
import type { MessageRecord } from '../model.ts';
import type { Budget } from './budget.ts';
import { currentBudget } from './budget.ts';
import { ReadPacer } from './read-pacer.ts';

type Ask = (...args: never[]) => Promise<unknown>;

/** Methods that only the process calls, outside operations. */
const UNPAID = new Set<keyof Engine>(['checkHealth', 'close', 'listen', 'shareUse']);

/** Messages of the first part, since a message may have 64 KB. Later parts have so many that each takes about the same time. */
const FIRST_PART = 25;
const LARGEST_PART = 1_000;
/** After a part of fewer points the next is larger; after a part of more points the next is smaller. */
const SMALL_PART = 1_000;
const LARGE_PART = 5_000;

/** The same engine, unchanged for callers without a budget. */
export function budgetEngine(engine: Engine): Engine {
  const pacer = new ReadPacer();

  /** Free without a budget. */
  async function pay<Result>(
    budget: Budget | undefined,
    ask: () => Promise<Result>,
  ): Promise<[Result, points: number]> {
    budget?.call();
    const result = await ask();
    const points = budget?.read(result) ?? 0;
    await pacer.after(points);
    return [result, points];
  }

  /** Reads in parts, so that a read never exceeds the budget and never blocks for long. */
  async function inParts(budget: Budget | undefined, read: (size: number) => Promise<unknown>, isOver: () => boolean) {
    let size = FIRST_PART;
    do {
      const [, points] = await pay(budget, () => read(size));
      if (points < SMALL_PART) size = Math.min(size * 4, LARGEST_PART);
      else if (points > LARGE_PART) size = Math.ceil(size / 2);
    } while (!isOver());
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
    async listMessages(tenant, id, range) {
      let rest = range;
      let all: KeptMessages = { messages: [], firstSequence: 1, lastSequence: 0, isPart: false };
      const read = async (size: number): Promise<KeptMessages> => {
        const limit = Math.min(size, rest.limit);
        const part = await engine.listMessages(tenant, id, { ...rest, limit });
        const [first, second] = range.from === 'first' ? [all, part] : [part, all];
        all = { ...part, messages: [...first.messages, ...second.messages] };
        rest = restOf(rest, part, limit);
        return part;
      };
      await inParts(currentBudget(), read, () => rest.limit === 0);
      return all;
    },
    async readMessages(tenant, ids) {
      const budget = currentBudget();
      if (!budget || ids.length === 0) return engine.readMessages(tenant, ids);
      const all: (MessageRecord | null)[] = [];
      const read = async (size: number): Promise<unknown> => {
        const part = await engine.readMessages(tenant, ids.slice(all.length, all.length + size));
        all.push(...part);
        return part;
      };
      await inParts(budget, read, () => all.length >= ids.length);
      return all;
    },
  };
}

/** The rest of a range after its first part, which was asked for `count` messages. */
function restOf(range: MessageRange, { messages, isPart }: KeptMessages, count: number): MessageRange {
  const [first, last] = [messages[0], messages.at(-1)];
  if (!first || !last || (messages.length < count && !isPart)) return { ...range, limit: 0 };
  const limit = range.limit - messages.length;
  return range.from === 'first'
    ? { ...range, limit, after: last.sequence }
    : { ...range, limit, before: first.sequence };
}
