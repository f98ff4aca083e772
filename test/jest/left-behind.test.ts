/** The check for leftovers of tests finds each kind, names it, and finds nothing after it has ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEndingClock, systemClock } from '../../src/clock.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { handles, type Left, lookAround } from './left-behind.ts';

const WAITS = 'setInterval(() => undefined, 1_000)';

describe('leftovers of a test file are found', () => {
  let dir: string;
  let before: ReadonlySet<object>;
  let clocks: TestClock[];
  const look = (): Left[] => lookAround({ before, dir, clocks });
  const found = (): string[] => look().map(({ what }) => what);
  const end = (): void => {
    for (const { end: endIt } of look()) endIt();
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'left-'));
    before = new Set(handles());
    clocks = [];
  });
  afterEach(async () => {
    rmSync(dir, { recursive: true });
    await eventually(() => expect(handles().filter((handle) => !before.has(handle))).toEqual([]));
  });

  it('none without leftovers', () => expect(found()).toEqual([]));

  it('a server and its sockets, by their ports', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = createConnection(port, '127.0.0.1');
    await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    expect(found().sort()).toEqual([
      `a server that listens on port ${port}`,
      ...[
        `a socket from port ${client.localPort} to port ${port}`,
        `a socket from port ${port} to port ${client.localPort}`,
      ].sort(),
    ]);
    end();
    await eventually(() => expect(found()).toEqual([]));
  });

  it('a process', async () => {
    const child = spawn(process.execPath, ['-e', WAITS], { stdio: 'ignore' });
    expect(found()).toEqual([`a process: ${process.execPath} -e ${WAITS}`]);
    const gone = once(child, 'exit');
    end();
    expect((await gone)[1]).toBe('SIGKILL');
    await eventually(() => expect(found()).toEqual([]));
  });

  // Where there is no /proc, nobody tells of it.
  (existsSync('/proc') ? it : it.skip)('a process of a program that has ended, known by its folder', async () => {
    const parent = spawn('sh', ['-c', `"${process.execPath}" -e '${WAITS}' & exit`], {
      stdio: 'ignore',
      env: { TMPDIR: dir },
    });
    await once(parent, 'exit');
    await eventually(() => expect(found()).toEqual([`a process: ${process.execPath} -e ${WAITS}`]));
    end();
    await eventually(() => expect(found()).toEqual([]));
  });

  it('a timer of a clock, by its function; none that has run or was cancelled', () => {
    const clock = new TestClock();
    clocks.push(clock);
    let runs = 0;
    const forgotten = (): number => (runs += 1);
    clock.after(1_000, forgotten);
    clock.after(1_000, () => undefined)();
    const stop = clock.every(1_000, () => undefined);
    expect(found()).toEqual([
      `a timer of a TestClock: ${forgotten.toString().replace(/\s+/g, ' ')}`,
      'a timer of a TestClock: ()=>undefined',
    ]);
    clock.advance(1_000);
    expect([runs, found()]).toEqual([1, ['a timer of a TestClock: ()=>undefined']]);
    stop();
    expect(found()).toEqual([]);
  });

  it('a file in the folder for temporary files', () => {
    writeFileSync(join(dir, 'forgotten.txt'), '');
    expect(found()).toEqual(['forgotten.txt in the folder for temporary files']);
  });
});

describe('the memory of a test process', () => {
  it('past its cap is reported once', async () => {
    const kept = process.env['TEST_PROCESS_MIB'];
    process.env['TEST_PROCESS_MIB'] = '1';
    const { overMemory } = await import('./memory.ts');
    if (kept === undefined) delete process.env['TEST_PROCESS_MIB'];
    else process.env['TEST_PROCESS_MIB'] = kept;
    expect(overMemory()).toEqual([expect.stringMatching(/^The test process has grown to \d+ MiB of at most 1\.$/)]);
    expect(overMemory()).toEqual([]);
  });
});

describe.each([
  ['of a test', () => new TestClock()],
  ['of the system', () => systemClock],
])('a clock that can be ended, over a clock %s', (_, make) => {
  it('cancels its timers at its end, starts none afterwards, and leaves the timers of others', () => {
    const outer = make();
    const before = outer.pending;
    const stop = outer.every(60_000, () => undefined);
    const clock = createEndingClock(outer);
    clock.after(60_000, () => undefined);
    clock.every(60_000, () => undefined);
    clock.after(60_000, () => undefined)();
    expect([clock.pending, outer.pending]).toEqual([before + 3, before + 3]);
    clock.end();
    clock.after(0, () => undefined);
    clock.every(1, () => undefined);
    expect(outer.pending).toBe(before + 1);
    stop();
    expect(outer.pending).toBe(before);
  });
});

it('the end of a clock ignores timers that have run', () => {
  const outer = new TestClock();
  const clock = createEndingClock(outer);
  const told: string[] = [];
  clock.after(1_000, () => told.push('after'));
  clock.every(1_000, () => told.push('every'));
  outer.advance(1_000);
  expect([told, clock.pending]).toEqual([['after', 'every'], 1]);
  clock.end();
  outer.advance(5_000);
  expect([told, clock.pending]).toEqual([['after', 'every'], 0]);
});
