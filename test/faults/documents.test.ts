/** Documents that no two requests share: what is remembered of them has a cap. */
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { openSocket } from '../support/socket.ts';
import { post, tokenOf } from './load.ts';
import { IS_FULL, TEST_MS } from './settings.ts';

const HEAP_MIB = 160;
/** Each is about 2 MiB once it is parsed: all of them were several times the heap. */
const DOCUMENTS = IS_FULL ? 400 : 120;
const LARGE = 4_900;

describe('G10: documents that differ', () => {
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
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    };
    program = await startProgram('src/main.ts', env, /service started/);
    url = `http://127.0.0.1:${port}`;
    token = await tokenOf('alice');
  });
  afterAll(() => program.stop('SIGKILL'));

  const valid = (n: number): string => `{ presence(userIds: [${'"a" '.repeat(LARGE)}]) { status } } #${n}`;
  const notValid = (n: number): string => `{ presence(userIds: [${'1.5 '.repeat(LARGE)}]) { status } } #${n}`;

  it.each([
    ['over HTTP', 'application/json'],
    ['over HTTP, as a stream', 'text/event-stream'],
  ])(
    '%s',
    async (_, accept) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept };
      for (let n = 0; n < DOCUMENTS; n += 1) {
        for (const make of [valid, notValid]) {
          const body = JSON.stringify({ query: make(n) });
          const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
          await response.arrayBuffer();
          expect(response.status).toBeLessThan(500);
        }
      }
    },
    TEST_MS,
  );

  it(
    'over a web socket',
    async () => {
      const socket = await openSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      socket.send({ type: 'connection_init', payload: { token } });
      await socket.frame(0);
      let answers = 0;
      const all = new Promise<void>((resolve) =>
        socket.socket.on('message', (data: Buffer) => {
          if (/"type":"(complete|error)"/.test(data.toString())) answers += 1;
          if (answers === DOCUMENTS) resolve();
        }),
      );
      for (let n = 0; n < DOCUMENTS; n += 1)
        socket.send({ type: 'subscribe', id: String(n), payload: { query: n % 2 ? valid(n) : notValid(n) } });
      await Promise.race([all, socket.closed]);
      expect(answers).toBe(DOCUMENTS);
      socket.socket.terminate();
    },
    TEST_MS,
  );

  it('and the process that read them all serves', async () => {
    const { data } = await post(url, token, '{ viewer { id } }', {});
    expect(data.viewer.id).toBe('alice');
    expect(program.process.exitCode).toBeNull();
  });
});
