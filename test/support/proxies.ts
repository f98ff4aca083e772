/** The balancers of `deploy/balancers`, run as they are but for their ports, times and numbers of connections. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, NoLonger } from './eventually.ts';
import { freePort } from './free-port.ts';

export const PROXIES = {
  nginx: { file: 'nginx.conf', words: startNginx },
  haproxy: { file: 'haproxy.cfg', words: (file: string) => ['-db', '-f', file] },
  caddy: { file: 'Caddyfile', words: (file: string) => ['run', '--adapter', 'caddyfile', '--config', file] },
} as const;
export type ProxyName = keyof typeof PROXIES;
export const PROXY_NAMES = Object.keys(PROXIES) as ProxyName[];

/** Debian keeps some of them where only root looks. */
const PATH = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`;

export const isInstalled = (name: ProxyName): boolean =>
  spawnSync(name, [name === 'nginx' ? '-v' : 'version'], { env: { ...process.env, PATH } }).error === undefined;

export const configOf = (name: ProxyName): string =>
  readFileSync(new URL(`../../deploy/balancers/${PROXIES[name].file}`, import.meta.url), 'utf8');

/** As root it would run as a user that may not write to the folder of a test. */
function startNginx(file: string, dir: string): string[] {
  const user = process.getuid?.() === 0 ? ' user root;' : '';
  return ['-p', dir, '-e', 'stderr', '-c', file, '-g', `daemon off; pid ${dir}/pid;${user}`];
}

export interface RunningProxy {
  readonly url: string;
  readonly wsUrl: string;
  readonly output: string;
  stop(): Promise<void>;
}

/** The file with other ports, shorter times and fewer connections, and for nginx folders that anyone may write to. */
function adapted(name: ProxyName, port: number, nodes: readonly [number, number], haste: number, dir: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${dir}/${kind};`,
  );
  const text = configOf(name)
    .replaceAll(/\b(\d\d+)s\b/g, (_, seconds: string) => `${Math.ceil((Number(seconds) * 1_000) / haste)}ms`)
    // Within the limit of open files of whoever runs the tests.
    .replace(/(?<=maxconn |worker_connections |worker_rlimit_nofile )\d+/g, '1000')
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${nodes[0]}`)
    .replaceAll('127.0.0.1:8082', `127.0.0.1:${nodes[1]}`)
    .replace(/(?<=^\s*(?:listen |bind :|:))8080\b/m, String(port));
  return name === 'nginx' ? text.replace('http {', `http {\n${folders.join('\n')}`) : text;
}

/** In front of these two ports; each time of the file that is 10 s or longer is divided by `haste`. */
export async function startProxy(
  name: ProxyName,
  ports: readonly [number, number],
  haste: number,
): Promise<RunningProxy> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), `realtime-${name}-`));
  const file = join(dir, 'config');
  writeFileSync(file, adapted(name, port, ports, haste, dir));
  const child: ChildProcess = spawn(name, PROXIES[name].words(file, dir), {
    env: { ...process.env, PATH, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(name === 'nginx' ? 'SIGTERM' : 'SIGKILL');
      await once(child, 'exit');
    }
    rmSync(dir, { recursive: true, force: true });
  }
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new NoLonger(`${name} ended: ${output}`);
      const socket = createConnection({ port, host: '127.0.0.1' });
      await once(socket, 'connect').finally(() => socket.destroy());
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/graphql`,
    get output() {
      return output;
    },
    stop,
  };
}
