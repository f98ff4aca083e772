/** Frames and fragments that wait for their handler: their order, and their caps. */
import { once } from 'node:events';
import { RenewableBearer } from '../../src/access/bearer.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Viewer } from '../../src/model.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { eventually } from '../support/eventually.ts';
import { type FrameParts, OPCODES, openTcpWebSocket, type TcpWebSocket } from '../support/tcp-web-socket.ts';
import { ConnectionServer } from './connection-server.ts';

/** Of all connections, together. */
const MOST_SENT = 100_000;

describe('the mailbox of a connection', () => {
  const actors = new ConnectionServer();
  const { handled, slow, connections } = actors;

  const cap = (): void => {
    actors.sent = new UnhandledBytes(MOST_SENT);
  };
  const connectTcp = (): Promise<TcpWebSocket> => openTcpWebSocket(Number(new URL(actors.url).port), '/');
  const partOf = (bytes: number): FrameParts => ({ opcode: OPCODES.text, isFinal: false, payload: 'a'.repeat(bytes) });

  it('G10: fragments count, and over the cap of all connections the largest is closed with 1013', async () => {
    cap();
    const { bad, check } = await actors.pair();
    const [small, large, next] = [await connectTcp(), await connectTcp(), await connectTcp()];
    small.send(partOf(9_000));
    await eventually(() => expect(actors.sent.bytes).toBeGreaterThanOrEqual(9_000));
    // What came in full is held no longer.
    next.send({ opcode: OPCODES.text, payload: 'whole' });
    expect(await next.text(0)).toBe('"whole"');
    large.send(partOf(60_000));
    await eventually(() => expect(actors.sent.bytes).toBeGreaterThanOrEqual(69_000));
    expect(actors.sent.bytes).toBeLessThan(70_000);
    next.send(partOf(50_000));
    expect(await large.closed).toBe(1013);
    await eventually(() => expect(actors.sent.bytes).toBeGreaterThanOrEqual(59_000));
    expect([small, next].some(({ socket }) => socket.destroyed)).toBe(false);
    small.send({ opcode: OPCODES.continuation, payload: 'b' });
    expect(await small.text(0)).toMatch(/ab"$/);
    for (const { socket } of [small, next]) socket.destroy();
    bad.socket.close();
    await eventually(() => expect(actors.sent.bytes).toBe(0));
    await check();
  });

  it('G10: a frame counts until it is handled; over the cap no large one is started', async () => {
    cap();
    const { bad, check } = await actors.pair();
    const known = new RenewableBearer({} as Viewer);
    const [busy, next, small] = [await connectTcp(), await connectTcp(), await connectTcp()];
    for (const connection of connections) connection.bearer = known;
    const textOf = (payload: string): FrameParts => ({ opcode: OPCODES.text, payload });
    busy.send(textOf(`slow ${'a'.repeat(60_000)}`));
    await eventually(() => expect(actors.sent.bytes).toBeGreaterThan(60_000));
    next.send(textOf('a'.repeat(50_000)));
    expect(await next.closed).toBe(1013);
    small.send(textOf('small'));
    expect(await small.text(0)).toBe('"small"');
    for (const end of slow.splice(0)) end();
    expect(await busy.text(0)).toMatch(/^"slow a/);
    await eventually(() => expect(actors.sent.bytes).toBe(0));
    for (const { socket } of [busy, small]) socket.destroy();
    bad.socket.close();
    await check();
  });

  it('frames are handled one at a time, in order', async () => {
    const { bad, check } = await actors.pair();
    for (const frame of ['slow 1', '2', 'slow 3', '4']) bad.send(frame);
    // Its answer comes when all frames before it have arrived.
    bad.socket.ping();
    await once(bad.socket, 'pong');
    expect(handled).toEqual(['slow 1']);
    slow.shift()?.();
    await eventually(() => expect(handled).toEqual(['slow 1', '2', 'slow 3']));
    slow.shift()?.();
    await eventually(() => expect(bad.frames).toEqual(['slow 1', '2', 'slow 3', '4']));
    bad.socket.close();
    await check();
  });

  it.each([
    ['frames', LIMITS.queuedFrames, 1],
    ['bytes', LIMITS.queuedFrameBytes / 32_768, 32_768],
  ])('G10: as many waiting %s as the cap are handled, and one more closes with 4429', async (_, frames, bytes) => {
    const { bad, check } = await actors.pair();
    const send = async (more: number): Promise<unknown> => {
      for (let n = 0; n < more; n += 1) bad.send('x'.repeat(bytes));
      bad.socket.ping();
      return Promise.race([once(bad.socket, 'pong').then(() => 'open'), bad.closed]);
    };
    bad.send('slow');
    await eventually(() => expect(handled).toEqual(['slow']));
    expect(await send(frames)).toBe('open');
    slow.shift()?.();
    await eventually(() => expect(bad.frames).toHaveLength(1 + frames));

    bad.send('hang');
    await eventually(() => expect(handled.at(-1)).toBe('hang'));
    expect(await send(frames)).toBe('open');
    expect(await send(1)).toBe(4429);
    expect(handled.at(-1)).toBe('hang');
    await check();
  });
});
