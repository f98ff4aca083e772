/** The machine and the versions with which the figures were measured. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifest = (path: string): Manifest =>
  JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')) as Manifest;

/** The version that a program prints; null: it is not installed. */
function versionOf(program: string): string | null {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? (/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? null) : null;
}

/** A program that `go install` made does not know its version; Go reads it from the file. */
function versionFromGo(program: string): string | null {
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(existsSync);
  if (path === undefined) return null;
  const { stdout } = spawnSync('go', ['version', '-m', path], { encoding: 'utf8' });
  return /^\s*mod\s\S+\sv(\S+)/m.exec(stdout ?? '')?.[1] ?? 'of unknown version';
}

export function machine(): string {
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'processor'}, ${gib} GiB, ${platform()} ${arch()}`;
}

export function versions(): string[] {
  const libraries = Object.keys(manifest('package.json').dependencies ?? {}).map(
    (name) => `${name} ${manifest(`node_modules/${name}/package.json`).version}`,
  );
  const programs = [process.env['REDIS_SERVER'] ?? 'redis-server', 'nats-server'].map((program) => {
    const name = program.slice(program.lastIndexOf('/') + 1);
    return `${name} ${versionOf(program) ?? '(not installed)'}`;
  });
  const centrifugo = `centrifugo ${versionFromGo('centrifugo') ?? '(not installed)'}`;
  return [`Node ${process.versions.node}`, ...programs, centrifugo, ...libraries];
}
