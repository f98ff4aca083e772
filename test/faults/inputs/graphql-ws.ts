/** Violations of the protocol of `/graphql`, by the phases of a socket (W61 to W86). */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.ts';
import { newId } from '../../support/service.ts';
import { openSocket, type RawSocket } from '../../support/socket.ts';
import { OPCODES, openTcpWebSocket } from '../../support/tcp-web-socket.ts';
import { post } from '../load.ts';
import { type BadInput, input, type Target } from './input.ts';

const open = (target: Target): Promise<RawSocket> => openSocket(target.wsUrl, ['graphql-transport-ws']);

async function ready(target: Target, userId = newId()): Promise<RawSocket> {
  const socket = await open(target);
  socket.send({ type: 'connection_init', payload: { token: await target.token(userId) } });
  await socket.frame(0);
  return socket;
}

/** The code it is closed with, or the type of the answer to a ping behind what was sent. */
async function outcomeOf(socket: RawSocket): Promise<unknown> {
  if (socket.socket.readyState === socket.socket.OPEN) socket.send({ type: 'ping', payload: { last: true } });
  const last = new Promise((resolve) =>
    socket.socket.on('message', (data: Buffer) => data.includes('"last":true') && resolve('pong')),
  );
  const outcome = await Promise.race([socket.closed, last]);
  socket.socket.terminate();
  return outcome;
}

/** The types of what is answered, and how the socket is afterwards. */
async function sent(target: Target, ...frames: readonly unknown[]): Promise<unknown[]> {
  const socket = await ready(target);
  for (const frame of frames) socket.send(frame);
  const outcome = await outcomeOf(socket);
  return [
    ...socket.frames
      .slice(1)
      .filter(({ type }) => type !== 'pong')
      .map(({ type }) => type),
    outcome,
  ];
}

const subscribe = (id: unknown, query: string, variables?: object) => ({
  type: 'subscribe',
  id,
  payload: { query, variables },
});
const QUIET = 'subscription { messageReceived { id } }';
const LIVE = 'subscription { presenceUpdated(userIds: ["nobody"]) { status } }';

const protocolOf =
  (protocols: string | undefined) =>
  async (target: Target): Promise<unknown> => {
    const socket = await openTcpWebSocket(target.port, '/graphql', protocols);
    const payload = JSON.stringify({ type: 'connection_init', payload: { token: await target.token(newId()) } });
    socket.send({ opcode: OPCODES.text, payload });
    const outcome = await Promise.race([socket.closed, socket.text(0).then((text) => JSON.parse(text).type)]);
    socket.socket.destroy();
    return outcome;
  };

/** Of a handshake that is refused. */
const statusOfHandshake =
  (protocol: string) =>
  async ({ wsUrl }: Target): Promise<unknown> => {
    const socket = new WebSocket(wsUrl, [protocol]);
    socket.on('error', () => undefined);
    const [, { statusCode }] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    socket.terminate();
    return statusCode;
  };

const early =
  (frame: unknown) =>
  async (target: Target): Promise<unknown> => {
    const socket = await open(target);
    socket.send(frame);
    return outcomeOf(socket);
  };

const NOT_FRAMES: readonly (readonly [name: string, frame: unknown])[] = [
  ['W67: a list', '[]'],
  ['W67: null', 'null'],
  ['W67: a number', '1'],
  ['W67: nothing', ''],
  ['W67: no type', '{}'],
  ['W67: a type that is a number', { type: 1 }],
  ['W67: a type there is not', { type: 'nothing' }],
  ['W67: a subscribe without payload', { type: 'subscribe', id: '1' }],
  ['W67: an id that is a number', subscribe(1, '{ __typename }')],
  ['W68: a next', { type: 'next', id: '1', payload: {} }],
  ['W68: an error', { type: 'error', id: '1', payload: [{ message: 'x' }] }],
  ['W68: an acknowledgement', { type: 'connection_ack' }],
  ['W86: a key of 60,000 characters', `{"${'k'.repeat(60_000)}":1}`],
  ['W86: a number of 60,000 digits', `{"type":0.1${'0'.repeat(60_000)}1}`],
  ['W86: lists 10,000 deep', '['.repeat(10_000) + ']'.repeat(10_000)],
];

/** Many frames in one write: more than may wait to be handled. */
async function flood(target: Target, count: number, frame: (n: number) => unknown): Promise<unknown> {
  const socket = await openTcpWebSocket(target.port, '/graphql', 'graphql-transport-ws');
  const token = await target.token(newId());
  socket.send({ opcode: OPCODES.text, payload: JSON.stringify({ type: 'connection_init', payload: { token } }) });
  await socket.text(0);
  socket.send(
    ...Array.from({ length: count }, (_, n) => ({ opcode: OPCODES.text, payload: JSON.stringify(frame(n)) })),
  );
  return socket.closed;
}

async function subscriptionsOf(target: Target): Promise<number> {
  const text = await (await fetch(`${target.url}/metrics`)).text();
  return Number(/^realtime_subscriptions\{transport="graphql_ws"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Subscriptions of a socket that is gone before they are accepted. */
async function vanish(target: Target): Promise<number> {
  for (let n = 0; n < 20; n += 1) {
    const socket = await ready(target);
    for (let id = 0; id < 20; id += 1) socket.send(subscribe(`${id}`, LIVE));
    socket.socket.terminate();
  }
  return eventually(async () => {
    const left = await subscriptionsOf(target);
    if (left > 0) throw new Error(`${left} subscriptions are left.`);
    return left;
  });
}

async function siblings(target: Target): Promise<unknown> {
  const userId = newId();
  const socket = await ready(target, userId);
  socket.send(subscribe('live', `subscription { presenceUpdated(userIds: ["${userId}"]) { status } }`));
  const of = (id: string) => socket.frames.filter((frame) => frame.id === id);
  await eventually(() => expect(of('live')).toHaveLength(1));
  socket.send(subscribe('bad', '{'));
  await eventually(() => expect(of('bad')).toHaveLength(1));
  await post(target.url, await target.token(userId), 'mutation { setPresence(status: BUSY) { status } }', {});
  await eventually(() => expect(of('live').at(-1).payload.data.presenceUpdated.status).toBe('BUSY'));
  socket.socket.terminate();
  return of('bad')[0].type;
}

/** As a socket does whose token has a second left of the 30 s it is taken for. */
async function expire(target: Target): Promise<unknown> {
  const expiresAt = Math.floor(Date.now() / 1_000) - 29;
  const token = await target.token(newId(), { expiresAt });
  const graphql = await open(target);
  graphql.send({ type: 'connection_init', payload: { token } });
  const raw = await openSocket(`${target.rawUrl}?token=${token}`, []);
  return Promise.all([graphql.closed, raw.closed]);
}

export const GRAPHQL_WS: readonly BadInput[] = [
  input('W61: no subprotocol: 4406', 4406, protocolOf(undefined)),
  input('W61: the subprotocol of older clients: 400', 400, statusOfHandshake('graphql-ws')),
  input('W61: one more beside ours: acknowledged', 'connection_ack', protocolOf('graphql-transport-ws, x')),
  input('W63: a second connection_init: 4429', [4429], (target) => sent(target, { type: 'connection_init' })),
  input('W64: a subscribe before the acknowledgement: 4401', 4401, early(subscribe('1', '{ __typename }'))),
  ...['x', [], 1].map((payload) =>
    input(
      `W65: connection_init with ${JSON.stringify(payload)} for its payload: 4400`,
      4400,
      early({ type: 'connection_init', payload }),
    ),
  ),
  ...NOT_FRAMES.map(([name, frame]) => input(`${name}: 4400`, [4400], (target) => sent(target, frame))),
  input('W69: an id in use: 4409', ['4409'], async (target) => {
    const [outcome] = (await sent(target, subscribe('1', LIVE), subscribe('1', LIVE))).slice(-1);
    return [String(outcome)];
  }),
  input(
    'W69: an id of 200 characters, twice: an error each, the socket goes on',
    ['error', 'error', 'pong'],
    (target) => sent(target, subscribe('x'.repeat(200), LIVE), subscribe('x'.repeat(200), LIVE)),
  ),
  input(
    'W70: ids of the prototype: served like any other',
    [...Array(3).fill(['next', 'complete']).flat(), 'pong'],
    (target) => sent(target, ...['__proto__', 'constructor', 'toString'].map((id) => subscribe(id, '{ __typename }'))),
  ),
  input('W71: complete and the same id again while it is pending: one answer', ['next', 'complete', 'pong'], (target) =>
    sent(target, subscribe('1', QUIET), { type: 'complete', id: '1' }, subscribe('1', '{ __typename }')),
  ),
  input('W72: complete of an id there is not: ignored', ['pong'], (target) =>
    sent(target, { type: 'complete', id: 'x' }),
  ),
  input('W73: 500 of them: ignored', ['pong'], (target) =>
    sent(target, ...Array.from({ length: 500 }, (_, n) => ({ type: 'complete', id: `${n}` }))),
  ),
  input('W73: 10,000 of them at once: 4429', 4429, (target) =>
    flood(target, 10_000, (n) => ({ type: 'complete', id: `${n}` })),
  ),
  input('W74: 10,000 pings at once: 4429', 4429, (target) => flood(target, 10_000, () => ({ type: 'ping' }))),
  ...[20_000, 1_000_000].map((size) =>
    input(
      `W74: a ping of ${size} bytes before connection_init: 1009`,
      1009,
      early({ type: 'ping', payload: { x: 'x'.repeat(size) } }),
    ),
  ),
  input('W75: 5,000 subscribes at once: 4429', 4429, (target) => flood(target, 5_000, (n) => subscribe(`${n}`, LIVE))),
  input('W77: a syntax error beside a live subscription: an error, the other goes on', 'error', siblings),
  input('W79: a query of 1 MB: 1009', [1009], (target) =>
    sent(target, subscribe('1', `#${'x'.repeat(1_000_000)}\n{ __typename }`)),
  ),
  input('W80: a token that ends: 4403, over both endpoints of sockets', [4403, 4403], expire),
  input('W83: two tokens that differ: 4401', 4401, async (target) => {
    const [one, other] = [await target.token(newId()), await target.token(newId())];
    return early({ type: 'connection_init', payload: { token: one, connectionParams: { token: other } } })(target);
  }),
  input('W84: gone before its subscriptions are accepted: none of them is left', 0, vanish),
  input('W86: a number of 60,000 digits in variables: an error, the socket goes on', ['error', 'pong'], (target) =>
    sent(
      target,
      `{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":{"n":0.1${'0'.repeat(60_000)}1}}}`,
    ),
  ),
  input('W86: lists 10,000 deep in variables: answered', ['next', 'complete', 'pong'], (target) =>
    sent(
      target,
      `{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":{"n":${'['.repeat(10_000)}${']'.repeat(10_000)}}}}`,
    ),
  ),
];
