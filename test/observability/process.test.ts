/** The process: its messages at the start, and its end. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { SECRET } from '../support/service.ts';

const ROOT = new URL('../../', import.meta.url);
const inRoot = (file: string): string => fileURLToPath(new URL(file, ROOT));

describe('the process', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'realtime-process-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const environment = (more: Record<string, string> = {}): Record<string, string> => ({
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: folder,
    JWT_SECRET: SECRET,
    DRAIN_WINDOW: '0ms',
    ...more,
  });

  it('F50: ends at SIGTERM also when its output is no longer read', async () => {
    const child = spawn(process.execPath, ['--no-warnings', inRoot('src/main.ts')], {
      env: { ...process.env, ...environment() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await eventually(() => expect(output).toContain('GraphQL'));
    // As `… | head -3` does once it has its lines.
    child.stdout.destroy();
    child.stderr.destroy();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  it('warns about misspelled variables of its own', async () => {
    const program = await startProgram('src/main.ts', environment({ MAX_CONECTIONS: '5' }), /service started/);
    const { version } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
    expect(program.output).toMatch(new RegExp(`"node":"[\\da-f-]{36}","version":"${version}"`));
    expect(program.output).toContain('MAX_CONECTIONS is unknown and ignored. Did you mean MAX_CONNECTIONS?');
    await program.stop();
  });

  it('F50: warns that the limit of open files is below MAX_CONNECTIONS', async () => {
    const command = `ulimit -n 1000 && exec "${process.execPath}" --no-warnings "${inRoot('src/main.ts')}"`;
    const child = spawn('sh', ['-c', command], {
      env: { ...process.env, ...environment() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await eventually(() => expect(output).toContain('service started'));
    expect(output).toMatch(/"maxConnections":10000,"openFiles":1000,"accepted":800,.*MAX_CONNECTIONS is more than/);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  it('what its libraries print is a line of the log as well', async () => {
    const redis = await startRedisServer();
    const admin = new Redis(redis.url);
    // Without the right to INFO, ioredis prints a warning at each connection.
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>pass', '~*', '&*', '+@all', '-info');
    admin.disconnect();
    const REDIS_URL = redis.url.replace('redis://', 'redis://app:pass@');
    try {
      const sign = /INFO command fails.*may not run INFO/s;
      const program = await startProgram('src/main.ts', environment({ REDIS_URL }), sign);
      await program.stop();
      const lines = program.output.trim().split('\n');
      expect(lines.filter((line) => !line.startsWith('{"level":'))).toEqual([]);
    } finally {
      await redis.stop();
    }
  });

  it('npm run dev restarts after a change of any loaded file: code, SDL, scripts of Redis', () => {
    const { scripts } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
    const watched = [...scripts.dev.matchAll(/--watch-path=(\S+)/g)].map(([, path]) => `${path}/`);
    const loaded = globSync('{src,schema}/**/*.{ts,graphql,lua}', { cwd: inRoot('.') });
    expect(new Set(loaded.map((file) => file.split('.').at(-1)))).toEqual(new Set(['ts', 'graphql', 'lua']));
    expect(loaded.filter((file) => !watched.some((path) => file.startsWith(path)))).toEqual([]);
  });

  it('npm run token prints its usage, and warns when no service has the secret', () => {
    const token = (args: string[], more: Record<string, string>) => {
      const env = { ...process.env, ...environment(more) };
      return spawnSync(process.execPath, ['--no-warnings', inRoot('scripts/token.ts'), ...args], {
        env,
        encoding: 'utf8',
      });
    };
    expect(token(['--help'], {})).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage: .*--scope/) });
    expect(token(['--nobody'], {})).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^[^\n]*--nobody[^\n]*\nUsage: .*\n$/),
    });
    const isToken = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const hint = expect.stringContaining('DATA_DIR');
    expect(token([], { JWT_SECRET: '' })).toMatchObject({ status: 0, stdout: isToken, stderr: hint });
    expect(token([], { JWT_SECRET: '' })).toMatchObject({ status: 0, stdout: isToken, stderr: '' });
  });

  describe('health-check', () => {
    async function check(more: Record<string, string>): Promise<number> {
      const child = spawn(process.execPath, ['--no-warnings', inRoot('src/health-check.ts')], {
        env: { ...process.env, ...environment(more) },
        stdio: 'ignore',
      });
      const [code] = await once(child, 'exit');
      return code as number;
    }
    let program: Program;
    afterEach(() => program.stop());

    it('answers 0 while the service is healthy and 1 when it is gone', async () => {
      const PORT = String(await freePort());
      program = await startProgram('src/main.ts', environment({ PORT }), /service started/);
      expect(await check({ PORT })).toBe(0);
      await program.stop();
      expect(await check({ PORT })).toBe(1);
    });

    it('asks over TLS where the service serves TLS', async () => {
      const certificate = makeCertificate(30);
      const tls = { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile };
      const PORT = String(await freePort());
      program = await startProgram('src/main.ts', environment({ PORT, ...tls }), /service started/);
      expect(await check({ PORT, ...tls })).toBe(0);
      certificate.remove();
    });
  });
});
