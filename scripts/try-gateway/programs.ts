/** The programs of a trial: this service, the users subgraph, the router; each on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export const SECRET = 'a-secret-of-the-trial-that-is-long-enough';
export const GATEWAY_SECRET = 'a-secret-of-the-gateway-of-the-trial';
const PATIENCE_MS = 60_000;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Checks again and again until the condition holds. */
export async function until(what: string, check: () => Promise<boolean> | boolean, ms = PATIENCE_MS): Promise<void> {
  const end = Date.now() + ms;
  while (!(await Promise.resolve(check()).catch(() => false))) {
    if (Date.now() > end) throw new Error(`not within ${ms / 1_000} s: ${what}`);
    await wait(20);
  }
}

export class Program {
  #child: ChildProcess | null = null;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #cwd: string;
  readonly #health: string;
  output = '';

  /** `health`: a URL that answers 200 when it is ready. */
  constructor(
    [command, ...args]: readonly [string, ...string[]],
    {
      env,
      cwd,
      health,
    }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string; readonly health: string },
  ) {
    this.#command = command;
    this.#args = args;
    this.#env = env;
    this.#cwd = cwd;
    this.#health = health;
  }

  async start(): Promise<void> {
    const child = spawn(this.#command, this.#args, { cwd: this.#cwd, env: { ...process.env, ...this.#env } });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-20_000);
      });
    await until(`${this.#command} is ready`, async () => child.exitCode !== null || (await fetch(this.#health)).ok);
    if (child.exitCode !== null) throw new Error(`${this.#command} ended: ${this.output.slice(-500)}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}
