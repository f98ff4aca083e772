/** What is stored is closed to the other users of the machine, also what an older version left open. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { developmentSecret } from '../../src/access/development-secret.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, createGroup, tenant, text } from '../support/world.ts';

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
const modesIn = (folder: string): Set<string> => new Set(readdirSync(folder).map((name) => modeOf(join(folder, name))));

describe('the data folder', () => {
  let above: string;
  let dataDir: string;
  const umask = process.umask();
  beforeEach(() => {
    process.umask(0);
    above = mkdtempSync(join(tmpdir(), 'realtime-'));
    dataDir = join(above, 'deep', 'data');
  });
  afterEach(() => {
    process.umask(umask);
    rmSync(above, { recursive: true, force: true });
  });

  const write = async (): Promise<void> => {
    const engine = openEmbeddedEngine({ dataDir, retention: null, clock: new TestClock() });
    try {
      await engine.appendMessage(tenant, text(await createGroup(engine, alice), alice, 'private'));
      expect(existsSync(join(dataDir, 'realtime.db-wal'))).toBe(true);
      for (const ending of ['', '-wal']) expect(modeOf(join(dataDir, `realtime.db${ending}`))).toBe('600');
    } finally {
      await engine.close();
    }
  };

  it('is 0700 and its files 0600, the log beside the database too', async () => {
    await write();
    developmentSecret(dataDir);
    expect(modeOf(dataDir)).toBe('700');
    expect(modesIn(dataDir)).toEqual(new Set(['600']));
  });

  it('is closed when it was there before, and open', async () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o777 });
    writeFileSync(join(dataDir, 'development-secret'), 'x'.repeat(32), { mode: 0o644 });
    const before = new DatabaseSync(join(dataDir, 'realtime.db'));
    before.exec('PRAGMA journal_mode = WAL');
    before.close();
    for (const ending of ['-wal', '-shm']) writeFileSync(join(dataDir, `realtime.db${ending}`), '', { mode: 0o666 });
    chmodSync(join(dataDir, 'realtime.db'), 0o666);
    await write();
    developmentSecret(dataDir);
    expect(modeOf(dataDir)).toBe('700');
    expect(modesIn(dataDir)).toEqual(new Set(['600']));
  });

  it('that everybody shares, such as /tmp, stays as it is, and the files in it are closed', async () => {
    mkdirSync(dataDir, { recursive: true });
    chmodSync(dataDir, 0o1777);
    await write();
    expect(modeOf(dataDir)).toBe('1777');
  });
});
