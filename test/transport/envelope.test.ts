import { TextFrame } from '../../src/transport/peers/envelope.ts';

describe('text frames', () => {
  const open = (buffer: Buffer): { head: number[]; text: string } => {
    const short = buffer[1] ?? 0;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    return { head: [...buffer.subarray(0, start)], text: buffer.subarray(start).toString() };
  };

  it.each([
    [124, [0x81, 125]],
    [125, [0x81, 126, 0, 126]],
    [65_534, [0x81, 126, 0xff, 0xff]],
    [65_535, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])('of %i bytes and a brace have the length encoding of RFC 6455, section 5.2', (length, head) => {
    const prefix = '{"p":';
    const payload = Buffer.alloc(length - prefix.length, 'x');
    const frame = new TextFrame(prefix, '}');
    const buffer = Buffer.alloc(frame.size(payload.length));
    expect(frame.write(buffer, 0, payload)).toBe(buffer.length);
    expect(open(buffer)).toEqual({ head, text: `{"p":${payload.toString()}}` });
  });
});
