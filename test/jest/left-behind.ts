/**
 * The leftovers of a test file: handles, processes, timers of its clocks, files. Each has a name and a way to end it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, Server, Socket } from 'node:net';

export interface Left {
  readonly what: string;
  end(): void;
}

interface Clock {
  /** The source of each task that waits. */
  readonly waiting: readonly string[];
}

export interface Surroundings {
  /** Handles of Jest's own. */
  readonly before: ReadonlySet<object>;
  /** TMPDIR of the file and of what it started. */
  readonly dir: string;
  /** The clocks that the file made. */
  readonly clocks: Iterable<Clock> | undefined;
}

interface Handle {
  readonly constructor: { readonly name: string };
  readonly spawnargs?: readonly string[];
  readonly pid?: number;
}

/** All that keeps a process alive except timers. Node documents no other way to what it has open. */
export const handles = (): readonly object[] =>
  (process as unknown as { _getActiveHandles(): readonly object[] })._getActiveHandles();

export function lookAround({ before, dir, clocks = [] }: Surroundings): Left[] {
  const opened = handles().filter((handle) => !before.has(handle));
  return [...opened.map(nameOf), ...programsIn(dir), ...timersOf(clocks), ...filesIn(dir)];
}

function nameOf(handle: object): Left {
  if (handle instanceof Server) {
    const { port } = (handle.address() ?? {}) as Partial<AddressInfo>;
    return { what: `a server that listens on port ${port}`, end: () => handle.close() };
  }
  if (handle instanceof Socket) {
    const { localPort, remotePort } = handle;
    return { what: `a socket from port ${localPort} to port ${remotePort}`, end: () => handle.destroy() };
  }
  const { spawnargs, pid, constructor: kind } = handle as Handle;
  if (spawnargs && pid) return { what: `a process: ${spawnargs.join(' ')}`, end: () => end(pid) };
  return { what: `an open handle: ${kind.name}`, end: () => undefined };
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Also those whose parents have ended, where there is a /proc. */
function programsIn(dir: string): Left[] {
  const marked = `TMPDIR=${dir}`;
  return processIds()
    .filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).split('\0').includes(marked))
    .map((pid) => {
      const line = read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
      return { what: `a process: ${line}`, end: () => end(pid) };
    });
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Empty if it is gone, or somebody else's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function timersOf(clocks: Iterable<Clock>): Left[] {
  return [...clocks].flatMap(({ waiting }) =>
    waiting.map((task) => ({ what: `a timer of a TestClock: ${task}`, end: () => undefined })),
  );
}

/** Of npm: compiled code for its next start. */
const OF_NPM = 'node-compile-cache';

const filesIn = (dir: string): Left[] =>
  readdirSync(dir)
    .filter((name) => name !== OF_NPM)
    .map((name) => ({ what: `${name} in the folder for temporary files`, end: () => undefined }));
