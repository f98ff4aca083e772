/** Malformed HTTP requests (H13 to H19, H24 to H26, H32 to H34), as bytes. */
import { newId } from '../../support/service.ts';
import { BODY, exchange, head, postHead, statusFor, statusOf, upgradeHead } from './exchange.ts';
import { type BadInput, input, type Target } from './input.ts';

type Bytes = (token: string) => string | Buffer;
type Row = readonly [title: string, status: number, ...requests: readonly Bytes[]];

const get =
  (path: string): Bytes =>
  () =>
    head(`GET ${path} HTTP/1.1`, 'Host: x');
const upgrades = (...headers: string[]): Bytes[] =>
  ['/graphql', '/ws'].map((path) => () => upgradeHead(path, ...headers));
const method =
  (name: string): Bytes =>
  () =>
    head(`${name} /graphql HTTP/1.1`, 'Host: x');
const HEADERS = Array.from({ length: 2_001 }, (_, n) => `a${n}:b`);
const LONG = 'a'.repeat(20_000);

const ROWS: readonly Row[] = [
  [
    'H13: both a length and chunks',
    400,
    (token) => `${postHead(token, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ],
  ['H14: two lengths', 400, (token) => `${postHead(token, 'Content-Length: 5', 'Content-Length: 6')}hello`],
  ['H14: a length that is none', 400, (token) => `${postHead(token, 'Content-Length: -1')}hello`],
  ['H14: a chunk whose size is none', 400, (token) => `${postHead(token, 'Transfer-Encoding: chunked')}xyz\r\n`],
  ['H15: NUL in a header', 400, (token) => postHead(token, 'X-A: a\0b'), ...upgrades('Host: x', 'X-A: a\0b')],
  ['H16: a header of 20 KB', 431, (token) => postHead(token, `X-A: ${LONG}`), ...upgrades('Host: x', `X-A: ${LONG}`)],
  ['H17: 2,001 headers', 431, (token) => postHead(token, ...HEADERS), ...upgrades('Host: x', ...HEADERS)],
  [
    'H18: lines that end in LF only',
    400,
    () => 'GET /health HTTP/1.1\nHost: x\n\n',
    ...upgrades('Host: x').map(
      (bytes): Bytes =>
        (token) =>
          String(bytes(token)).replaceAll('\r', ''),
    ),
  ],
  ['H19: no host', 400, () => head('GET /health HTTP/1.1'), ...upgrades()],
  ['H24: TRACE', 405, method('TRACE')],
  ['H24: PROPFIND', 405, method('PROPFIND')],
  ['H24: DELETE', 405, method('DELETE')],
  ['H24: a method there is not', 400, method('NONSENSE')],
  ['H24: CONNECT', 0, () => head('CONNECT x:1 HTTP/1.1', 'Host: x')],
  ['H25: a path above', 404, get('/graphql/../admin')],
  ['H25: a path above, packed', 404, get('/%2e%2e/graphql')],
  ['H25: a path that is no path', 400, get('/%zz')],
  ['H25: two slashes', 404, get('//graphql')],
  ['H25: a path of 20 KB', 431, get(`/${LONG}`)],
  ['H26: a query of 20 KB', 431, get(`/graphql?query=${LONG}`)],
  [
    'H32: an upgrade to h2c',
    400,
    () => head('GET /graphql HTTP/1.1', 'Host: x', 'Upgrade: h2c', 'Connection: Upgrade'),
  ],
  // No handshake, and so a request without a body.
  [
    'H32: an upgrade by POST at /graphql',
    400,
    ...upgrades('Host: x')
      .slice(0, 1)
      .map(
        (bytes): Bytes =>
          (token) =>
            String(bytes(token)).replace('GET', 'POST'),
      ),
  ],
  [
    'H32: a version of the protocol there is not',
    400,
    ...upgrades('Host: x').map(
      (bytes): Bytes =>
        (token) =>
          String(bytes(token)).replace('n: 13', 'n: 99'),
    ),
  ],
  ['H33: the first bytes of TLS', 400, () => Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0xff])],
  ['H33: 10,000 NULs', 400, () => '\0'.repeat(10_000)],
];

async function pipeline(target: Target): Promise<number> {
  const count = (text: string): number => text.split('HTTP/1.1 200').length - 1;
  const requests = head('GET /health HTTP/1.1', 'Host: x').repeat(1_000);
  return count(await exchange(target, requests, (text) => count(text) >= 1_000));
}

async function pipelineQueries(target: Target): Promise<number> {
  const count = (text: string): number => text.split('{"data":{"viewer"').length - 1;
  const one = `${postHead(await target.token(newId()), `Content-Length: ${BODY.length}`)}${BODY}`;
  return count(await exchange(target, one.repeat(1_000), (text) => count(text) >= 1_000));
}

export const FRAMING: readonly BadInput[] = [
  ...ROWS.map(([title, status, ...requests]) =>
    input(`${title}: ${status || 'closed'}`, Array(requests.length).fill(status), async (target) => {
      const token = await target.token(newId());
      return Promise.all(requests.map((bytes) => statusFor(target, bytes(token))));
    }),
  ),
  input('H34: a thousand requests at once on one connection: each is answered', 1_000, pipeline),
  input('H34: a thousand queries at once on one connection: each is answered', 1_000, pipelineQueries),
];

/** Those that begin and do not go on; each is cut off by a deadline of ours, or of Node's behind it. */
export const STALLED: readonly BadInput[] = [
  input('H11: a length over what comes: 408', 408, async (target) =>
    statusOf(await exchange(target, `${postHead(await target.token(newId()), 'Content-Length: 1000')}{`)),
  ),
  input('H12: chunks without an end: 408', 408, async (target) =>
    statusOf(
      await exchange(target, `${postHead(await target.token(newId()), 'Transfer-Encoding: chunked')}5\r\n{"que`),
    ),
  ),
  input('H35: headers without an end: 408', 408, async (target) =>
    statusOf(await exchange(target, 'GET /health HTTP/1.1\r\nHost: x\r\n')),
  ),
];
