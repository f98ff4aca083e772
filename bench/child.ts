/** A process of the benchmark, controlled over IPC. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const DEADLINE_MS = 120_000;
/** The time in which a process must clean up. */
const STOP_MS = 2_000;

interface Kind {
  readonly kind: string;
}

export class Child<Command extends Kind, Report extends Kind> {
  readonly #process: ChildProcess;
  readonly #name: string;

  constructor(module: URL, env: Readonly<Record<string, string>> = {}, flags: readonly string[] = []) {
    this.#name = module.pathname.slice(module.pathname.lastIndexOf('/') + 1);
    this.#process = fork(module, {
      env: { ...process.env, ...env },
      execArgv: ['--no-warnings', '--expose-gc', ...flags],
    });
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  tell(command: Command): void {
    if (this.#process.connected) this.#process.send(command);
  }

  /** The next report of a kind. */
  hear<Name extends Report['kind']>(kind: Name): Promise<Extract<Report, { kind: Name }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<Report, { kind: Name }>>();
    const onMessage = (report: Report): void => {
      if (report.kind === kind) resolve(report as Extract<Report, { kind: Name }>);
    };
    const onExit = (): void => reject(new Error(`${this.#name} ended`));
    const deadline = setTimeout(() => reject(new Error(`${this.#name} gave no ${kind}`)), DEADLINE_MS);
    this.#process.on('message', onMessage).on('exit', onExit);
    if (this.hasEnded) onExit();
    return promise.finally(() => {
      clearTimeout(deadline);
      this.#process.off('message', onMessage).off('exit', onExit);
    });
  }

  ask<Name extends Report['kind']>(command: Command, kind: Name): Promise<Extract<Report, { kind: Name }>> {
    const answer = this.hear(kind);
    this.tell(command);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const exit = once(this.#process, 'exit');
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(timer);
  }
}
