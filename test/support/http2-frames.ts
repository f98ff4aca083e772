/** Frames of HTTP/2 as bytes (RFC 9113, section 4.1), for what no client library sends. */
import { connect, type TLSSocket } from 'node:tls';
import type { TestCertificate } from './certificate.ts';

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, update: 8, continuation: 9 };
export const END_STREAM = 1;
export const END_HEADERS = 4;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function number(value: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A length in HPACK, of a prefix of seven bits (RFC 7541, section 5.1). */
function length(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** Each a literal that is not indexed. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer<ArrayBuffer> {
  const fields = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([
      Buffer.from([0, ...length(name.length)]),
      Buffer.from(name),
      Buffer.from(length(value.length)),
      Buffer.from(value),
    ]),
  );
  return Buffer.concat(fields);
}

export interface FrameClient {
  readonly socket: TLSSocket;
  /** What came so far, as `[type, stream, first number of the payload]`. */
  readonly frames: readonly (readonly [number, number, number])[];
  readonly isClosed: boolean;
  send(...frames: readonly Buffer[]): void;
}

/** A connection that has sent its preface and these settings. */
export async function connectFrames(
  port: number,
  certificate: TestCertificate,
  settings: Buffer = Buffer.alloc(0),
): Promise<FrameClient> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: certificate.pem,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const frames: [number, number, number][] = [];
  let [bytes, isClosed] = [Buffer.alloc(0), false];
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isClosed = true;
    });
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const size = bytes.readUIntBE(0, 3);
      frames.push([bytes.readUInt8(3), bytes.readUInt32BE(5), size >= 4 ? bytes.readUInt32BE(9) : 0]);
      bytes = bytes.subarray(9 + size);
    }
  });
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0, settings)]));
  return {
    socket,
    frames,
    get isClosed() {
      return isClosed;
    },
    send: (...given) => void socket.write(Buffer.concat(given)),
  };
}
