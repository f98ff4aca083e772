/** Answers to plain requests that their client does not read: how they are counted, and when they are given up. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type FastifyInstance, fastify } from 'fastify';
import { TIMES } from '../../src/limits.ts';
import { countUnreadAnswers } from '../../src/transport/http/unread-answers.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';

/** More than the kernel takes for who does not read. */
const BYTES = 16 * 1024 * 1024;
const SECOND_MS = 1_000;

describe('answers that are not read', () => {
  let app: FastifyInstance;
  let clock: StillClock;
  let unsent: UnsentBytes;
  const opened: Socket[] = [];
  /** The connections of the service. */
  let served: Socket[];

  async function serve(most: number): Promise<void> {
    clock = new StillClock();
    unsent = new UnsentBytes(most);
    app = fastify({ forceCloseConnections: true });
    countUnreadAnswers(app, unsent, clock);
    // Two bytes each.
    app.get('/text', async () => 'é'.repeat(BYTES / 2));
    app.get('/bytes', async () => Buffer.alloc(BYTES));
    app.get('/stream', async () => Readable.from([Buffer.alloc(BYTES)]));
    app.get('/small', async () => 'small');
    served = [];
    app.server.on('connection', (socket: Socket) => served.push(socket));
    await app.listen({ port: 0, host: '127.0.0.1' });
  }
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await app.close();
  });

  /** A connection that reads nothing until it is resumed. */
  async function open(
    ...paths: readonly string[]
  ): Promise<{ socket: Socket; isClosed: () => boolean; ask: (path: string) => void }> {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    opened.push(socket);
    await once(socket, 'connect');
    let isClosed = false;
    socket.on('error', () => undefined).on('close', () => (isClosed = true));
    const ask = (path: string): void => void socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    for (const path of paths) ask(path);
    return { socket, isClosed: () => isClosed, ask };
  }
  /** What was cut off is noticed by who reads. */
  const isCut = async ({ socket, isClosed }: { socket: Socket; isClosed: () => boolean }): Promise<void> => {
    socket.resume();
    await eventually(() => expect(isClosed()).toBe(true));
  };

  it.each(['/text', '/bytes'])('%s counts by its bytes until it is read', async (path) => {
    await serve(1e9);
    const { socket, isClosed } = await open(path);
    await eventually(() => expect(unsent.bytes).toBe(BYTES));
    clock.advance(TIMES.unreadAnswerMs - 1);
    expect(unsent.bytes).toBe(BYTES);
    socket.resume();
    await eventually(() => expect(unsent.bytes).toBe(0));
    clock.advance(2 * TIMES.unreadAnswerMs);
    expect(isClosed()).toBe(false);
  });

  it('a stream has its own count', async () => {
    await serve(1e9);
    const { ask } = await open('/stream');
    ask('/small');
    await eventually(() => expect(unsent.bytes).toBe('small'.length));
  });

  it('G10: has a deadline, from the oldest on', async () => {
    await serve(1e9);
    const slow = await open('/bytes');
    await eventually(() => expect(unsent.bytes).toBe(BYTES));
    clock.advance(TIMES.unreadAnswerMs / 2);
    const [later] = [await open('/bytes'), slow.ask('/small')];
    await eventually(() => expect(unsent.bytes).toBe(2 * BYTES + 'small'.length));
    clock.advance(TIMES.unreadAnswerMs / 2 - SECOND_MS);
    expect(unsent.bytes).toBe(2 * BYTES + 'small'.length);
    clock.advance(SECOND_MS);
    expect(unsent.bytes).toBe(BYTES);
    await isCut(slow);
    expect(later.isClosed()).toBe(false);
    clock.advance(TIMES.unreadAnswerMs / 2);
    expect(unsent.bytes).toBe(0);
    await isCut(later);
  });

  it('whose client has gone count no longer, and past the cap of all peers those with most are cut off', async () => {
    await serve(1.5 * BYTES);
    const gone = await open('/bytes', '/small');
    await eventually(() => expect(unsent.bytes).toBe(BYTES + 'small'.length));
    gone.socket.resetAndDestroy();
    await eventually(() => expect(unsent.bytes).toBe(0));
    await open('/bytes');
    await eventually(() => expect(unsent.bytes).toBe(BYTES));
    const small = await open('/small');
    const last = await open('/bytes');
    await eventually(() => expect(served.map(({ destroyed }) => destroyed)).toEqual([true, true, false, false]));
    expect(unsent.bytes).toBe(BYTES);
    clock.advance(TIMES.unreadAnswerMs);
    expect(unsent.bytes).toBe(0);
    await isCut(last);
    expect(small.isClosed()).toBe(false);
  });
});
