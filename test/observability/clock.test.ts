/** Deadlines take into account what has arrived, also when the process had no turn for a while. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as open, type Server, type Socket } from 'node:net';
import { deadline, systemClock } from '../../src/clock.ts';
import { TestClock } from '../support/test-clock.ts';

const DUE_MS = 10;

/** As a long collection of garbage does, or a machine that runs others meanwhile. */
function stall(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe.each([
  ['the clock of the system', () => systemClock],
  ['a clock of the tests', () => new TestClock()],
])('%s', (_, create) => {
  const clock = create();
  let server: Server;
  let peer: Socket;
  let reader: Socket;
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    peer = open((server.address() as AddressInfo).port, '127.0.0.1');
    [reader] = (await once(server, 'connection')) as [Socket];
  });
  afterAll(() => {
    peer.destroy();
    reader.destroy();
    server.close();
  });

  it('G05: after a stall, data that arrived is read before a deadline runs, and can cancel it', async () => {
    const order: string[] = [];
    const before = clock.pending;
    const cancel = clock.after(DUE_MS, () => order.push('a deadline that is cancelled'));
    const stop = clock.every(DUE_MS, () => order.push('a look that is ended'));
    const due = new Promise<void>((resolve) => {
      clock.after(DUE_MS, () => {
        order.push('a deadline');
        resolve();
      });
    });
    reader.once('data', () => {
      order.push('what arrived');
      cancel();
      stop();
    });
    peer.write('x');
    stall(DUE_MS * 3);
    await due;
    expect(order).toEqual(['what arrived', 'a deadline']);
    expect(clock.pending).toBe(before);
  });
});

it('a deadline by real time counts a stall as one step', async () => {
  let isLate = false;
  const late = new Promise<void>((resolve) =>
    deadline(DUE_MS * 4, () => {
      isLate = true;
      resolve();
    }),
  );
  stall(DUE_MS * 8);
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise(setImmediate);
  expect(isLate).toBe(false);
  await late;
});

it('no file has a deadline that bypasses the clock', () => {
  const folder = new URL('../../src/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const faulty = files.filter((name) =>
    /AbortSignal\.timeout|commandTimeout:/.test(readFileSync(new URL(name, folder), 'utf8')),
  );
  // What a start asks a server before it serves anybody.
  expect(faulty).toEqual(['engine/redis/diagnosis.ts']);
});

it('a TestClock does not count time for which its process had no turn', async () => {
  const clock = new TestClock();
  const begun = clock.elapsed();
  let isOver = false;
  const cancel = clock.after(300, () => {
    isOver = true;
  });
  stall(350);
  await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  expect(clock.elapsed() - begun).toBeLessThan(300);
  clock.advance(1_000);
  expect(isOver).toBe(true);
  cancel();
});
