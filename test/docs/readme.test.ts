/** The README is true: its commands run, and its tables say what the code says. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configurationRows, environmentExample, errorRows } from '../../scripts/tables.ts';
import { systemClock } from '../../src/clock.ts';
import { createMetrics } from '../../src/operations/metrics.ts';
import { BAD_INPUTS } from '../faults/bad-inputs.ts';
import { FAULTS } from '../faults/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');
const readme = read('README.md');
const run = promisify(execFile);

/** The fenced blocks of a language, in order. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code]) => code ?? '');

describe('README', () => {
  it('names the two commands', () => {
    const commands = blocks('sh').map((code) => code.trim());
    expect(commands[0]).toBe('npm ci && npm start');
    expect(commands.at(-1)).toBe('npm ci && npm test');
  });

  it('its tables and .env.example are those of the code', () => {
    for (const row of [...errorRows(), ...configurationRows()]) expect(readme).toContain(`${row}\n`);
    const rows = readme.split('\n').filter((line) => /^\| `[A-Z_]+` \|/.test(line));
    expect(rows).toHaveLength(errorRows().length + configurationRows().length);
    expect(read('.env.example')).toBe(environmentExample());
  });

  it('each guarantee it promises is named by a test', async () => {
    const promised = [...readme.matchAll(/^\| (G\d\d) \|/gm)].map(([, id]) => id ?? '');
    const { stdout } = await run('grep', ['-rhoE', "^ *((it|describe)[^'`]*)?['`]G[0-9]{2}[:,]", 'test'], {
      cwd: ROOT,
    });
    const shown = new Set([...stdout.matchAll(/G\d\d/g)].map(([id]) => id));
    expect(promised.filter((id) => !shown.has(id))).toEqual([]);
  });

  it('each fault of the catalogue is named by a test', async () => {
    const ids = FAULTS.map(({ id }) => id);
    const { stdout } = await run('grep', ['-rhoE', "['`, ]F[0-9]{1,2}\\b[^|]*", 'test', '--include=*.test.ts'], {
      cwd: ROOT,
    });
    const shown = new Set([...stdout.matchAll(/\bF\d+\b/g)].map(([id]) => id));
    expect(ids.filter((id) => !shown.has(id))).toEqual([]);
    expect(ids).toEqual(Array.from({ length: 42 }, (_, index) => `F${index + 1}`));
    for (const id of ids) expect(read('docs/faults.md')).toContain(`| ${id} |`);
  });

  it('each bad input of the catalogue is named by a test', async () => {
    // At the beginning of a title, alone or with others; those of tables are in faults/inputs and auth/forged-tokens.ts.
    const { stdout } = await run('grep', ['-rhoE', "['`]([FGHJLRW][0-9]+, )*[FGHJLRW][0-9]+(:|, )", 'test'], {
      cwd: ROOT,
    });
    const shown = new Set([...stdout.matchAll(/[GHJLRW]\d+/g)].map(([id]) => id));
    const ids = BAD_INPUTS.map(({ id }) => id);
    expect(ids.filter((id) => !shown.has(id))).toEqual([]);
    const group = (letter: string, from: number, to: number): string[] =>
      Array.from({ length: to - from + 1 }, (_, index) => `${letter}${from + index}`);
    expect(ids).toEqual([
      ...group('H', 1, 35),
      ...group('G', 36, 60),
      ...group('W', 61, 86),
      ...group('R', 87, 100),
      ...group('J', 101, 120),
      'L121',
    ]);
  });

  it('docs/security.md names tests that exist', () => {
    const files = [...read('docs/security.md').matchAll(/`(test\/[\w/.-]+)`/g)].map(([, file]) => file ?? '');
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !existsSync(new URL(file, ROOT)))).toEqual([]);
  });

  it('docs/operations.md lists the metrics there are', async () => {
    const documented = [...read('docs/operations.md').matchAll(/^\| `(realtime_\w+)`/gm)].map(([, name]) => name);
    const text = await createMetrics(systemClock).render();
    const exposed = [...text.matchAll(/^# HELP (realtime_\w+)/gm)].map(([, name]) => name);
    expect([...documented].sort()).toEqual([...exposed].sort());
  });

  describe('as typed', () => {
    let dir: string;
    let port: number;
    let service: ChildProcess;
    let printed = '';
    const env = () => ({ ...process.env, DATA_DIR: dir, PORT: String(port), NODE_NO_WARNINGS: '1' });

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'realtime-readme-'));
      port = await freePort();
      service = spawn('npm', ['start', '--silent'], {
        cwd: ROOT,
        env: env(),
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      });
      service.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      await eventually(() => expect(printed).toContain('Try it'), 20_000);
    }, 30_000);
    afterAll(() => {
      if (service.pid) process.kill(-service.pid, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    });

    it('npm start prints a URL, a token and a command that works', async () => {
      expect(printed).toContain(`http://localhost:${port}/graphql`);
      // Up to the empty line: the log may go on behind it.
      const [command = ''] = printed.slice(printed.indexOf('Try it:') + 'Try it:'.length).split('\n\n');
      const { stdout } = await run('bash', ['-c', command.replace('curl', 'curl -s')], { env: env() });
      expect(JSON.parse(stdout)).toEqual({ data: { createConversation: { id: 'hello', name: 'Hello' } } });
    });

    it('the curl examples', async () => {
      const script = (blocks('sh').find((code) => code.includes('TOKEN=')) ?? '').replaceAll('8081', String(port));
      const quiet = script.replaceAll(/^curl/gm, 'echo; curl -s');
      const { stdout } = await run('bash', ['-ec', quiet], { cwd: ROOT, env: env() });
      expect(stdout).toContain('type Message');
      expect(stdout).toContain('{"data":{"createConversation":{"id":"team","name":"Team","memberCount":2}}}');
      expect(stdout).toContain('{"data":{"sendMessage":{"sequence":1,"content":"Hello","position":');
    }, 30_000);

    it('the graphql-ws example', async () => {
      const { stdout: token } = await run('npm', ['run', '--silent', 'token', '--', '--user', 'alice'], {
        cwd: ROOT,
        env: env(),
      });
      const code = (blocks('js')[0] ?? '').replaceAll('8081', String(port));
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], {
        cwd: ROOT,
        env: { ...env(), TOKEN: token.trim() },
      });
      expect(stdout).toContain("content: 'Hello again'");
      expect(stdout).toContain('sequence: 2');
    }, 30_000);

    it('npm run demo', async () => {
      const { stdout } = await run('npm', ['run', '--silent', 'demo'], { cwd: ROOT, env: env() });
      for (const text of ['"statusText":"writing"', '"isTyping":false', 'Hi Bob', 'Hi Alice'])
        expect(stdout).toContain(text);
    }, 30_000);
  });
});
