/** The bytes that a transport puts around a payload so that its peer knows where it begins and ends. */
export interface Envelope {
  /** Envelopes of equal keys put the same bytes around a payload. */
  readonly key: string;
  /** Bytes of a payload of this many bytes in its envelope. */
  size(payloadBytes: number): number;
  /** Writes `payload` in its envelope at `offset`; returns the offset behind it. */
  write(target: Buffer, offset: number, payload: Buffer): number;
}

/** Text before and after the payload. An open subscription holds one of these and no buffer. */
export class Wrapping implements Envelope {
  /** The text before the payload. */
  readonly key: string;
  readonly #suffix: string;
  /** The length of both texts. */
  readonly #bytes: number;

  constructor(prefix: string, suffix: string) {
    this.key = prefix;
    this.#suffix = suffix;
    this.#bytes = Buffer.byteLength(prefix) + Buffer.byteLength(suffix);
  }

  size(payloadBytes: number): number {
    return this.#bytes + payloadBytes;
  }

  write(target: Buffer, offset: number, payload: Buffer): number {
    const start = offset + target.write(this.key, offset);
    const end = start + payload.copy(target, start);
    return this.#suffix === '' ? end : end + target.write(this.#suffix, end);
  }
}

const FINAL_TEXT = 0x81;

/** A server's text frame (RFC 6455 section 5.2) of `prefix`, the payload and `suffix`. */
export class TextFrame extends Wrapping {
  override size(payloadBytes: number): number {
    const length = super.size(payloadBytes);
    return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
  }

  override write(target: Buffer, offset: number, payload: Buffer): number {
    const length = super.size(payload.length);
    target[offset] = FINAL_TEXT;
    let at = offset + 2;
    if (length < 126) target[offset + 1] = length;
    else if (length < 65_536) {
      target[offset + 1] = 126;
      at = target.writeUInt16BE(length, at);
    } else {
      target[offset + 1] = 127;
      at = target.writeBigUInt64BE(BigInt(length), at);
    }
    return super.write(target, at, payload);
  }
}
