/** Tokens, over each way in (J101 to J120). */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { claims, FORGED, good, HS256, jws, now, STRANGE } from '../../access/forged-tokens.ts';
import type { Issuer } from '../../access/issuer.ts';
import { newId } from '../../support/service.ts';
import { openSocket, type RawSocket } from '../../support/socket.ts';
import { post } from '../load.ts';
import { IS_FULL } from '../settings.ts';
import { BODY, exchange, head, statusOf } from './exchange.ts';
import { type BadInput, input, type Target, withoutSecrets } from './input.ts';
import { ACCEPTS } from './ways.ts';

/** The code it is closed with, or that it is let in. */
async function outcomeOf(socket: RawSocket): Promise<number | 'in'> {
  const first = new Promise<'in'>((resolve) => {
    if (socket.frames.length > 0) resolve('in');
    else socket.socket.once('message', () => resolve('in'));
  });
  const outcome = await Promise.race([socket.closed, first]);
  socket.socket.terminate();
  return outcome;
}

type Sockets = Pick<Target, 'url' | 'wsUrl' | 'rawUrl'>;

/** What comes of a token over each transport: statuses of HTTP, closes of sockets. */
export async function outcomesOfToken(target: Sockets, token: string): Promise<unknown> {
  const authorization = `Bearer ${token}`;
  const statuses = Object.values(ACCEPTS).map(async (accept) => {
    const headers = { accept, authorization, 'content-type': 'application/json' };
    const response = await fetch(`${target.url}/graphql`, { method: 'POST', headers, body: BODY });
    withoutSecrets(await response.text());
    return response.status;
  });
  const graphql = async (payload: object | undefined, headers: Record<string, string>): Promise<number | 'in'> => {
    const socket = await openSocket(target.wsUrl, ['graphql-transport-ws'], headers);
    socket.send({ type: 'connection_init', payload });
    return outcomeOf(socket);
  };
  const raw = async (query: string, headers: Record<string, string>): Promise<number | 'in'> =>
    outcomeOf(await openSocket(`${target.rawUrl}${query}`, [], headers));
  return {
    HTTP: [...new Set(await Promise.all(statuses))],
    'graphql-ws': await Promise.all([graphql({ token }, {}), graphql(undefined, { authorization })]),
    '/ws': await Promise.all([raw(`?token=${encodeURIComponent(token)}`, {}), raw('', { authorization })]),
  };
}

const everywhere = (status: number, close: number | 'in') => ({
  HTTP: [status],
  'graphql-ws': [close, close],
  '/ws': [close, close],
});
export const REFUSED = everywhere(401, 4401);
export const EXPIRED = everywhere(401, 4403);
export const TAKEN = everywhere(200, 'in');

/** Two headers, and one that a line break makes of one. */
async function statusesOfHeaders(target: Target): Promise<number[]> {
  const [mine, bad] = [await target.token(newId()), 'nonsense'];
  const ask = async (...headers: string[]): Promise<number> => {
    const fixed = ['Host: x', 'Content-Type: application/json', `Content-Length: ${BODY.length}`];
    const bytes = `${head('POST /graphql HTTP/1.1', ...fixed, ...headers)}${BODY}`;
    return statusOf(await exchange(target, bytes, (text) => text.includes('\r\n\r\n')));
  };
  return [
    await ask(`authorization: bearer ${mine}`),
    await ask(`Authorization: Bearer  ${mine}`),
    await ask(`Authorization: Basic ${mine}`),
    await ask(`Authorization: ${mine}`),
    await ask(`Authorization: Bearer${mine}`),
    await ask('Authorization: Bearer'),
    await ask(`Authorization: Bearer ${mine} ${mine}`),
    await ask(`Authorization: Bearer ${bad}`, `Authorization: Bearer ${mine}`),
    await ask(`Authorization: Bearer ${mine}\r`, 'x'),
  ];
}

/** Keys that a header points to are nobody's: no request is made for them. */
async function pointElsewhere(target: Target, issuer: Issuer): Promise<number> {
  let requests = 0;
  // Its port may have been another's a moment ago, and be asked for that.
  const path = `/${newId()}`;
  const server = createServer((request, response) => {
    if (request.url === path) requests += 1;
    response.end('{"keys":[]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  for (const header of [{ jku: url }, { x5u: url }, { jku: url, kid: url }])
    for (const token of [
      jws({ ...HS256, ...header }, claims(), { secret: 'mine' }),
      await issuer.sign(claims(), header, false),
    ])
      expect(await outcomesOfToken(target, token)).toEqual(REFUSED);
  server.close();
  return requests;
}

/** The keys are asked for again at most so often. */
const KEYS_MS = 30_000;
const UNKNOWN = IS_FULL ? 1_000 : 200;

/** The first request may have been made before. */
async function unknownKeys(target: Target, issuer: Issuer): Promise<unknown> {
  const before = issuer.requests;
  const began = performance.now();
  const statuses = new Set<number>();
  for (let n = 0; n < UNKNOWN; n += 100) {
    const batch = Array.from({ length: 100 }, async (_, each) => {
      const authorization = `Bearer ${await issuer.sign(claims(), { kid: `unknown-${n + each}` })}`;
      const headers = { authorization, 'content-type': 'application/json' };
      const response = await fetch(`${target.url}/graphql`, { method: 'POST', headers, body: BODY });
      await response.text();
      statuses.add(response.status);
    });
    await Promise.all(batch);
  }
  const allowed = 1 + Math.floor((performance.now() - began) / KEYS_MS);
  return [[...statuses], issuer.requests - before <= allowed];
}

/** Only `/ws` takes a token from its URL. */
async function tokenInUrl(target: Target): Promise<unknown> {
  const token = await target.token(newId());
  const statuses: number[] = [];
  for (const name of ['token', 'access_token', 'jwt', 'authorization']) {
    const url = `${target.url}/graphql?${name}=${token}&query=${encodeURIComponent('{ viewer { id } }')}`;
    statuses.push((await fetch(url, { headers: { 'apollo-require-preflight': '1' } })).status);
  }
  const socket = await openSocket(`${target.wsUrl}?token=${token}`, ['graphql-transport-ws']);
  socket.send({ type: 'connection_init' });
  return [
    statuses,
    await outcomeOf(socket),
    await outcomeOf(await openSocket(`${target.rawUrl}?access_token=${token}`, [])),
  ];
}

const CREATE = 'mutation { createSession(input: {deviceId: "phone"}) { accessToken refreshToken } }';
const REFRESH = 'mutation ($t: String!) { refreshSession(refreshToken: $t) { accessToken } }';

/** Nothing that is not its refresh token does anything to a session; a refresh token is no access token. */
async function notRefreshTokens(target: Target): Promise<unknown> {
  const { data } = await post(target.url, await target.token(newId()), CREATE, {});
  const { accessToken, refreshToken } = data.createSession;
  const [prefix, place, secret] = refreshToken.split('.');
  const wrong = [
    accessToken,
    '',
    prefix,
    `${prefix}.${place}`,
    `${prefix}.${place}.${secret.slice(1)}`,
    `${prefix}.${place}.${'A'.repeat(43)}`,
    'x'.repeat(100_000),
  ];
  const codes = new Set<string>();
  for (const t of wrong) codes.add((await post(target.url, accessToken, REFRESH, { t })).errors?.[0]?.extensions.code);
  expect(await outcomesOfToken(target, refreshToken)).toEqual(REFUSED);
  const refreshed = await post(target.url, accessToken, REFRESH, { t: refreshToken });
  return [[...codes], typeof refreshed.data.refreshSession.accessToken];
}

export const tokens = (issuer: () => Issuer): readonly BadInput[] => [
  ...FORGED.map(([title, make]) =>
    input(`${title}: refused`, REFUSED, async (target) => outcomesOfToken(target, await make(issuer()))),
  ),
  ...STRANGE.map(([title, make]) =>
    input(`${title}: taken`, TAKEN, async (target) => outcomesOfToken(target, await make(issuer()))),
  ),
  input('J104: one that ended: 401 and 4403', EXPIRED, (target) =>
    outcomesOfToken(target, jws(HS256, claims({ exp: now() - 60 }))),
  ),
  input(`J108: ${UNKNOWN} keys nobody knows: one request for keys at most`, [[401], true], (target) =>
    unknownKeys(target, issuer()),
  ),
  input('J109: keys elsewhere: refused, and nobody is asked', 0, (target) => pointElsewhere(target, issuer())),
  input('J111: a token of 1 MB: 431, and 1009 on a socket', [431, 1009], async (target) => {
    const token = `${good()}${'x'.repeat(1_000_000)}`;
    const bytes = head('POST /graphql HTTP/1.1', 'Host: x', `Authorization: Bearer ${token}`);
    const socket = await openSocket(target.wsUrl, ['graphql-transport-ws']);
    socket.send({ type: 'connection_init', payload: { token } });
    return [statusOf(await exchange(target, bytes, (text) => text.includes('\r\n\r\n'))), await socket.closed];
  }),
  input(
    'J118: other schemes, spaces, two headers, a line break: 401 but for a bearer',
    [200, 200, 401, 401, 401, 401, 401, 401, 400],
    statusesOfHeaders,
  ),
  input(
    'J119: a token in the URL of /graphql, or by another name: nobody’s',
    [[401, 401, 401, 401], 4401, 4401],
    tokenInUrl,
  ),
  input(
    'J120: what is no refresh token: UNAUTHENTICATED, and the session goes on',
    [['UNAUTHENTICATED'], 'string'],
    notRefreshTokens,
  ),
];
