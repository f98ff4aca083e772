/** The messages between a process and its workers. */
import type { NamesTold } from '../observability/tenant-names.ts';
import type { Reply, Subject } from '../observability/together.ts';

export type ToWorker =
  | { readonly type: 'stop' }
  | { readonly type: 'ask'; readonly id: number; readonly subject: Subject }
  /** Answers `gather`: one reply for each worker, in their order. */
  | { readonly type: 'gathered'; readonly id: number; readonly replies: readonly Reply[] }
  /** Answers `tenant`. */
  | { readonly type: 'tenants'; readonly names: NamesTold };

export type ToPrimary =
  | { readonly type: 'serves'; readonly port: number }
  /** Answers `ask`. */
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  /** Asks all workers about a subject. */
  | { readonly type: 'gather'; readonly id: number; readonly subject: Subject }
  /** Asks whether metrics show a tenant by name. */
  | { readonly type: 'tenant'; readonly tenant: string };

/** The environment variable with a worker's `WorkerStart`, as JSON. */
export const START = 'REALTIME_WORKER_PLACE';

export interface WorkerStart {
  /** From 0. A replacement has the index of the worker that it replaces. */
  readonly index: number;
  /** Whether other workers serve already: this worker then listens only when it can serve. */
  readonly isLate: boolean;
  /** Workers that have died so far. */
  readonly deaths: number;
}
