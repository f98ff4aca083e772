/**
 * A process that evaluates expressions, one at a time. An expression that overruns ends it.
 *
 * A process and not a thread, because V8 ends the whole process when a thread creates one value larger than its heap,
 * as `$pad("x", 50000000)` does.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deadline } from '../clock.ts';
import { LIMITS } from '../limits.ts';
import type { Evaluation, Outcome } from './evaluator.ts';

// TypeScript in the repository, compiled in the package.
const EVALUATOR = new URL(`./evaluator${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

export class EvaluatingProcess {
  readonly #child: ChildProcess;
  /** Resolves when the process can evaluate. Rejects when it ends before that. */
  readonly ready: Promise<void>;
  isOver = false;
  #begunAt = 0;
  #settle: ((outcome: Outcome) => void) | null = null;

  constructor() {
    this.#child = fork(fileURLToPath(EVALUATOR), {
      execArgv: [
        '--no-warnings',
        `--max-old-space-size=${LIMITS.expressionMemoryMb}`,
        // Without this V8 takes three times as much memory for young objects.
        `--max-semi-space-size=${LIMITS.expressionMemoryMb / 8}`,
      ],
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.then(() => this.#listen()).catch(() => undefined);
    this.#child.once('message', () => resolve());
    // The process ends when an expression runs out of memory, or when it cannot start.
    const over = (): void => {
      this.#end('The expression took too much memory.');
      reject(new Error('The process that evaluates expressions has ended.'));
    };
    this.#child.once('error', over).once('exit', over);
  }

  /** Evaluates for at most `limitMs`. An expression that takes longer ends the process. */
  async evaluate(evaluation: Evaluation, limitMs: number): Promise<Outcome> {
    const outcome = new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    this.#begunAt = performance.now();
    const cancel = deadline(limitMs, () => this.#settle && this.#overrun(limitMs));
    if (this.#child.connected) this.#child.send(evaluation, () => undefined);
    try {
      return await outcome;
    } finally {
      cancel();
    }
  }

  async close(): Promise<void> {
    this.isOver = true;
    const { exitCode, signalCode, pid } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #listen(): void {
    this.#child.on('message', (outcome) => this.#finish(outcome as Outcome));
  }

  #overrun(limitMs: number): void {
    this.#end(`The expression took longer than ${limitMs} ms.`, limitMs);
    void this.close();
  }

  #finish(outcome: Outcome): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }

  /** `leastMs`: a timer may fire part of a millisecond early, and an overrun counts the whole limit. */
  #end(reason: string, leastMs = 0): void {
    this.isOver = true;
    this.#finish({ outcome: 'OVERRUN', reason, ranMs: Math.max(performance.now() - this.#begunAt, leastMs) });
  }
}
