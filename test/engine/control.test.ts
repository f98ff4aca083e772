/** The socket through which a command makes the running service write a backup. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { readConfig } from '../../src/config.ts';
import { CONTROL, openControl } from '../../src/engine/embedded/control.ts';
import { openEngine } from '../../src/engine/open.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { SECRET } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

describe('the control socket', () => {
  let dir: string;
  let close: () => void;
  let copies: string[];
  let copy: (path: string) => Promise<void>;
  let failure: Error | null;
  const at = (): string => join(dir, CONTROL);
  const open = (dataDir = dir): (() => void) =>
    openControl(
      dataDir,
      (path) => copy(path),
      (error) => {
        failure = error;
      },
    );

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'control-'));
    copies = [];
    failure = null;
    copy = async (path) => {
      copies.push(path);
      writeFileSync(path, 'copy');
    };
    // Of a process that was killed.
    writeFileSync(at(), '');
    close = open();
    await eventually(() => expect(statSync(at()).isSocket()).toBe(true));
  });
  afterEach(() => {
    close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What is answered until the socket ends. */
  async function say(words: string): Promise<string> {
    const socket = connect(at());
    socket.write(words);
    return textOf(socket);
  }

  it('answers with the size of the copy, and may be used by nobody else', async () => {
    const path = join(dir, 'copy.db');
    await eventually(() => expect(statSync(at()).mode & 0o777).toBe(0o600));
    expect(JSON.parse(await say(`${path}\n`))).toEqual({ bytes: 4 });
    expect(copies).toEqual([path]);
  });

  it('answers with the error of a copy, after which the next one is made', async () => {
    copy = async () => {
      throw new Error('no space left');
    };
    expect(JSON.parse(await say('nowhere\n'))).toEqual({ error: 'no space left' });
    copy = async (path) => writeFileSync(path, 'other copy');
    expect(JSON.parse(await say(`${join(dir, 'other.db')}\n`))).toEqual({ bytes: 10 });
  });

  it('makes one copy at a time', async () => {
    const first = Promise.withResolvers<void>();
    const begun: string[] = [];
    copy = async (path) => {
      begun.push(path);
      if (begun.length === 1) await first.promise;
      writeFileSync(path, '');
    };
    const asked = ['one', 'two'].map((name) => join(dir, name));
    const one = say(`${asked[0]}\n`);
    await eventually(() => expect(begun).toHaveLength(1));
    const two = say(`${asked[1]}\n`);
    // The second has arrived once a third was refused.
    await say('x'.repeat(LIMITS.controlCharacters + 1));
    expect(begun).toEqual(asked.slice(0, 1));
    first.resolve();
    expect([await one, await two].map((answer) => JSON.parse(answer) as unknown)).toEqual([{ bytes: 0 }, { bytes: 0 }]);
    expect(begun).toEqual(asked);
  });

  it('ends a connection that sends more than a path, and takes one of the longest path', async () => {
    expect(await say('x'.repeat(LIMITS.controlCharacters + 1))).toBe('');
    copy = async () => {
      throw new Error('of the longest path');
    };
    expect(JSON.parse(await say(`${'x'.repeat(LIMITS.controlCharacters - 1)}\n`))).toEqual({
      error: 'of the longest path',
    });
    expect(copies).toEqual([]);
  });

  it('is gone after it is closed; one that cannot be opened is reported', async () => {
    close();
    await eventually(() => expect(existsSync(at())).toBe(false));
    const closeOther = open(join(dir, 'absent'));
    await eventually(() => expect(failure).toMatchObject({ code: expect.any(String) }));
    closeOther();
  });

  it('is reported by the engine when its folder supports none', async () => {
    // Longer than the path of a socket may be.
    const dataDir = join(dir, 'x'.repeat(120));
    const { log, logged } = captureLog('warn');
    const outcome = { operated: () => undefined, refused: () => undefined };
    const ignored = (): void => undefined;
    const { engine } = await openEngine(readConfig({ DATA_DIR: dataDir, JWT_SECRET: SECRET }), {
      clock: new StillClock(),
      log,
      nodeId: 'node',
      observe: { recordOf: () => outcome, turned: ignored, ignored, memory: ignored, lag: ignored },
      currentTrace: () => '',
    });
    const msg = 'no backups while the service runs: the data folder supports no socket';
    await logged(msg, [{ level: 40, err: { message: expect.any(String) } }]);
    await engine.close();
  });
});
