/** Documents that differ in every request: the cache of documents has a cap. */
import { eventually } from '../support/eventually.ts';
import type { Program } from '../support/process.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { openSocket } from '../support/socket.ts';
import { post, tokenOf } from './load.ts';
import { IS_FULL, TEST_MS } from './settings.ts';

const HEAP_MIB = IS_FULL ? 160 : 96;
/** Each is about 2 MiB once it is parsed: all of them were several times what the heap has room for. */
const DOCUMENTS = IS_FULL ? 400 : 40;
const LARGE = 4_900;
/** Sent over a web socket before the first is answered. */
const AT_ONCE = 10;

describe('G10: many different documents', () => {
  let program: Program;
  let token: string;
  let url: string;
  beforeAll(async () => {
    const env = {
      // What is remembered has its cap also where nothing is refused for its price.
      RATE_LIMIT_ENABLED: 'false',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    };
    ({ program, url } = await startServiceProcess(env));
    token = await tokenOf('alice');
  });
  afterAll(() => program.stop('SIGKILL'));

  /** Valid and not valid by turns. */
  const document = (n: number): string =>
    `{ presence(userIds: [${(n % 2 ? '"a" ' : '1.5 ').repeat(LARGE)}]) { status } } #${n}`;

  it.each([
    ['over HTTP', 'application/json'],
    ['over HTTP, as a stream', 'text/event-stream'],
  ])(
    '%s',
    async (_, accept) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept };
      for (let n = 0; n < DOCUMENTS; n += 1) {
        const body = JSON.stringify({ query: document(n) });
        const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        expect(response.status).toBeLessThan(500);
      }
    },
    TEST_MS,
  );

  it(
    'over a WebSocket',
    async () => {
      const socket = await openSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws']);
      socket.send({ type: 'connection_init', payload: { token } });
      await socket.frame(0);
      let answers = 0;
      socket.socket.on('message', (data: Buffer) => {
        if (/"type":"(complete|error)"/.test(data.toString())) answers += 1;
      });
      for (let n = 0; n < DOCUMENTS; n += 1) {
        socket.send({ type: 'subscribe', id: String(n), payload: { query: document(n) } });
        // More at once would be more than it lets us send ahead.
        await eventually(() => expect(answers).toBeGreaterThan(n - AT_ONCE));
      }
      await eventually(() => expect(answers).toBe(DOCUMENTS));
      socket.socket.terminate();
    },
    TEST_MS,
  );

  it('leave the process serving', async () => {
    const { data } = await post(url, token, '{ viewer { id } }', {});
    expect(data.viewer.id).toBe('alice');
    expect(program.process.exitCode).toBeNull();
  });
});
