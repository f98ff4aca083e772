/** Metrics and health of several processes that share a port, as if they were one. */
import { type Figures, renderTogether } from './figures.ts';
import type { DetailedHealth, Health, WorkerHealth } from './health.ts';

/** The answers of a process about itself, by subject. */
export interface Answers {
  readonly figures: Figures;
  readonly health: DetailedHealth;
}
export type Subject = keyof Answers;
export type OwnAnswers = { readonly [S in Subject]: () => Promise<Answers[S]> };

/** The answer of one worker. */
export interface Reply<Answer = unknown> {
  readonly index: number;
  /** False: the worker is starting, or its replacement is. It is not asked. */
  readonly serves: boolean;
  /** Null: it does not serve, or did not answer in time. */
  readonly answer: Answer | null;
}

/** Asks all workers; the replies are in their order. */
export type Gather = <S extends Subject>(subject: S) => Promise<readonly Reply<Answers[S]>[]>;

const present = <Answer>(replies: readonly Reply<Answer>[]): Answer[] =>
  replies.flatMap(({ answer }) => (answer === null ? [] : [answer]));

export const renderAll = async (gather: Gather): Promise<string> => renderTogether(present(await gather('figures')));

const statusOf = ({ serves, answer }: Reply<DetailedHealth>): WorkerHealth['status'] =>
  serves ? (answer?.status ?? 'silent') : 'absent';

/** A starting worker does not affect the others; a silent or failed worker still gets connections. */
function worstOf(states: readonly WorkerHealth['status'][]): DetailedHealth['status'] {
  if (states.includes('down') || states.includes('silent')) return 'down';
  return states.includes('draining') ? 'draining' : 'ok';
}

/** The health of all workers, the same from each worker. */
export function healthOfAll(own: Health, gather: Gather): Health {
  const areReady = async (): Promise<boolean> => worstOf((await gather('health')).map(statusOf)) === 'ok';
  async function detailed(): Promise<DetailedHealth> {
    const replies = await gather('health');
    const states = replies.map(statusOf);
    const worst = present(replies).find(({ status }) => status === 'down');
    const { components } = worst ?? (await own.detailed());
    const workers = replies.map((reply) => ({ index: reply.index, status: statusOf(reply) }));
    return { status: worstOf(states), components: { ...components, workers } };
  }
  return {
    async isReady() {
      // All are asked at once, so that the answer takes no longer than the slowest worker. A fault of this process is known without the others.
      const others = areReady();
      return (await own.isReady()) && (await others);
    },
    detailed,
    drain: own.drain,
  };
}
