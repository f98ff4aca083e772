/**
 * The process that starts the workers. It serves no clients.
 *
 * It distributes connections evenly over the workers, replaces a worker that dies, and merges their metrics. The first
 * worker starts alone, so that a start error is reported once.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Clock } from '../clock.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import { KeptCounters } from '../observability/kept-counters.ts';
import { answerAbout, FirstTenants } from '../observability/tenant-names.ts';
import type { Reply } from '../observability/together.ts';
import { START, type ToPrimary, type ToWorker, type WorkerStart } from './messages.ts';
import { Rounds } from './rounds.ts';

interface Slot {
  readonly index: number;
  worker: Worker | null;
  serves: boolean;
  /** When the worker began to serve, by the clock's `elapsed`. */
  servesSince: number;
  /** Consecutive deaths, each soon after the worker began to serve. */
  failures: number;
}

export interface PrimaryOptions {
  readonly count: number;
  /** Variables for workers, in addition to those of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** The number of tenants that metrics show by name. */
  readonly tenants: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The delay before a dead worker is replaced, after this number of consecutive deaths. */
export const replacedAfterMs = (failures: number): number =>
  Math.min(TIMES.workerAgainMs * 2 ** Math.min(failures - 1, 16), TIMES.workerAgainMostMs);

export class Primary {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #slots: readonly Slot[];
  readonly #rounds: Rounds;
  readonly #counters = new KeptCounters();
  readonly #tenants: FirstTenants;
  #deaths = 0;
  #isStopping = false;
  /** Whether a worker has served: from then on a dead worker is replaced. */
  #hasServed = false;
  #allServe = (_port: number): void => undefined;
  #refused = (_code: number): void => undefined;
  #allGone = (): void => undefined;

  constructor({ count, environment, tenants, clock, log }: PrimaryOptions) {
    this.#clock = clock;
    this.#rounds = new Rounds(clock);
    this.#tenants = new FirstTenants(tenants);
    this.#log = log;
    this.#environment = environment;
    this.#slots = Array.from({ length: count }, (_, index) => ({
      index,
      worker: null,
      serves: false,
      servesSince: 0,
      failures: 0,
    }));
  }

  /**
   * Resolves to the port when all workers serve, or to an exit code when the first cannot start and has logged the reason.
   */
  start(): Promise<{ readonly port: number } | { readonly code: number }> {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ serialization: 'advanced' });
    const [first] = this.#slots;
    return new Promise((resolve) => {
      this.#allServe = (port) => resolve({ port });
      this.#refused = (code) => resolve({ code });
      if (first) this.#fork(first);
    });
  }

  /** Drains all workers at the same time. Resolves once none is left. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return new Promise((resolve) => {
      this.#allGone = resolve;
      for (const { worker } of this.#slots) if (worker) this.#send(worker, { type: 'stop' });
      this.#lookWhetherAllAreGone();
    });
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const { worker } of this.#slots) worker?.process.kill('SIGKILL');
  }

  #fork(slot: Slot): void {
    const start: WorkerStart = {
      index: slot.index,
      isLate: this.#slots.some((each) => each.serves),
      deaths: this.#deaths,
    };
    const worker = cluster.fork({ ...this.#environment, [START]: JSON.stringify(start) });
    slot.worker = worker;
    worker.on('message', (message: ToPrimary) => this.#receive(slot, worker, message));
    // The worker may have died between two messages.
    worker.on('error', (error) => this.#log.debug({ err: error, worker: slot.index }, 'message to a worker not sent'));
    worker.once('exit', (code: number | null, signal: NodeJS.Signals | null) =>
      this.#replace(slot, worker, { code, signal }),
    );
  }

  #send(worker: Worker, message: ToWorker): void {
    if (worker.isConnected()) worker.send(message);
  }

  #receive(slot: Slot, worker: Worker, message: ToPrimary): void {
    if (message.type === 'gather') return this.#gather(worker, message);
    if (message.type === 'answer') return this.#rounds.answer(slot.index, message.id, message.answer);
    if (message.type === 'tenant')
      return this.#send(worker, { type: 'tenants', names: answerAbout(message.tenant, this.#tenants) });
    slot.serves = true;
    slot.servesSince = this.#clock.elapsed();
    this.#log.info({ worker: slot.index, pid: worker.process.pid }, 'worker serves');
    if (!this.#hasServed) {
      this.#hasServed = true;
      if (!this.#isStopping) for (const each of this.#slots) if (!each.worker) this.#fork(each);
    }
    if (this.#slots.every(({ serves }) => serves)) this.#allServe(message.port);
  }

  #replace(slot: Slot, worker: Worker, end: { readonly code: number | null; readonly signal: string | null }): void {
    const servedMs = slot.serves ? this.#clock.elapsed() - slot.servesSince : 0;
    slot.worker = null;
    slot.serves = false;
    this.#counters.end(slot.index);
    this.#rounds.leave(slot.index);
    if (this.#isStopping) return this.#lookWhetherAllAreGone();
    if (!this.#hasServed) return this.#refused(end.code ?? 1);
    this.#deaths += 1;
    slot.failures = servedMs > TIMES.workerAgainMostMs ? 1 : slot.failures + 1;
    const afterMs = replacedAfterMs(slot.failures);
    this.#log.error(
      { worker: slot.index, pid: worker.process.pid, ...end, afterMs },
      'worker died: another takes its place',
    );
    this.#clock.after(afterMs, () => {
      if (!this.#isStopping) this.#fork(slot);
    });
  }

  #gather(by: Worker, { id: replyTo, subject }: Extract<ToPrimary, { type: 'gather' }>): void {
    const asked = this.#slots.map(({ index, worker, serves }) => ({
      index,
      ask: worker && serves ? (id: number) => this.#send(worker, { type: 'ask', id, subject }) : null,
    }));
    const reply = (replies: readonly Reply[]): void => this.#send(by, { type: 'gathered', id: replyTo, replies });
    if (subject !== 'figures') return this.#rounds.begin(asked, reply, () => undefined);
    const complete = this.#counters.complete();
    this.#rounds.begin(
      asked,
      (replies) => reply(complete(replies)),
      (index, answer) => this.#counters.note(index, answer),
    );
  }

  #lookWhetherAllAreGone(): void {
    if (this.#slots.every(({ worker }) => worker === null)) this.#allGone();
  }
}
