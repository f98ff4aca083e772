/**
 * Runs test files as on a machine that suspends them for seconds: each worker of Jest, or a process that it started, is
 * stopped (SIGSTOP) at random and continues a little later. With `sockets` nothing is stopped, but each write to a socket
 * is late at random. A test that fails depends on the speed of the machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const USAGE = 'Usage: npm run test:starve worker|all|sockets quick|full PATTERN';
/** Shorter than the time-outs of Node and of the Redis client. */
const LONGEST_STOP_MS = 4_500;
const SHORTEST_STOP_MS = 1_500;
/** Average time between two stops. */
const RUN_MS = 2_500;
const LOOK_MS = 200;

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function running(): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/stat`, 'utf8');
        const parent = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), parent, command }];
      } catch {
        // The process has ended meanwhile.
        return [];
      }
    });
}

function descendants(all: readonly Running[], pid: number): Running[] {
  const children = all.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...descendants(all, child.pid)]);
}

const stopped = new Set<number>();

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended meanwhile.
  }
  if (name === 'SIGSTOP') stopped.add(pid);
  else stopped.delete(pid);
}

/** Runs until the worker has ended. */
async function starve(worker: number, isAll: boolean): Promise<void> {
  for (;;) {
    await wait(Math.random() * 2 * RUN_MS);
    const all = running();
    if (!all.some(({ pid }) => pid === worker)) return;
    const candidates = isAll ? [worker, ...descendants(all, worker).map(({ pid }) => pid)] : [worker];
    const victims =
      Math.random() < 0.5 ? candidates : [candidates[Math.floor(Math.random() * candidates.length)] ?? worker];
    for (const pid of victims) signal(pid, 'SIGSTOP');
    await wait(SHORTEST_STOP_MS + Math.random() * (LONGEST_STOP_MS - SHORTEST_STOP_MS));
    for (const pid of victims) signal(pid, 'SIGCONT');
  }
}

async function starveAll(jest: ChildProcess, isAll: boolean): Promise<void> {
  const known = new Set<number>();
  while (jest.exitCode === null && jest.signalCode === null) {
    for (const { pid, command } of descendants(running(), jest.pid ?? 0)) {
      if (known.has(pid) || !command.includes('jest-worker/build/processChild')) continue;
      known.add(pid);
      void starve(pid, isAll);
    }
    await wait(LOOK_MS);
  }
}

const [whom = '', project = '', pattern = ''] = process.argv.slice(2);
if (!['worker', 'all', 'sockets'].includes(whom) || !['quick', 'full'].includes(project) || pattern === '') {
  process.stderr.write(`${USAGE}\n`);
  process.exit(1);
}
const LATE = `${process.env['NODE_OPTIONS'] ?? ''} --import ${new URL('late-writes.ts', import.meta.url).href}`;
const env = whom === 'sockets' ? { ...process.env, NODE_OPTIONS: LATE } : process.env;
const jest = spawn('scripts/jest.sh', [project, '--testPathPatterns', pattern], { env, stdio: 'inherit' });
process.on('exit', () => {
  for (const pid of stopped) signal(pid, 'SIGCONT');
});
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => {
    jest.kill(name);
    process.exit(1);
  });
if (whom !== 'sockets') await starveAll(jest, whom === 'all');
else if (jest.exitCode === null) await once(jest, 'exit');
process.exit(jest.exitCode ?? 1);
