/** Frames that no client library writes, as bytes on a TCP socket, for both WebSocket endpoints (R87, W85). */
import { once } from 'node:events';
import { newId } from '../../support/service.ts';
import { type FrameParts, OPCODES, openTcpWebSocket, type TcpWebSocket } from '../../support/tcp-web-socket.ts';
import { type BadInput, input, type Target } from './input.ts';

const { continuation, text, reserved, close, ping, pong } = OPCODES;
const code = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const many = (count: number, frame: FrameParts): FrameParts[] => Array<FrameParts>(count).fill(frame);

const FRAMES: readonly (readonly [title: string, closes: number, ...frames: FrameParts[]])[] = [
  ['a text that is not masked', 1002, { opcode: text, payload: '{}', isMasked: false }],
  ['RSV1 without an extension', 1002, { opcode: text, payload: '{}', reserved: 0b100 }],
  ['RSV2', 1002, { opcode: text, payload: '{}', reserved: 0b010 }],
  ['opcode 3', 1002, { opcode: reserved }],
  ['a ping in fragments', 1002, { opcode: ping, isFinal: false }],
  ['a ping of 126 bytes', 1002, { opcode: ping, payload: 'x'.repeat(126) }],
  ['a continuation of nothing', 1002, { opcode: continuation, payload: 'x' }],
  ['a text within a text', 1002, { opcode: text, payload: '{', isFinal: false }, { opcode: text, payload: '}' }],
  ['bytes that are no UTF-8', 1007, { opcode: text, payload: Buffer.from([0xff, 0xfe]) }],
  [
    'UTF-8 that ends within a character',
    1007,
    { opcode: text, payload: Buffer.from([0xf0, 0x9f]), isFinal: false },
    { opcode: continuation },
  ],
  ['a close of one byte', 1002, { opcode: close, payload: 'x' }],
  ['close 1005', 1002, { opcode: close, payload: code(1005) }],
  ['close 999', 1002, { opcode: close, payload: code(999) }],
  [
    'a close whose reason is no UTF-8',
    1007,
    { opcode: close, payload: Buffer.concat([code(1000), Buffer.from([0xff])]) },
  ],
  ['a length of 2^53', 1009, { opcode: text, length: 2n ** 53n }],
  ['a length over MAX_MESSAGE_BYTES', 1009, { opcode: text, length: 131_073n }],
  [
    'fragments that come to more than MAX_MESSAGE_BYTES',
    1009,
    { opcode: text, payload: 'x'.repeat(80_000), isFinal: false },
    { opcode: continuation, payload: 'x'.repeat(80_000) },
  ],
  [
    '17,000 empty fragments',
    1008,
    { opcode: text, isFinal: false },
    ...many(17_000, { opcode: continuation, isFinal: false }),
  ],
];

/** `/graphql` once it is acknowledged, and `/ws` once it says that it is connected. */
export async function openBoth(
  target: Pick<Target, 'token' | 'port'>,
  userId = newId(),
): Promise<readonly [TcpWebSocket, TcpWebSocket]> {
  const token = await target.token(userId);
  const graphql = await openTcpWebSocket(target.port, '/graphql', 'graphql-transport-ws');
  graphql.send({ opcode: text, payload: JSON.stringify({ type: 'connection_init', payload: { token } }) });
  const raw = await openTcpWebSocket(target.port, `/ws?token=${token}`);
  expect(await graphql.text(0)).toContain('connection_ack');
  expect(await raw.text(0)).toContain('connected');
  return [graphql, raw];
}

async function closesOf(target: Target, frames: readonly FrameParts[]): Promise<number[]> {
  const both = await openBoth(target);
  for (const socket of both) socket.send(...frames);
  return Promise.all(both.map(({ closed }) => closed));
}

async function floodUnread(target: Target): Promise<number[]> {
  const both = await openBoth(target);
  for (const { socket, send } of both) {
    socket.pause();
    send(...many(5_000, { opcode: ping, payload: 'x'.repeat(125) }));
  }
  await new Promise((resolve) => setImmediate(resolve));
  for (const { socket } of both) socket.resume();
  return Promise.all(both.map(({ closed }) => closed));
}

/** FIN behind a question: the other half is still read. */
async function halfClose(target: Target): Promise<boolean[]> {
  const both = await openBoth(target);
  return Promise.all(
    both.map(async ({ socket, send }) => {
      send({ opcode: text, payload: '{"type":"ping","id":"last"}' });
      const over = once(socket, 'close');
      socket.end();
      await over;
      return socket.readableEnded;
    }),
  );
}

export const FRAME_INPUTS: readonly BadInput[] = [
  ...FRAMES.map(([title, closes, ...frames]) =>
    input(`R87: ${title}: ${closes}`, [closes, closes], (target) => closesOf(target, frames)),
  ),
  input('R87: 5,000 pings whose answers are not read: cut off', [1006, 1006], floodUnread),
  input('R87: pongs nobody asked for: the socket goes on', ['pong', 'Pong'], async (target) => {
    const both = await openBoth(target);
    for (const { send } of both) {
      send(...many(100, { opcode: pong, payload: '1' }), { opcode: text, payload: '{"type":"ping"}' });
      send({ opcode: text, payload: '{"type":"Ping"}' });
    }
    const types = await Promise.all(both.map(async (socket, n) => JSON.parse(await socket.text(n + 1)).type));
    for (const { socket } of both) socket.destroy();
    return types;
  }),
  input('W85: FIN, and then reading on: the connection ends', [true, true], halfClose),
];
