/** A program of this repository in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

export interface Program {
  readonly process: ChildProcess;
  /** What it has written. */
  readonly output: string;
  /** Its exit code, once it has ended and its output was read to the end. */
  readonly ended: Promise<number | null>;
  /** Resolves when it has ended. Its output is complete then, unless it was killed: others may still write to it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const ROOT = new URL('../../', import.meta.url);

const SERVICE = 'src/main.ts';
const preload = (file: URL): string[] => (existsSync(file) ? ['--import', file.href] : []);
const KEEP_COMPILED = preload(new URL('keep-compiled.ts', import.meta.url));

/** Starts a file of the repository, or of a release of it (`root`), and waits until it has written `sign`. */
export async function startProgram(
  file: string,
  env: Readonly<Record<string, string>>,
  sign: RegExp,
  root = ROOT,
): Promise<Program> {
  const words = [
    '--no-warnings',
    ...KEEP_COMPILED,
    ...(file === SERVICE ? preload(new URL('test/support/patience.ts', root)) : []),
    fileURLToPath(new URL(file, root)),
  ];
  const child = spawn(process.execPath, words, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const program: Program = {
    process: child,
    ended,
    get output() {
      return output;
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        await once(child, 'exit');
      }
      if (signal !== 'SIGKILL') await ended;
    },
  };
  try {
    await eventually(() => expect(output).toMatch(sign));
  } catch (error) {
    await program.stop('SIGKILL');
    throw error;
  }
  return program;
}
