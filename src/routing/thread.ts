/** One thread that evaluates expressions, one at a time. An expression that overruns ends the thread it runs in. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { LIMITS } from '../limits.ts';
import type { Evaluation, Outcome } from './evaluator.ts';

// Beside this file: as TypeScript in the repository, compiled in the package.
const EVALUATOR = new URL(`./evaluator${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

export class Thread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  /** Once it can evaluate; rejects when it ends before. */
  readonly ready: Promise<void>;
  isReady = false;
  isOver = false;
  #begunAt = 0;
  #settle: ((outcome: Outcome) => void) | null = null;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(EVALUATOR, {
      workerData: port2,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: LIMITS.expressionMemoryMb },
      env: {},
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.then(() => this.#listen()).catch(() => undefined);
    port1.once('message', resolve);
    // An expression that runs out of memory ends the thread; so does a thread that cannot start.
    this.#worker.on('error', () => undefined);
    this.#worker.once('exit', () => {
      this.#end('It took too much memory.');
      reject(new Error('The thread of expressions has ended.'));
    });
  }

  /** Evaluates for up to `limitMs`; the thread is over when that was not enough. */
  async evaluate(evaluation: Evaluation, limitMs: number): Promise<Outcome> {
    const outcome = new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    this.#begunAt = performance.now();
    const timer = setTimeout(() => this.#overrun(limitMs), limitMs);
    this.#port.postMessage(evaluation);
    try {
      return await outcome;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.isOver = true;
    await this.#worker.terminate();
  }

  #listen(): void {
    this.#port.on('message', (outcome: Outcome) => this.#finish(outcome));
    this.isReady = true;
  }

  #overrun(limitMs: number): void {
    // The event loop may have been late to read the answer: then it was in time.
    const late = receiveMessageOnPort(this.#port);
    if (late) return this.#finish(late.message as Outcome);
    this.#end(`It took longer than ${limitMs} ms.`);
    void this.close();
  }

  #finish(outcome: Outcome): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }

  #end(reason: string): void {
    this.isOver = true;
    this.isReady = false;
    this.#port.close();
    this.#finish({ outcome: 'OVERRUN', reason, ranMs: performance.now() - this.#begunAt });
  }
}
