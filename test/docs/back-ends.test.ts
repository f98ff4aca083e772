/** docs/back-ends.md: its commands run as typed, and its examples continue after network failures and refusals. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { signToken } from '../../src/access/tokens.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { metric } from '../support/metrics.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type Data, SECRET } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = readFileSync(new URL('../../docs/back-ends.md', import.meta.url), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
const WORKFLOWS = ['workflow.mjs', 'workflow.py', 'workflow.sh'];
const REPORTED = ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING', 'DONE'];
const run = promisify(execFile);
const hasPython = spawnSync('python3', ['--version']).status === 0;

interface Running {
  readonly output: string;
  readonly isOver: boolean;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const tokenOf = (userId: string, scope?: string): Promise<string> =>
  signToken({ secret: SECRET, userId, scope, expiresAt: Math.floor(Date.now() / 1_000) + 3_600 });

/** A service in a process of its own, reached through a network that can be cut. */
async function start(more: Record<string, string> = {}) {
  const port = await freePort();
  const env = { HOST: '127.0.0.1', PORT: String(port), DATA_DIR: ':memory:', JWT_SECRET: SECRET, CONSOLE: 'false' };
  const program = await startProgram('src/main.ts', { ...env, ...more }, /service started/);
  return { url: `http://127.0.0.1:${port}`, program, network: await startTcpProxy(port) };
}

describe('the page for back ends', () => {
  let url: string;
  let program: Program;
  let network: TcpProxy;
  let relayPort: number;
  let env: NodeJS.ProcessEnv;
  const running: Running[] = [];

  beforeAll(async () => {
    relayPort = await freePort();
    const webhooks = { WEBHOOK_ALLOWED_URLS: `http://localhost:${relayPort}/`, WEBHOOK_PRIVATE_ADDRESSES: 'true' };
    ({ url, program, network } = await start({ ...webhooks, UNREACHED_AFTER: '1s' }));
    env = {
      ...process.env,
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      NODE_NO_WARNINGS: '1',
      JWT_SECRET: SECRET,
      REALTIME_URL: `http://localhost:${network.port}/graphql`,
      PORT: String(relayPort),
      TOKEN: await tokenOf('back-end', 'realtime:service'),
    };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()));
  });
  afterAll(async () => {
    await network.close();
    await program.stop();
  });

  /** The only block of the page with these words. */
  function block(words: string): string {
    const found = BLOCKS.filter((code) => code.includes(words));
    expect(found).toHaveLength(1);
    return (found[0] ?? '').replaceAll('8081', String(network.port)).replaceAll('9000', String(relayPort));
  }
  const bash = async (script: string): Promise<string> =>
    (await run('bash', ['-ec', script], { cwd: ROOT, env })).stdout;
  function background(script: string, more: NodeJS.ProcessEnv = {}): Running {
    const child = spawn('bash', ['-ec', script], {
      cwd: ROOT,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    // The last of its output is read after its exit.
    let isClosed = false;
    const closed = once(child, 'close').then(() => {
      isClosed = true;
    });
    const each: Running = {
      get output() {
        return output;
      },
      get isOver() {
        return isClosed;
      },
      async stop(signal = 'SIGTERM') {
        const hasExited = child.exitCode !== null || child.signalCode !== null;
        if (!hasExited && child.pid) process.kill(-child.pid, signal);
        await closed;
      },
    };
    running.push(each);
    return each;
  }

  async function ask(at: string, user: string, query: string, variables: object = {}): Promise<Data> {
    const token = await tokenOf(user, user === 'root' ? 'realtime:admin realtime:service' : undefined);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const body = JSON.stringify({ query, variables });
    const answer = (await (await fetch(`${at}/graphql`, { method: 'POST', headers, body })).json()) as Data;
    expect(answer.errors).toBeUndefined();
    return answer.data;
  }
  async function reported(topic: string, at = url): Promise<string[]> {
    const read = 'query ($topic: String!) { topicHistory(topic: $topic) { payload } }';
    return (await ask(at, 'root', read, { topic })).topicHistory.map(({ payload }: Data) => payload.status);
  }
  const lab = 'query { conversation(id: "lab") { messages(first: 100) { nodes { content replyTo { content } } } } }';
  async function answered(): Promise<string[]> {
    const { conversation } = await ask(url, 'alice', lab);
    const replies = conversation.messages.nodes.filter(({ replyTo }: Data) => replyTo);
    return replies.map(({ content, replyTo }: Data) => `${replyTo.content} → ${content}`);
  }
  const say = (content: string): Promise<Data> =>
    ask(url, 'alice', 'mutation ($c: String!) { sendMessage(input: {conversationId: "lab", content: $c}) { id } }', {
      c: content,
    });

  const settled = (): Promise<void> =>
    eventually(async () => {
      const { consumers } = await ask(url, 'root', '{ consumers { name lag pending deadLetters { nodes { id } } } }');
      expect(consumers).toEqual([{ name: 'bot', lag: 0, pending: 0, deadLetters: { nodes: [] } }]);
    });

  it('all its blocks are run here, except the start of the service', () => {
    expect(BLOCKS).toHaveLength(10);
    expect(BLOCKS[0]).toMatch(/^WEBHOOK_ALLOWED_URLS=\S+ WEBHOOK_PRIVATE_ADDRESSES=true npm start\n$/);
  });

  it('a token, a policy, a stream that shows the workflow, and a repeated workflow', async () => {
    const token = await bash(`${block('export TOKEN')}echo $TOKEN`);
    expect(token.trim().split('.')).toHaveLength(3);
    expect(await bash(block('saveTopicPolicy'))).toContain('{"saveTopicPolicy":{"pattern":"workflow.*"}}');
    const stream = background(block('topicPublished'));
    await eventually(async () => expect(await metric(url, 'realtime_subscriptions')).toBe(1));
    for (const command of block('workflow.mjs 42').trim().split('\n')) {
      if (hasPython || !command.startsWith('python3')) await bash(`${command}; ${command}`);
    }
    for (const topic of ['workflow.42', 'workflow.42-curl', ...(hasPython ? ['workflow.42-python'] : [])])
      expect(await reported(topic)).toEqual(REPORTED);
    await eventually(() => expect(stream.output.split('"payload"')).toHaveLength(1 + REPORTED.length));
  });

  const runner = (file: string): string => (file.endsWith('.py') ? 'python3 ' : file.endsWith('.mjs') ? 'node ' : '');
  for (const file of WORKFLOWS) {
    const when = hasPython || !file.endsWith('.py') ? it : it.skip;
    when(`${file} reports once what a network lost the answer of`, async () => {
      const id = `cut-${file.slice(-2)}`;
      network.breakAnswers(3);
      const workflow = background(`${runner(file)}examples/workflow/${file} ${id}`);
      await eventually(() => expect(workflow.isOver).toBe(true));
      expect(workflow.output).toMatch(/end .*"DONE"/);
      expect(network.unbroken).toBe(0);
      expect(await reported(`workflow.${id}`)).toEqual(REPORTED);
    });
  }

  it('a workflow over its rate waits and continues', async () => {
    const slow = await start({ RATE_LIMIT_SERVICE: '1' });
    const REALTIME_URL = `${slow.url}/graphql`;
    const files = WORKFLOWS.filter((file) => hasPython || !file.endsWith('.py'));
    const workflows = await Promise.all(
      files.map(async (file) =>
        background(`${runner(file)}examples/workflow/${file} ${file}`, {
          REALTIME_URL,
          TOKEN: await tokenOf(file, 'realtime:service'),
        }),
      ),
    );
    await eventually(() => expect(workflows.map(({ isOver }) => isOver)).toEqual(files.map(() => true)));
    for (const file of files) expect(await reported(`workflow.${file}`, slow.url)).toEqual(REPORTED);
    expect(await metric(slow.url, 'realtime_errors_total{code="RATE_LIMITED"}')).toBeGreaterThan(0);
    await slow.network.close();
    await slow.program.stop();
  });

  it('a refusal ends a workflow at once', async () => {
    for (const file of WORKFLOWS.filter((each) => hasPython || !each.endsWith('.py'))) {
      const refused = background(`${runner(file)}examples/workflow/${file} refused`, { TOKEN: await tokenOf('alice') });
      await eventually(() => expect(refused.isOver).toBe(true));
      expect(refused.output).toMatch(/no right to publish/);
    }
    expect(await reported('workflow.refused')).toEqual([]);
  });

  it('two replicas of a bot answer each question once, also when one of them dies', async () => {
    const [one, other] = [background(block('bot-1')), background(block('bot-2'))];
    await eventually(() => {
      expect(one.output).toContain('bot-1 listens');
      expect(other.output).toContain('bot-2 listens');
    });
    expect(await bash(block('createConversation'))).toContain('"createConversation":{"id":"lab"}');
    await eventually(async () => expect(await answered()).toEqual(['@bot hello → You said: HELLO']));
    // Before it acknowledges it would be 60 s until another one is asked.
    await settled();
    await one.stop('SIGKILL');
    for (let n = 1; n <= 5; n += 1) await say(`@bot ${n}`);
    await say('Nothing for bots.');
    const expected = [1, 2, 3, 4, 5].map((n) => `@bot ${n} → You said: ${n}`);
    await eventually(async () => expect((await answered()).slice(1)).toEqual(expected));
    await settled();
    // It ends of its own accord.
    await other.stop();
    expect(other.output).not.toContain('Error');
  });

  it('the relay notifies offline users, and refuses requests that the service did not sign', async () => {
    const triggered: Data[] = [];
    const novu = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        triggered.push({ path: request.url, key: request.headers.authorization, ...JSON.parse(text) });
        // The first is not taken: the service sends the event again.
        response.writeHead(triggered.length === 1 ? 503 : 201).end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(novu, 'listening');
    const [save = '', relay = ''] = block('save.mjs').trim().split('\n');
    const secret = (await bash(`${save}; echo $WEBHOOK_SECRET`)).trim();
    expect(secret).toMatch(/^whsec_/);
    const printing = background(relay, { WEBHOOK_SECRET: secret });
    await eventually(() => expect(printing.output).toContain('listens'));
    const forged = await fetch(`http://localhost:${relayPort}/hooks`, {
      method: 'POST',
      headers: {
        'webhook-id': '1',
        'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
        'webhook-signature': 'v1,AAAA',
      },
      body: '{"type":"user.unreached"}',
    });
    expect(forged.status).toBe(401);
    await bash(block('Are you there?'));
    await eventually(() => expect(printing.output).toContain('push to bob: alice wrote "Are you there?"'));
    await printing.stop();
    const NOVU_URL = `http://127.0.0.1:${(novu.address() as AddressInfo).port}`;
    background(relay, { WEBHOOK_SECRET: secret, NOVU_URL, NOVU_SECRET_KEY: 'key' });
    await say('Hello?');
    const wanted = (each: Data): boolean => each.to.subscriberId === 'bob' && each.payload.content === 'Hello?';
    await eventually(() => expect(triggered.filter(wanted).length).toBeGreaterThan(0));
    expect(triggered.find(wanted)).toEqual({
      path: '/v1/events/trigger',
      key: 'ApiKey key',
      name: 'unread-message',
      to: { subscriberId: 'bob' },
      payload: { senderId: 'alice', content: 'Hello?', conversationId: 'lab' },
      transactionId: expect.stringMatching(/./),
    });
    // What was not taken at first came again.
    await eventually(() =>
      expect(triggered.filter(({ transactionId }) => transactionId === triggered[0].transactionId)).toHaveLength(2),
    );
    novu.close();
    novu.closeAllConnections();
  });
});
