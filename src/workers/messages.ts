/** The messages between a process and its workers. */
import type { Figures } from '../observability/figures.ts';

export type ToWorker =
  | { readonly type: 'stop' }
  /** Asks for the worker's metrics. */
  | { readonly type: 'collect'; readonly id: number }
  /** Answers `scrape`. */
  | { readonly type: 'scraped'; readonly id: number; readonly text: string };

export type ToPrimary =
  | { readonly type: 'serves'; readonly port: number }
  | { readonly type: 'collected'; readonly id: number; readonly figures: Figures }
  /** Asks for the metrics of all workers as one text. */
  | { readonly type: 'scrape'; readonly id: number };

/** The variable that tells a worker its place, as JSON of `WorkerPlace`. */
export const PLACE = 'REALTIME_WORKER_PLACE';

export interface WorkerPlace {
  /** From 0. A replacement has the index of the worker that it replaces. */
  readonly index: number;
  /** Whether others serve already: the worker then listens once it can serve as well. */
  readonly isLate: boolean;
  /** Workers that have died so far. */
  readonly deaths: number;
}
