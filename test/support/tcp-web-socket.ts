/** A WebSocket written as bytes on a TCP socket, for frames that no client library sends. */
import { connect, type Socket } from 'node:net';
import { eventually, NoLonger } from './eventually.ts';

/** The parts of a frame (RFC 6455 section 5.2). A client's is masked, with a mask of zeros. */
export interface FrameParts {
  readonly opcode: number;
  readonly payload?: string | Buffer;
  readonly isFinal?: boolean;
  /** RSV1 to RSV3. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** What the header claims, where that is not the length of the payload. */
  readonly length?: bigint;
}

export const OPCODES = { continuation: 0, text: 1, binary: 2, reserved: 3, close: 8, ping: 9, pong: 10 } as const;

function lengthOf(length: bigint): Buffer {
  if (length < 126n) return Buffer.from([Number(length)]);
  const bytes = Buffer.alloc(length < 65_536n ? 3 : 9);
  bytes[0] = length < 65_536n ? 126 : 127;
  if (length < 65_536n) bytes.writeUInt16BE(Number(length), 1);
  else bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

export function frameOf({
  opcode,
  payload = '',
  isFinal = true,
  reserved = 0,
  isMasked = true,
  length,
}: FrameParts): Buffer {
  const bytes = Buffer.from(payload);
  const size = lengthOf(length ?? BigInt(bytes.length));
  size[0] = (size[0] ?? 0) | (isMasked ? 0x80 : 0);
  return Buffer.concat([
    Buffer.from([(isFinal ? 0x80 : 0) | (reserved << 4) | opcode]),
    size,
    Buffer.alloc(isMasked ? 4 : 0),
    bytes,
  ]);
}

/** What a server sends: never masked, never in fragments. */
function* framesIn(bytes: Buffer): Generator<{ readonly opcode: number; readonly payload: Buffer }> {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (at + head > bytes.length) return;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (at + head + length > bytes.length) return;
    yield { opcode: (bytes[at] ?? 0) & 0x0f, payload: bytes.subarray(at + head, at + head + length) };
    at += head + length;
  }
}

export interface TcpWebSocket {
  readonly socket: Socket;
  /** Pongs received. */
  readonly pongs: () => number;
  send(...frames: readonly FrameParts[]): void;
  /** The text at an index, once it is there. */
  text(index: number): Promise<string>;
  /** The code of the close frame it was sent, or 1006: the connection ended without one. */
  readonly closed: Promise<number>;
}

const NO_CODE = 1005;
const ABNORMAL = 1006;

/** Open once resolved. @throws with the status line when the handshake is refused. */
export async function openTcpWebSocket(
  port: number,
  path: string,
  protocol?: string,
  handshake?: string,
): Promise<TcpWebSocket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  let bytes = Buffer.alloc(0);
  /** Where frames begin, behind the answer to the handshake. */
  let start = Number.POSITIVE_INFINITY;
  const received = () => [...framesIn(bytes.subarray(start))];
  const closed = new Promise<number>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (start === Number.POSITIVE_INFINITY && end >= 0) start = end + 4;
      const close = received().find(({ opcode }) => opcode === OPCODES.close);
      if (!close) return;
      resolve(close.payload.length < 2 ? NO_CODE : close.payload.readUInt16BE(0));
      socket.destroy();
    });
    socket.once('close', () => resolve(ABNORMAL));
  });
  socket.write(
    handshake ??
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}\r\n`,
  );
  await new Promise<void>((resolve) => {
    socket.on('data', () => start <= bytes.length && resolve());
    socket.once('close', () => resolve());
  });
  if (!bytes.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(bytes.toString('latin1').split('\r\n')[0]);
  const texts = () =>
    received().flatMap(({ opcode, payload }) => (opcode === OPCODES.text ? [payload.toString()] : []));
  return {
    socket,
    pongs: () => received().filter(({ opcode }) => opcode === OPCODES.pong).length,
    send: (...frames) => void socket.write(Buffer.concat(frames.map(frameOf))),
    text: (index) =>
      eventually(() => {
        const text = texts()[index];
        if (text !== undefined) return text;
        if (socket.destroyed) throw new NoLonger(`Closed without a text ${index}.`);
        throw new Error(`No text ${index} yet.`);
      }),
    closed,
  };
}
