/** Stored data is closed to other users of the machine, also data that an older version left open. */
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

  it('has mode 0700 and its files 0600, including the database’s log', async () => {
    await write();
    developmentSecret(dataDir);
    expect(modeOf(dataDir)).toBe('700');
    expect(modesIn(dataDir)).toEqual(new Set(['600']));
  });

  it('gets these modes when it existed with wider ones', async () => {
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

  it('is created for the secret of development, which later starts read, also with a line break', () => {
    const secret = developmentSecret(dataDir);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(modeOf(dataDir)).toBe('700');
    writeFileSync(join(dataDir, 'development-secret'), `${secret}\n`);
    expect(developmentSecret(dataDir)).toBe(secret);
  });

  it('keeps its mode when it is shared like /tmp, and its files get 0600', async () => {
    mkdirSync(dataDir, { recursive: true });
    chmodSync(dataDir, 0o1777);
    await write();
    expect(modeOf(dataDir)).toBe('1777');
  });
});
