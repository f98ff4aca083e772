/** What the figures were measured on and with. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifest = (path: string): Manifest =>
  JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')) as Manifest;

/** The version in what a program says of itself; null when it is not installed. */
function versionOf(program: string): string | null {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? (/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? null) : null;
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
  return [`Node ${process.versions.node}`, ...programs, ...libraries];
}
