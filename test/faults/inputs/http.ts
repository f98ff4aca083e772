/** Bodies, headers and methods that HTTP allows and this service refuses (H1 to H10, H20 to H31). */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { newId } from '../../support/service.ts';
import { openSocket } from '../../support/socket.ts';
import { BODY, outcomesOf, postHead, statusFor, upgradeHead } from './exchange.ts';
import { type BadInput, input, OF_GATEWAY, ORIGIN, type Target } from './input.ts';
import { ACCEPTS, answerBy, codesBy, everywhere } from './ways.ts';

const UNREADABLE = ['400 BAD_USER_INPUT'];
const NO_REQUEST = ['400 BAD_USER_INPUT'];
const JSON_TYPE = { 'content-type': 'application/json' };
const bytes = (text: string | Buffer): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text));
/** 64 MiB that are 64 KB on the way. */
const BOMB = bytes(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')));

type Body = string | Uint8Array<ArrayBuffer>;
type Row = readonly [
  title: string,
  outcomes: readonly string[],
  body: Body,
  headers?: Readonly<Record<string, string>>,
];

const BODIES: readonly Row[] = [
  ['H1: no content type', UNREADABLE, bytes(BODY), {}],
  ['H2: text/plain, which needs no preflight', UNREADABLE, BODY, { 'content-type': 'text/plain' }],
  ['H2: a form in a URL, which needs none', UNREADABLE, BODY, { 'content-type': 'application/x-www-form-urlencoded' }],
  [
    'H3: multipart/form-data, which needs none',
    UNREADABLE,
    BODY,
    { 'content-type': 'multipart/form-data; boundary=x' },
  ],
  ['H4: utf-16', ['415 BAD_USER_INPUT'], BODY, { 'content-type': 'application/json; charset=utf-16' }],
  ['H5: an empty body', UNREADABLE, ''],
  ['H6: null', NO_REQUEST, 'null'],
  ['H6: a number', NO_REQUEST, '1'],
  ['H6: a text', NO_REQUEST, '"x"'],
  ['H6: an empty list', NO_REQUEST, '[]'],
  ['H6: a batch', NO_REQUEST, `[${BODY}]`],
  ['H7: JSON cut off', UNREADABLE, BODY.slice(0, -2)],
  ['H8: bytes that are no UTF-8', UNREADABLE, Uint8Array.from([0x7b, 0xff, 0xfe])],
  ['H9: a byte order mark', ['200'], `\ufeff${BODY}`],
  ['H10: a body over MAX_BODY_BYTES', ['413 PAYLOAD_TOO_LARGE'], JSON.stringify({ query: 'x'.repeat(1_048_576) })],
  ['H20: 64 MiB in a gzip of 64 KB', ['415 BAD_USER_INPUT'], BOMB, { ...JSON_TYPE, 'content-encoding': 'gzip' }],
  ['H21: brotli', ['415 BAD_USER_INPUT'], bytes(brotliCompressSync(BODY)), { ...JSON_TYPE, 'content-encoding': 'br' }],
  [
    'H21: gzip twice',
    ['415 BAD_USER_INPUT'],
    bytes(gzipSync(gzipSync(BODY))),
    { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' },
  ],
  ['W86: a key of a million characters', NO_REQUEST, `{"${'k'.repeat(1_000_000)}":1}`],
  [
    'W86: a number of a million digits',
    UNREADABLE,
    `{"query":"{ __typename }","variables":{"n":0.1${'0'.repeat(1_000_000)}1}}`,
  ],
  ['W86: lists 10,000 deep', NO_REQUEST, '['.repeat(10_000) + ']'.repeat(10_000)],
];

/** The statuses of a GET that a page of any site can make, by each way to answer it. */
async function get(target: Target, query: string, headers: Readonly<Record<string, string>>): Promise<number[]> {
  const url = `${target.url}/graphql?query=${encodeURIComponent(query)}`;
  const statuses: number[] = [];
  for (const accept of [ACCEPTS.JSON, ACCEPTS.SSE])
    statuses.push((await fetch(url, { headers: { accept, ...headers } })).status);
  return statuses;
}

/** The status of an upgrade, over both endpoints of sockets, and what CORS allows. */
async function withOrigin(target: Target, origin: string): Promise<unknown> {
  const statuses: number[] = [];
  for (const path of ['/graphql', '/ws'])
    statuses.push(await statusFor(target, upgradeHead(path, 'Host: x', `Origin: ${origin}`)));
  const headers = { origin, 'access-control-request-method': 'POST' };
  const preflight = await fetch(`${target.url}/graphql`, { method: 'OPTIONS', headers });
  return [...statuses, preflight.headers.get('access-control-allow-origin')];
}

const SPOOFED = { 'x-user-id': 'bob', 'x-tenant-id': 'other', 'x-forwarded-user': 'bob' } as const;

/** Who the caller is taken for, by each way. */
async function spoof(target: Target): Promise<unknown> {
  const userId = newId();
  const token = await target.token(userId);
  const answers: string[] = [];
  for (const way of ['JSON', 'SSE', 'graphql-ws'] as const)
    answers.push(await answerBy(way, target, { query: '{ viewer { id } }' }, { userId, headers: SPOOFED }));
  const raw = await openSocket(`${target.rawUrl}?token=${token}`, [], SPOOFED);
  answers.push(JSON.stringify(await raw.frame(0)));
  raw.socket.close();
  return answers.every((answer) => answer.includes(userId) && !answer.includes('bob'));
}

const SDL = { query: '{ _service { sdl } }' };
const ENTITIES = { query: '{ _entities(representations: []) { __typename } }' };
const WRONG = { 'router-authorization': OF_GATEWAY['router-authorization'].replace(/.$/, 'x') };

async function acceptsOf(target: Target, query: string, accept: string): Promise<number> {
  const body = JSON.stringify({ query });
  const headers = [`Content-Length: ${body.length}`, `Accept: ${accept}`];
  return statusFor(target, `${postHead(await target.token(newId()), ...headers)}${body}`);
}

const SUBSCRIPTION = 'subscription { messageReceived { id } }';

export const HTTP: readonly BadInput[] = [
  ...BODIES.map(([title, outcomes, body, headers]) =>
    input(`${title}: ${outcomes}`, outcomes, (target) => outcomesOf(target, body, headers)),
  ),
  input('H10: a length over MAX_BODY_BYTES is refused before the body comes: 413', 413, async (target) =>
    statusFor(target, `${postHead(await target.token(newId()), 'Content-Length: 2000000')}{"que`),
  ),
  input('H22: GET of a mutation: 405, and 406 for a stream', [405, 406], async (target) =>
    get(target, 'mutation { revokeOtherSessions }', {
      authorization: `Bearer ${await target.token(newId())}`,
      'apollo-require-preflight': '1',
    }),
  ),
  input('H23: GET of a query with cookies, which are nobody: 401, also for a stream', [401, 401], (target) =>
    get(target, '{ viewer { id } }', { cookie: 'session=x; token=x' }),
  ),
  ...['*/*;q=0', 'text/html', ';;;,,,', 'a/b;'.repeat(2_500)].map((accept) =>
    input(`H27: Accept ${accept.slice(0, 10)}: 406`, [406, 406], (target) =>
      Promise.all([acceptsOf(target, '{ viewer { id } }', accept), acceptsOf(target, SUBSCRIPTION, accept)]),
    ),
  ),
  ...['null', `${ORIGIN}.evil.tld`, 'https://evilapp.example.com', `${ORIGIN}:444`, ORIGIN.replace('s:', ':')].map(
    (origin) => input(`H28: origin ${origin}: 403`, [403, 403, null], (target) => withOrigin(target, origin)),
  ),
  input('H28: two origins, the first of them allowed: 403', [403, 403], (target) =>
    Promise.all(
      ['/graphql', '/ws'].map((path) =>
        statusFor(target, upgradeHead(path, 'Host: x', `Origin: ${ORIGIN}`, 'Origin: https://evil.tld')),
      ),
    ),
  ),
  input(
    'H29: X-Forwarded-For of who is no proxy of ours: nothing is taken from it',
    [200, 101, 101],
    async (target) => {
      const made = 'X-Forwarded-For: 1.2.3.4, "><script>';
      const token = await target.token(newId());
      return [
        await statusFor(target, `${postHead(token, made, `Content-Length: ${BODY.length}`)}${BODY}`),
        await statusFor(target, upgradeHead('/graphql', 'Host: x', made)),
        await statusFor(target, upgradeHead(`/ws?token=${token}`, 'Host: x', made)),
      ];
    },
  ),
  input('H30: X-User-Id and X-Tenant-Id: the caller is who the token says', true, spoof),
  input(
    'H31, Q54: another Router-Authorization of the same length: FORBIDDEN',
    Array(2).fill(everywhere('FORBIDDEN')),
    async (target) => [
      await codesBy(target, SDL, { headers: WRONG }),
      await codesBy(target, ENTITIES, { headers: WRONG }),
    ],
  ),
  input('H31, Q54: no Router-Authorization: FORBIDDEN', Array(2).fill(everywhere('FORBIDDEN')), async (target) => [
    await codesBy(target, SDL, { headers: {} }),
    await codesBy(target, ENTITIES, { headers: {} }),
  ]),
];
