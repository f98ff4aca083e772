/** A process that is sent everything wrong goes on serving. */
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { post, tokenOf } from './load.ts';
import { IS_FULL, TEST_MS } from './settings.ts';

const deep = (open: string, close: string, levels: number): string => open.repeat(levels) + close.repeat(levels);
const query = (text: string, variables: unknown = {}): string => JSON.stringify({ query: text, variables });

/** A thousand million fields in forty lines. */
const MULTIPLYING = `${Array.from({ length: 30 }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join('\n')}
fragment F30 on Query { __typename } { ...F0 }`;
const BODIES = [
  '',
  'null',
  '1',
  '"x"',
  '[]',
  '[{}]',
  '{',
  '\ufeff{}',
  '\u0000',
  '{"query":1}',
  '{"query":null}',
  '{"query":""}',
  '{"__proto__":{"x":1},"query":"{__typename}"}',
  '{"query":"{__typename}","variables":[]}',
  '{"query":"{__typename}","variables":"x"}',
  '{"query":"{__typename}","operationName":"none"}',
  '{"query":"{__typename}","extensions":7}',
  deep('[', ']', 20_000),
  query(deep('{a', '}', 5_000)),
  query(`{${'a '.repeat(6_000)}}`),
  query(`{ a${'@a'.repeat(4_000)} }`),
  query('query ($a: ID!) { conversation(id: $a) { id } }', { a: { $gt: '' } }),
  query('query ($a: ID!) { conversation(id: $a) { id } }', { a: 'x'.repeat(10_000) }),
  query('{ conversation(id: "\\ud800") { id } }'),
  query('{ conversation(id: "..") { messages(first: -1) { nodes { id } } } }'),
  query('query ($n: Int) { conversation(id: "a") { messages(first: $n) { nodes { id } } } }', { n: 2 ** 31 }),
  '{"query":"query ($n: Int) { conversation(id: \\"a\\") { members(first: $n) { totalCount } } }","variables":{"n":1e400}}',
  query('mutation ($p: JSON) { sendMessage(input: {conversationId: "a", payload: $p}) { id } }', {
    p: { constructor: 1 },
  }),
  query('mutation { sendMessage(input: {conversationId: "a", content: "\\u0000"}) { id } }'),
  query(
    '{ _entities(representations: [{__typename: "Nothing"}, {__typename: "Conversation", id: {a: 1}}]) { __typename } }',
  ),
  query('query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }', {
    r: Array.from({ length: 2_000 }, () => null),
  }),
  query('subscription { messageReceived { id } messageUpdated { id } }'),
  query('subscription { none }'),
  query('{ presence(userIds: []) { status } }'),
  query('fragment F on Query { ...F } { ...F }'),
  query(MULTIPLYING),
];
const FRAMES = [
  '',
  'null',
  '1',
  '[]',
  '{}',
  '{"type":1}',
  '{"type":"nothing"}',
  deep('[', ']', 5_000),
  '{"type":"next","id":"1"}',
  '{"type":"connection_ack"}',
  '{"type":"subscribe"}',
  '{"type":"subscribe","id":1,"payload":{}}',
  '{"type":"subscribe","id":"","payload":{"query":"{__typename}"}}',
  '{"type":"complete","id":"__proto__"}',
  ...['__proto__', 'constructor', 'toString', 'x'.repeat(200)].map((id) =>
    JSON.stringify({ type: 'subscribe', id, payload: { query: '{' } }),
  ),
  JSON.stringify({
    type: 'subscribe',
    id: 'a',
    payload: { query: 'subscription { messageReceived(after: ["", "x", "__proto__"]) { id } }' },
  }),
  JSON.stringify({ type: 'subscribe', id: 'b', payload: { query: '{ __typename }', variables: [1], extensions: 'x' } }),
  JSON.stringify({ type: 'ping', payload: { a: 'x'.repeat(10_000) } }),
];

const ROUNDS = IS_FULL ? 20 : 4;
const HEAP_MIB = 96;

describe('G13: no input ends the process or leaves an unhandled rejection', () => {
  let program: Program;
  let token: string;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: ':memory:',
      JWT_SECRET: SECRET,
      RATE_LIMIT_CONNECTIONS: '100000',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    };
    program = await startProgram('src/main.ts', env, /service started/);
    url = `http://127.0.0.1:${port}`;
    token = await tokenOf('mallory');
  });
  afterAll(() => program.stop('SIGKILL'));

  async function overHttp(): Promise<void> {
    const statuses = new Set<number>();
    for (const accept of [
      'application/json',
      'text/event-stream',
      'multipart/mixed;subscriptionSpec=1.0',
      'application/json;callbackSpec=1.0',
    ]) {
      for (const body of BODIES) {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept };
        const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
        statuses.add(response.status);
        expect(await response.text()).not.toMatch(/INTERNAL_SERVER_ERROR| at .*\.ts:/);
      }
    }
    expect([...statuses].filter((status) => status >= 500)).toEqual([]);
  }

  async function overWebSockets(): Promise<void> {
    for (const frame of FRAMES) {
      const socket = await openSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      socket.send({ type: 'connection_init', payload: { token } });
      await socket.frame(0);
      socket.send(frame);
      socket.send('{"type":"subscribe","id":"last","payload":{"query":"{ __typename }"}}');
      const answered = new Promise((resolve) =>
        socket.socket.on('message', (data: Buffer) => data.includes('"last"') && resolve('answered')),
      );
      expect(['answered', 1009, 4400, 4409, 4429]).toContain(await Promise.race([socket.closed, answered]));
      socket.socket.terminate();
    }
  }

  it('over HTTP, by each way to answer', overHttp);

  it('over web sockets', overWebSockets);

  // What each round left behind would be in the way of the next: the heap has room for little more than the service.
  it(
    `and ${ROUNDS} times over, in ${HEAP_MIB} MiB`,
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await overHttp();
        await overWebSockets();
      }
      expect(program.process.exitCode).toBeNull();
    },
    TEST_MS,
  );

  it('and an honest client is served by the same process, which has nothing to tell of', async () => {
    const { data } = await post(url, token, '{ viewer { id status } }', {});
    expect(data.viewer.id).toBe('mallory');
    expect(program.process.exitCode).toBeNull();
    expect(program.output).not.toMatch(/unhandled|"level":(50|60)|unexpected fault/i);
  });
});
