/** What a process and those that share its port with it tell each other. */
import type { Figures } from '../observability/figures.ts';

export type ToWorker =
  | { readonly type: 'stop' }
  /** Asks for the worker's figures. */
  | { readonly type: 'collect'; readonly id: number }
  /** Answers `scrape`. */
  | { readonly type: 'scraped'; readonly id: number; readonly text: string };

export type ToPrimary =
  | { readonly type: 'serves'; readonly port: number }
  | { readonly type: 'collected'; readonly id: number; readonly figures: Figures }
  /** Asks for the figures of all workers as one text. */
  | { readonly type: 'scrape'; readonly id: number };

/** The variable by which a worker is told what it is, as JSON of `WorkerPlace`. */
export const PLACE = 'REALTIME_WORKER_PLACE';

export interface WorkerPlace {
  /** From 0: which of the workers it is. One that takes the place of another has its index. */
  readonly index: number;
  /** Whether others serve already: it then listens once it can serve as well. */
  readonly isLate: boolean;
  /** Workers that have died so far. */
  readonly deaths: number;
}
