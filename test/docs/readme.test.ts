/** The commands of the documents run as typed; the tables and figures of all pages match the code. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configurationRows, environmentExample, errorRows } from '../../scripts/tables.ts';
import { systemClock } from '../../src/clock.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { BAD_INPUTS } from '../faults/bad-inputs.ts';
import { FAULTS } from '../faults/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { openStream } from '../support/http-stream.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');
const protocol = read('docs/protocol.md');
const run = promisify(execFile);

/** The fenced blocks of a language in the README, docs/first-requests.md and docs/protocol.md, in order. */
const blocks = (language: string): string[] =>
  [
    ...`${read('README.md')}\n${read('docs/first-requests.md')}\n${protocol}`.matchAll(
      new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'),
    ),
  ].map(([, code]) => code ?? '');

describe('the documents', () => {
  it('the README names the two commands', () => {
    const commands = [...read('README.md').matchAll(/^```sh\n(.*)\n```$/gm)].map(([, command]) => command);
    expect(commands).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  it.each([
    ['docs/protocol.md', errorRows()],
    ['docs/configuration.md', configurationRows()],
  ])('the table of %s matches the code', (page, expected) => {
    const rows = read(page).split('\n');
    expect(rows.filter((line) => /^\| `[A-Z_]+` \|/.test(line))).toEqual(expected);
  });

  it('.env.example matches the code', () => {
    expect(read('.env.example')).toBe(environmentExample());
  });

  it('the figures in the sentences of the README and docs match the code', () => {
    const seconds = (ms: number): string => `${ms / 1_000} s`;
    const many = (count: number): string => count.toLocaleString('en');
    const rateOf = (name: keyof typeof VARIABLES): string => many(Number(VARIABLES[name].default));
    const sentences: Readonly<Record<string, readonly string[]>> = {
      'docs/protocol.md': [
        `no \`connection_init\` in ${seconds(TIMES.connectionInitMs)},`,
        `a token that could not be checked within ${seconds(TIMES.authenticationMs)},`,
        `The last ${LIMITS.publicationsPerTopic} publications of each topic are kept for a day`,
        `\`keep\`, 1 to ${LIMITS.publicationsPerTopic}, and`,
        `up to ${many(LIMITS.schemaCharacters)} characters and ${LIMITS.schemaValues} values`,
        `at most ${many(LIMITS.expressionSteps)} steps, ${LIMITS.expressionDepth} levels and one second`,
        `For ${seconds(TIMES.refreshLeewayMs)} it repeats its answer`,
        `more than ${seconds(TIMES.clockToleranceMs)} ahead`,
        `its lease of ${seconds(TIMES.nodeLeaseMs)} and a sweep of ${seconds(TIMES.nodeRenewMs)}.`,
        `Typing ends by itself, ${seconds(TIMES.typingMs)} after`,
        `fail with \`SERVICE_UNAVAILABLE\` within ${seconds(TIMES.operationMs)} `,
      ],
      'docs/operations.md': [
        `An operation fails within ${seconds(TIMES.operationMs)},`,
        `takes longer than ${seconds(TIMES.operationMs)} fails`,
        `A health check every ${TIMES.circuitCheckMs} ms`,
        `lets in ${many(LIMITS.admissionBurst)} sockets at once`,
        `have ${LIMITS.refusalsPerConnection} refusals at once and one more each second`,
        `${rateOf('RATE_LIMIT_USER_MESSAGES')} a second, ${rateOf('RATE_LIMIT_MESSAGES')} on one socket; ${rateOf('RATE_LIMIT_TENANT_MESSAGES')} of a tenant; ${rateOf('RATE_LIMIT_NODE_MESSAGES')} on a node`,
        `${rateOf('RATE_LIMIT_USER_SIGNALS')} a second, ${rateOf('RATE_LIMIT_SIGNALS')} on one socket`,
        `\`/ws\` \`CreateRoom\` | ${rateOf('RATE_LIMIT_CREATIONS')} a minute`,
        `${rateOf('RATE_LIMIT_NAMED')} a minute, ${rateOf('RATE_LIMIT_NAMED_AT_ONCE')} at once`,
        `\`LeaveRoom\` | ${rateOf('RATE_LIMIT_MEMBERSHIPS')} a minute`,
        `\`unblockUser\` | ${rateOf('RATE_LIMIT_LISTS')} a minute`,
        `\`createSession\` | ${rateOf('RATE_LIMIT_SESSION_CREATIONS')} a minute`,
        `\`revokeOtherSessions\` | ${rateOf('RATE_LIMIT_SESSIONS')} a minute`,
        `\`deleteTopicPolicy\` | ${rateOf('RATE_LIMIT_ADMIN')} a minute`,
        `\`testRoutingRule\` | ${rateOf('RATE_LIMIT_RULE_TESTS')} a second`,
        `\`removeReaction\` | ${rateOf('RATE_LIMIT_REACTIONS')} a second`,
        `more than ${many(LIMITS.shortAppendCharacters)} characters, its payload included, count as a message, too | ${rateOf('RATE_LIMIT_APPENDS')} a second`,
        `each ${many(LIMITS.charactersPerUnit)} characters of a frame`,
        `instead of all of the above | ${rateOf('RATE_LIMIT_SERVICE')} a second`,
      ],
      'docs/streamed-messages.md': [
        `${1_000 / LIMITS.appendPaceMs} a second for a message and ${rateOf('RATE_LIMIT_APPENDS')} for a user`,
        `An empty append at least every ${seconds(TIMES.writingMs)}.`,
        `At most ${many(LIMITS.writtenCharacters)} characters.`,
        `At most ${LIMITS.writingsPerSender} of one sender and ${LIMITS.writingsPerConversation} of all`,
        `Appends within ${String(VARIABLES.STREAM_MERGE.default).replace('ms', ' ms')} (`,
      ],
      'docs/clients.md': [
        `${many(LIMITS.persistedDocuments)} documents and ${LIMITS.persistedDocumentCharacters / 2 ** 20} MiB`,
      ],
      'docs/federation.md': [
        `At most ${many(LIMITS.representations)} representations`,
        `is tried again for ${seconds(TIMES.callbackRetryMs)} `,
        `closed after ${seconds(TIMES.idleGatewayMs)} in which nothing is asked`,
      ],
    };
    for (const [page, parts] of Object.entries(sentences)) {
      const text = read(page).replaceAll(/\s+/g, ' ');
      expect([page, parts.filter((part) => !text.includes(part))]).toEqual([page, []]);
    }
  });

  it('each fault of the catalogue is named by a test', async () => {
    const ids = FAULTS.map(({ id }) => id);
    const { stdout } = await run('grep', ['-rhoE', "['`, ]F[0-9]{1,2}\\b[^|]*", 'test', '--include=*.test.ts'], {
      cwd: ROOT,
    });
    const shown = new Set([...stdout.matchAll(/\bF\d+\b/g)].map(([id]) => id));
    expect(ids.filter((id) => !shown.has(id))).toEqual([]);
    expect(ids).toEqual(Array.from({ length: 51 }, (_, index) => `F${index + 1}`));
    for (const id of ids) expect(read('docs/faults.md')).toContain(`| ${id} |`);
  });

  it('each bad input of the catalogue is named by a test', async () => {
    // At the beginning of a title, alone or with others; those of tables are in faults/inputs and auth/forged-tokens.ts.
    const { stdout } = await run('grep', ['-rhoE', "['`]([FGHJLQRW][0-9]+, )*[FHJLQRW][0-9]+(:|, )", 'test'], {
      cwd: ROOT,
    });
    const shown = new Set([...stdout.matchAll(/[HJLQRW]\d+/g)].map(([id]) => id));
    const ids = BAD_INPUTS.map(({ id }) => id);
    expect(ids.filter((id) => !shown.has(id))).toEqual([]);
    const group = (letter: string, from: number, to: number): string[] =>
      Array.from({ length: to - from + 1 }, (_, index) => `${letter}${from + index}`);
    expect(ids).toEqual([
      ...group('H', 1, 35),
      ...group('Q', 36, 60),
      ...group('W', 61, 86),
      ...group('R', 87, 100),
      ...group('J', 101, 120),
      'L121',
    ]);
  });

  it('docs/operations.md lists every metric', async () => {
    const documented = [...read('docs/operations.md').matchAll(/^\| `(realtime_\w+)`/gm)].map(([, name]) => name);
    const text = await createMetrics(systemClock).render();
    const exposed = [...text.matchAll(/^# HELP (realtime_\w+)/gm)].map(([, name]) => name);
    expect([...documented].sort()).toEqual([...exposed].sort());
  });

  describe('the examples of the documents, run as typed', () => {
    let dir: string;
    let port: number;
    let service: ChildProcess;
    let printed = '';
    // The one that the section on webhooks says is allowed.
    const webhooks = { WEBHOOK_ALLOWED_URLS: 'https://push.example.com/' };
    // The console is built by the tests of it (`test/console`).
    const fixed = { NODE_NO_WARNINGS: '1', CONSOLE: 'false', ...webhooks };
    const env = () => ({ ...process.env, ...fixed, DATA_DIR: dir, PORT: String(port) });

    async function start(): Promise<void> {
      printed = '';
      service = spawn('npm', ['start', '--silent'], {
        cwd: ROOT,
        env: env(),
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      });
      service.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      await eventually(() => expect(printed).toContain('Try it'));
    }
    async function stop(): Promise<void> {
      if (service.pid) process.kill(-service.pid, 'SIGKILL');
      await once(service, 'close');
    }
    const tokenOfAlice = async (): Promise<string> => {
      const words = ['run', '--silent', 'token', '--', '--user', 'alice'];
      return (await run('npm', words, { cwd: ROOT, env: env() })).stdout.trim();
    };

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'realtime-readme-'));
      port = await freePort();
      await start();
    });
    afterAll(async () => {
      if (service.exitCode === null && service.signalCode === null) await stop();
      rmSync(dir, { recursive: true, force: true });
    });

    it('npm start prints a URL, a token and a command that works', async () => {
      expect(printed).toContain(`http://localhost:${port}/graphql`);
      // Up to the empty line: the log may go on behind it.
      const [command = ''] = printed.slice(printed.indexOf('Try it:') + 'Try it:'.length).split('\n\n');
      const { stdout } = await run('bash', ['-c', command.replace('curl', 'curl -s')], { env: env() });
      expect(JSON.parse(stdout)).toEqual({ data: { createConversation: { id: 'hello', name: 'Hello' } } });
    });

    it('all runnable blocks are run here', () => {
      const marked = ['sh', 'js', 'graphql'].map((language) => blocks(language).length);
      // First and last are for a machine that has nothing yet; the one between them that goes on is the stream.
      expect(marked).toEqual([4, 2, 8]);
    });

    it('the curl examples', async () => {
      const script = (blocks('sh').find((code) => code.includes('TOKEN=')) ?? '').replaceAll('8081', String(port));
      const quiet = script.replaceAll(/^curl/gm, 'echo; curl -s');
      const { stdout } = await run('bash', ['-ec', quiet], { cwd: ROOT, env: env() });
      expect(stdout).toContain('type Message');
      expect(stdout).toContain('{"data":{"createConversation":{"id":"team","name":"Team","memberCount":2}}}');
      expect(stdout).toContain('{"data":{"sendMessage":{"sequence":1,"content":"Hello","position":');
    });

    it('the stream with curl shows an event at once', async () => {
      const script = (blocks('sh').find((code) => code.includes('curl -N')) ?? '').replaceAll('8081', String(port));
      const shell = spawn('bash', ['-c', `exec ${script.replace('curl', 'curl -s')}`], {
        env: { ...env(), TOKEN: await tokenOfAlice() },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let shown = '';
      shell.stdout.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      await eventually(() => {
        expect(shown).toContain('data: {"data":{"presenceUpdated":{"userId":"alice","status":"ONLINE"}}}');
        expect(shown).toContain('data: {"data":{"presenceUpdated":{"userId":"bob","status":"OFFLINE"}}}');
      });
      shell.kill('SIGKILL');
      await once(shell, 'close');
    });

    it('the inbox, a message on behalf of alice, the topic policy, a consumer, its webhook, and the routing rules', async () => {
      const words = ['run', '--silent', 'token', '--', '--user', 'root', '--scope', 'realtime:admin realtime:service'];
      const authorization = `Bearer ${(await run('npm', words, { cwd: ROOT, env: env() })).stdout.trim()}`;
      const [streams = [], requests = []] = [true, false].map((isStream) =>
        blocks('graphql').filter((query) => query.startsWith('subscription') === isStream),
      );
      for (const query of requests) {
        const headers = { 'content-type': 'application/json', authorization };
        const body = JSON.stringify({ query });
        const response = await fetch(`http://localhost:${port}/graphql`, { method: 'POST', headers, body });
        const { data, errors } = (await response.json()) as { data: object; errors?: unknown };
        expect(errors).toBeUndefined();
        for (const [field, answer] of Object.entries(data)) {
          const answers: Record<string, object> = {
            viewer: { unreadMessageCount: 0, inbox: { totalCount: 0, edges: [] } },
            sendMessage: { senderId: 'alice', via: 'root' },
            saveTopicPolicy: { pattern: 'workflow.*' },
            saveConsumer: { name: 'bot' },
            saveWebhook: { secret: expect.stringMatching(/^whsec_/), webhook: { state: 'ENABLED' } },
            pullEvents: { events: [], ackToken: expect.any(String) },
          };
          expect(answer).toEqual(answers[field] ?? { id: expect.any(String) });
        }
      }
      for (const query of streams) {
        const stream = await openStream({ url: `http://localhost:${port}` }, authorization.slice('Bearer '.length), {
          query,
        });
        await eventually(() => expect(stream.text).toContain('"isLive":true,"unreadMessageCount":0'));
        stream.stop();
      }
    }, 30_000);

    it('the graphql-ws example', async () => {
      const code = (blocks('js')[0] ?? '').replaceAll('8081', String(port));
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], {
        cwd: ROOT,
        env: { ...env(), TOKEN: await tokenOfAlice() },
      });
      expect(stdout).toContain("content: 'Hello again'");
      // Behind the greeting of curl and the message on behalf of alice.
      expect(stdout).toContain('sequence: 3');
    });

    it('G06: the resuming example receives what was sent while it was away, across a restart', async () => {
      const token = await tokenOfAlice();
      const send = (content: string): Promise<Response> => {
        const query = `mutation { sendMessage(input: {conversationId: "team", content: "${content}"}) { id } }`;
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
        const body = JSON.stringify({ query });
        return fetch(`http://localhost:${port}/graphql`, { method: 'POST', headers, body });
      };
      const code = (blocks('js')[1] ?? '').replaceAll('8081', String(port));
      const client = spawn(process.execPath, ['--input-type=module', '-e', code], {
        cwd: ROOT,
        env: { ...env(), TOKEN: token },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let heard = '';
      client.stdout.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      const texts = (): string[] =>
        heard
          .split('\n')
          .filter(Boolean)
          .map((line) => line.replace(/^\d+ /, ''));
      // Sent again until it is heard: the example may not listen yet, and begins where it asked.
      await send('before');
      await eventually(async () => {
        if (texts().length === 0) await send('before');
        expect(texts()).toContain('before');
      }, 20_000);
      await stop();
      await start();
      await send('away 1');
      await send('away 2');
      await eventually(() => expect(texts().slice(-2)).toEqual(['away 1', 'away 2']));
      expect(texts().filter((text) => text.startsWith('away'))).toHaveLength(2);
      client.kill('SIGKILL');
      await once(client, 'close');
    }, 120_000);

    it('npm run demo', async () => {
      const { stdout } = await run('npm', ['run', '--silent', 'demo'], { cwd: ROOT, env: env() });
      for (const text of ['"statusText":"writing"', '"isTyping":false', 'Hi Bob', 'Hi Alice'])
        expect(stdout).toContain(text);
    });

    it('SIGTERM to npm drains and ends the service', async () => {
      service.kill('SIGTERM');
      await once(service, 'close');
      expect(printed).toContain('"msg":"service stopped"');
    });
  });
});
