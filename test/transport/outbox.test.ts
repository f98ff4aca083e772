import { frame } from '../../src/transport/outbox.ts';

describe('frames', () => {
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
  ])('of %i bytes and a brace carry their length as RFC 6455 section 5.2 wants', (length, head) => {
    const prefix = Buffer.from('{"p":');
    const payload = Buffer.alloc(length - prefix.length, 'x');
    expect(open(frame(prefix, payload))).toEqual({ head, text: `{"p":${payload.toString()}}` });
  });
});
