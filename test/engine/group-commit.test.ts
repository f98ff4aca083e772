/** Writes of one turn of the event loop share a commit; what is not committed is neither answered, announced nor read. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nextTurn } from '../../src/clock.ts';
import { createEmbeddedBus, type EmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { checkCopy, copyInto } from '../../src/engine/embedded/copies.ts';
import { type Database, openDatabase } from '../../src/engine/embedded/database.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Announcement, Channel } from '../../src/engine/port.ts';
import { LIMITS } from '../../src/limits.ts';
import type { TopicPolicyRecord } from '../../src/model.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, createGroup, tenant, text } from '../support/world.ts';

const SETTINGS: Channel = { kind: 'topic-policies', tenant, id: tenant };
const UNAVAILABLE = expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' });

describe('group commit', () => {
  let dir: string;
  let bus: EmbeddedBus;
  let database: Database;
  let trace = '';
  /** What was announced and answered, in order. */
  let events: string[];

  async function open(dataDir: string): Promise<void> {
    events = [];
    trace = '';
    bus = createEmbeddedBus(new TestClock(), () => trace);
    database = openDatabase(dataDir, bus);
    database
      .prepare(
        'CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, other REFERENCES notes DEFERRABLE INITIALLY DEFERRED)',
      )
      .run();
    const onAnnouncement = ({ trace: of = '' }: Announcement): void => void events.push(`announced ${of}`);
    await bus.listen(SETTINGS, { onAnnouncement, onInterrupted: () => undefined });
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'realtime-'));
    await open(dir);
  });
  afterEach(() => {
    database.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Inserts a note; `other` names a note that must exist at the commit. */
  function note(id: number, other: number | null = null, verb = 'INSERT'): Promise<unknown> {
    trace = String(id);
    const insert = database.prepare(`${verb} INTO notes VALUES (?, ?)`);
    const written = database.write((announce) => {
      insert.run(id, other);
      announce(SETTINGS, { type: 'topic-policies' });
    });
    trace = '';
    const answered = (word: string) => (): void => void events.push(`${word} ${id}`);
    return written.then(answered('stored'), (error: Error) => {
      expect(error).toEqual(UNAVAILABLE);
      events.push(`failed ${id}`);
    });
  }

  const stored = (): number[] =>
    database
      .prepare('SELECT id FROM notes ORDER BY id')
      .all()
      .map((row) => Number(row['id']));

  it('G01 G03: announcements of a turn go out together, in order, and before the answers', async () => {
    const writes = [note(1), note(2), note(3)];
    await Promise.resolve();
    expect(events).toEqual([]);
    await Promise.all(writes);
    expect(events).toEqual(['announced 1', 'announced 2', 'announced 3', 'stored 1', 'stored 2', 'stored 3']);
  });

  it('a read waits for the commit, and a read without an open transaction does not', async () => {
    expect(database.read(stored)).toEqual([]);
    const write = note(1);
    const read = Promise.resolve(database.read(stored)).then((ids) => void events.push(`read ${ids}`));
    expect(events).toEqual([]);
    await Promise.all([write, read]);
    expect(events).toEqual(['announced 1', 'stored 1', 'read 1']);
    expect(database.read(stored)).toEqual([1]);
  });

  it('G13: a write that fails changes nothing and fails alone', async () => {
    await Promise.all([note(1), note(1), note(2), note(2), note(3)]);
    expect(stored()).toEqual([1, 2, 3]);
    expect(events.filter((event) => event.startsWith('failed'))).toEqual(['failed 1', 'failed 2']);
    expect(events.filter((event) => event.startsWith('announced'))).toHaveLength(3);
  });

  it('G13 G04: a commit that fails fails every write, announces nothing, and no read has seen it', async () => {
    await note(1);
    events = [];
    const writes = [note(2), note(3, 99), note(4)];
    const read = Promise.resolve(database.read(stored));
    await Promise.all(writes);
    expect(events).toEqual(['failed 2', 'failed 3', 'failed 4']);
    expect([await read, stored()]).toEqual([[1], [1]]);
    await note(2);
    expect(stored()).toEqual([1, 2]);
  });

  it('F32: a statement at which SQLite rolls everything back fails the writes of its turn', async () => {
    await note(1);
    events = [];
    await Promise.all([note(2), note(1, null, 'INSERT OR ROLLBACK'), note(3)]);
    expect(events).toEqual(['failed 2', 'failed 1', 'announced 3', 'stored 3']);
    expect(stored()).toEqual([1, 3]);
  });

  it('a full group is committed within the turn', async () => {
    const writes = Array.from({ length: LIMITS.groupedWrites + 1 }, (_, id) => note(id));
    expect(events).toHaveLength(LIMITS.groupedWrites);
    await Promise.all(writes);
    expect(stored()).toHaveLength(LIMITS.groupedWrites + 1);
  });

  it('a writer that waits for each answer seldom waits for the end of a turn', async () => {
    let turns = 0;
    let isOver = false;
    const counted = (async () => {
      for (; !isOver; turns += 1) await nextTurn();
    })();
    for (let id = 0; id < 500; id += 1) await note(id);
    isOver = true;
    await counted;
    expect(turns).toBeLessThan(50);
  });

  it('writes of one turn share a commit again after a writer was alone', async () => {
    for (let id = 0; id < 500; id += 1) await note(id);
    for (let id = 500; id < 600; id += 1) void note(id);
    await nextTurn();
    events = [];
    const writes = [note(600), note(601)];
    expect(events).toEqual([]);
    await Promise.all(writes);
  });

  it('G01: closing commits and answers the writes of the turn', async () => {
    const writes = [note(1), note(2)];
    database.close();
    await Promise.all(writes);
    expect(events).toEqual(['announced 1', 'announced 2', 'stored 1', 'stored 2']);
    await open(dir);
    expect(stored()).toEqual([1, 2]);
  });

  it('a backup in the middle of a group is whole, and writes meanwhile are committed one by one', async () => {
    const copy = join(dir, 'copy.db');
    const first = note(1);
    const copied = database.copyInto(copy);
    expect(events).toEqual(['announced 1']);
    const second = note(2);
    expect(events).toEqual(['announced 1', 'announced 2']);
    await Promise.all([first, second, copied]);
    checkCopy(copy);
    const read = new DatabaseSync(copy, { readOnly: true });
    expect(
      read
        .prepare('SELECT id FROM notes')
        .all()
        .map((row) => row['id']),
    ).toContain(1);
    read.close();
    expect(stored()).toEqual([1, 2]);
    expect(existsSync(`${copy}.part`)).toBe(false);
  });

  it('a copy that fails leaves nothing behind, and one that is whole is open nowhere', async () => {
    const target = join(dir, 'copy.db');
    await note(1);
    await database.copyInto(target);
    const open = existsSync('/proc/self/fd')
      ? readdirSync('/proc/self/fd').flatMap((fd) => {
          try {
            return [readlinkSync(`/proc/self/fd/${fd}`)];
          } catch {
            return [];
          }
        })
      : [];
    expect(open.filter((path) => path.startsWith(target))).toEqual([]);
    await expect(database.copyInto(target)).rejects.toThrow('already exists');
    rmSync(target);
    const other = new DatabaseSync(':memory:');
    other.close();
    await expect(copyInto(other, target)).rejects.toThrow();
    expect(readdirSync(dir).filter((name) => name.startsWith('copy'))).toEqual([]);
  });

  it('after the database is closed, reads and writes are refused', () => {
    database.close();
    expect(() => database.read(stored)).toThrow(UNAVAILABLE);
    expect(() => void database.write(() => undefined)).toThrow(UNAVAILABLE);
  });
});

it('G03: messages sent in one turn have sequences without gaps, beside changes that fail', async () => {
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new TestClock() });
  const id = await createGroup(engine, alice);
  const broken = {
    pattern: 'x',
    toJSON: () => {
      throw new Error('not written');
    },
  } as unknown as TopicPolicyRecord;
  const sent = Array.from({ length: 20 }, (_, n) => [
    engine.appendMessage(tenant, text(id, alice, `${n}`)),
    engine.saveTopicPolicy(tenant, broken).then(
      () => 'saved',
      () => 'failed',
    ),
  ]).flat();
  const outcomes = await Promise.all(sent as Promise<unknown>[]);
  expect(outcomes.filter((outcome) => outcome === 'failed')).toHaveLength(20);
  const { messages } = await engine.listMessages(tenant, id, { after: 0, before: null, limit: 100, from: 'first' });
  expect(messages.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  await engine.close();
});
