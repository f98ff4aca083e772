/** The part of RFC 6455 frames that a counting client needs. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASKED = 0x80;
const FINAL = 0x80;

/** `at` is the first byte of the payload, `end` the byte after its last. */
export type OnFrame = (opcode: number, buffer: Buffer, at: number, end: number) => void;

/** Finds the frames in the bytes that a socket reads. Keeps an incomplete one for the next read. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | null = null;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** The buffer may be used again once this returns. */
  push(chunk: Buffer, from: number, to: number): void {
    if (this.#rest === null) return this.#scan(chunk, from, to);
    const joined = Buffer.concat([this.#rest, chunk.subarray(from, to)]);
    this.#rest = null;
    this.#scan(joined, 0, joined.length);
  }

  #scan(buffer: Buffer, from: number, to: number): void {
    let at = from;
    while (at + 2 <= to) {
      let length = buffer[at + 1] as number;
      let payload = at + 2;
      if (length === LENGTH_16) {
        payload = at + 4;
        if (payload > to) break;
        length = buffer.readUInt16BE(at + 2);
      } else if (length === LENGTH_64) {
        payload = at + 10;
        if (payload > to) break;
        length = Number(buffer.readBigUInt64BE(at + 2));
      }
      const end = payload + length;
      if (end > to) break;
      this.#onFrame((buffer[at] as number) & 0x0f, buffer, payload, end);
      at = end;
    }
    if (at < to) this.#rest = Buffer.from(buffer.subarray(at, to));
  }
}

/** A client's frame. Clients must mask, and a mask of zeros leaves the payload as it is. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const isShort = payload.length < LENGTH_16;
  const header = Buffer.alloc(isShort ? 6 : 8);
  header[0] = FINAL | opcode;
  header[1] = MASKED | (isShort ? payload.length : LENGTH_16);
  if (!isShort) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
