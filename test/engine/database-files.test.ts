/** The files of the embedded engine: which faults of them are outages, what is given back to the disk, and what is closed. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import { createEmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { checkCopy, putBack } from '../../src/engine/embedded/copies.ts';
import { type Database, openDatabase } from '../../src/engine/embedded/database.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { isPassingFault, isSqliteOutage } from '../../src/engine/embedded/outage.ts';
import { WalCheckpoints } from '../../src/engine/embedded/wal-checkpoints.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { captureLog } from '../support/log.ts';
import { TestClock } from '../support/test-clock.ts';

const PAGE_BYTES = 4_096;

describe('a database file', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'database-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const open = (): Database =>
    openDatabase(
      dir,
      createEmbeddedBus(systemClock, () => ''),
    );
  function errorOf(work: () => unknown): unknown {
    try {
      work();
    } catch (error) {
      return error;
    }
    throw new Error('It did not fail.');
  }

  it('data that cannot be tidied is logged, but not when the disk is full or another process locks the file', async () => {
    const clock = new TestClock();
    const { log, logged } = captureLog('error');
    const options = { dataDir: dir, clock, retention: null, abandonedAfterMs: TIMES.idempotencyMs, log };
    await openEmbeddedEngine(options).close();
    const database = new DatabaseSync(join(dir, 'realtime.db'));
    database.exec(`
      INSERT INTO gone_conversations VALUES ('one', 'conversation', 0);
      CREATE TRIGGER kept BEFORE DELETE ON gone_conversations BEGIN SELECT RAISE(ABORT, 'It is damaged.'); END;`);
    database.close();
    const engine = openEmbeddedEngine(options);
    clock.advance(TIMES.tidyMs);
    await logged('abandoned data not removed', [{ err: expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }) }]);
    await engine.close();
    const causes = [5, 13].map((errcode) => unavailable(Object.assign(new Error('locked or full'), { errcode })));
    expect([...causes, unavailable()].map(isPassingFault)).toEqual([true, true, true]);
    expect([unavailable(new Error('damaged')), new Error('another')].map(isPassingFault)).toEqual([false, false]);
  });

  it('that is locked or cannot be opened is an outage; a wrong statement, a duplicate key or another error is none', () => {
    const path = join(dir, 'one.db');
    const [one, two] = [new DatabaseSync(path), new DatabaseSync(path)];
    one.exec('CREATE TABLE names (name TEXT PRIMARY KEY)');
    one.exec('INSERT INTO names VALUES (1)');
    const wrong = [() => one.exec('no SQL'), () => one.exec('INSERT INTO names VALUES (1)')].map(errorOf);
    one.exec('BEGIN EXCLUSIVE');
    const away = [() => two.exec('DELETE FROM names'), () => new DatabaseSync(join(dir, 'nowhere', 'two.db'))];
    expect(away.map(errorOf).map(isSqliteOutage)).toEqual([true, true]);
    expect([...wrong, new Error('another'), {}].map(isSqliteOutage)).toEqual([false, false, false, false]);
    one.close();
    two.close();
  });

  it('gives free pages back until an eighth of it is free, and keeps these', async () => {
    const database = open();
    const number = (pragma: string): number => {
      const row = database.prepare(`PRAGMA ${pragma}`).get() as Record<string, number>;
      return row[pragma] ?? 0;
    };
    const insert = database.prepare(
      "INSERT INTO topics (tenant, topic, epoch, place, expires_at) VALUES (?, ?, 'e', 0, 0)",
    );
    await database.write(() => {
      for (let n = 0; n < 200; n += 1) insert.run(`${n}`, 'x'.repeat(PAGE_BYTES));
    });
    const full = number('page_count');
    await database.write(() => database.prepare('DELETE FROM topics').run());
    for (let n = 0; n < 100; n += 1) await database.giveBackPages(10);
    const [pages, free] = [number('page_count'), number('freelist_count')];
    expect(pages).toBeLessThan(full / 2);
    expect(free).toBe(Math.floor(pages / 8));
    expect(free).toBeGreaterThan(0);
    await database.close();
  });

  it('is closed after it was copied, checked or put back', async () => {
    const opened = (): string[] =>
      readdirSync('/proc/self/fd').flatMap((name) => {
        try {
          const path = readlinkSync(`/proc/self/fd/${name}`);
          return path.startsWith(dir) ? [path] : [];
        } catch {
          // It was that of the folder.
          return [];
        }
      });
    const database = open();
    const [copy, damaged] = [join(dir, 'copy.db'), join(dir, 'damaged.db')];
    await database.copyInto(copy);
    expect(opened().filter((path) => path.startsWith(copy))).toEqual([]);
    await database.close();
    checkCopy(copy);
    writeFileSync(damaged, 'no database');
    expect(() => checkCopy(damaged)).toThrow('not a database');
    writeFileSync(damaged, readFileSync(copy).fill(0xff, PAGE_BYTES, 2 * PAGE_BYTES));
    expect(() => checkCopy(damaged)).toThrow(/ is damaged: /);
    putBack(copy, dir);
    expect(opened()).toEqual([]);
  });

  it('with a long log: this thread writes the pages that came during a checkpoint, until the end', async () => {
    const path = join(dir, 'long.db');
    const url = pathToFileURL(path);
    const sqlite = new DatabaseSync(url);
    sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE pages (page BLOB)');
    sqlite.exec(`INSERT INTO pages VALUES (zeroblob(${LIMITS.longLogPages * PAGE_BYTES}))`);
    const works: (() => void)[] = [];
    const checkpoints = new WalCheckpoints(sqlite, url, (work) => works.push(work));
    checkpoints.committed(LIMITS.checkpointedWrites);
    await eventually(() => expect(works).toHaveLength(1));
    const has = (text: string): boolean => readFileSync(path).includes(text);
    const insert = sqlite.prepare('INSERT INTO pages VALUES (?)');
    insert.run('came meanwhile');
    expect(has('came meanwhile')).toBe(false);
    works[0]?.();
    expect(has('came meanwhile')).toBe(true);
    await checkpoints.close();
    insert.run('came at last');
    works[0]?.();
    expect(has('came at last')).toBe(false);
    sqlite.close();
  });
});
