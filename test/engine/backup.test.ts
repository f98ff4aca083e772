/** Backups of each engine while it is written to, and their restore, by the commands of docs/operations.md. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/clock.ts';
import { createEmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { checkCopy } from '../../src/engine/embedded/copies.ts';
import { openDatabase } from '../../src/engine/embedded/database.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startTestService, type TestService } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../src/backup.ts', import.meta.url));
const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence position } }';
const PAGE = '{ conversation(id: "c") { lastSequence messages(last: 1) { edges { node { sequence } } } } }';
const RESUME = 'subscription ($after: [ID!]) { messageReceived(after: $after) { id } }';

async function lastOf(service: TestService): Promise<number> {
  const { data, errors } = await service.query('alice', PAGE);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.conversation.lastSequence;
}

/** Who holds a message that the copy does not have is told so, however many come after it. */
async function expectDiverged(service: TestService, position: string): Promise<void> {
  const alice = await service.connect('alice');
  const resumed = await alice.subscribe(RESUME, { after: [position] });
  await eventually(() =>
    expect(resumed.errors[0]?.extensions).toMatchObject({ code: 'POSITION_EXPIRED', reason: 'DIVERGED' }),
  );
  await alice.close();
}

describe('backup', () => {
  let folder: string;
  let env: Record<string, string>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'realtime-backup-'));
    env = { DATA_DIR: join(folder, 'data') };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function run(...args: string[]): Promise<{ code: number; said: string }> {
    const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...args], { env: { ...process.env, ...env } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
    const [code] = await once(child, 'close');
    return { code: code as number, said };
  }

  it('everything acknowledged before the backup is in the copy, and is restored from it', async () => {
    const service = await startTestService({ env });
    await certainly(service, 'alice', CREATE);
    for (let n = 0; n < 20; n += 1) await service.query('alice', SEND);
    const copy = join(folder, 'copy.db');
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) expect((await service.query('alice', SEND)).errors).toBeUndefined();
    })();
    expect(await run(copy)).toEqual({ code: 0, said: expect.stringMatching(/copy\.db: \d+ bytes, checked/) });
    isWriting = false;
    await writing;
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect(await run(copy)).toEqual({ code: 1, said: expect.stringContaining('already exists') });
    expect(await run('--restore', copy)).toEqual({
      code: 1,
      said: expect.stringMatching(/^Not restored: .*stop the service first/),
    });
    const { position } = (await service.query('alice', SEND)).data.sendMessage;
    const last = await lastOf(service);
    await service.close();

    expect(await run('--restore', copy)).toEqual({ code: 0, said: expect.stringContaining('What was there is') });
    const restored = await startTestService({ env });
    const kept = await lastOf(restored);
    expect(kept).toBeGreaterThanOrEqual(20);
    expect(kept).toBeLessThan(last);
    for (let n = kept; n <= last; n += 1) await restored.query('alice', SEND);
    await expectDiverged(restored, position);
    await restored.close();
    expect(await run(join(folder, 'other.db'))).toEqual({ code: 1, said: expect.stringContaining('No service') });
  });

  it('a backup that begins during a transaction waits for its end', async () => {
    const database = openDatabase(
      folder,
      createEmbeddedBus(systemClock, () => ''),
    );
    const copy = join(folder, 'copy.db');
    const copied = await database.write(() => {
      const begun = database.copyInto(copy);
      // Its first step runs on another thread, and meets the transaction.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      return { begun };
    });
    await copied.begun;
    database.close();
    checkCopy(copy);
  });

  it('a damaged or foreign copy, or one of a newer release, is refused without a change', async () => {
    const service = await startTestService({ env });
    await certainly(service, 'alice', CREATE);
    const copy = join(folder, 'copy.db');
    await run(copy);
    await service.close();
    const before = readFileSync(join(folder, 'data', 'realtime.db'));
    const newer = new DatabaseSync(copy);
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    expect((await run('--restore', copy)).said).toContain('was written by a newer release (schema 999)');
    truncateSync(copy, 8_192);
    expect((await run('--restore', copy)).code).toBe(1);
    writeFileSync(copy, 'no database');
    expect((await run('--restore', copy)).code).toBe(1);
    expect((await run('--restore', join(folder, 'nowhere.db'))).said).toContain('does not exist');
    expect(readFileSync(join(folder, 'data', 'realtime.db')).equals(before)).toBe(true);
  });

  it('F49: a database of a newer release is refused by name', async () => {
    await (await startTestService({ env })).close();
    const newer = new DatabaseSync(join(folder, 'data', 'realtime.db'));
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    await expect(startTestService({ env })).rejects.toThrow(
      /newer release: schema 999; this release supports up to \d+/,
    );
  });
});

describe('backup of Redis', () => {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-backup-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('everything acknowledged before BGSAVE is in its file, from which Redis starts without the AOF', async () => {
    const redis = await startRedisServer('--appendonly', 'yes');
    const admin = new Redis(redis.url);
    const status = (name: string): Promise<string> =>
      admin.info('persistence').then((text) => new RegExp(`${name}:(\\w+)`).exec(text)?.[1] ?? '');
    const service = await startTestService({ env: { REDIS_URL: redis.url } });
    await certainly(service, 'alice', CREATE);
    for (let n = 0; n < 20; n += 1) await certainly(service, 'alice', SEND);
    const kept = await lastOf(service);
    await admin.bgsave();
    await eventually(async () => expect(await status('rdb_bgsave_in_progress')).toBe('0'));
    expect(await status('rdb_last_bgsave_status')).toBe('ok');
    const [, dir = ''] = (await admin.config('GET', 'dir')) as string[];
    copyFileSync(join(dir, 'dump.rdb'), join(folder, 'copy.rdb'));
    const { position, sequence } = (await certainly(service, 'alice', SEND)).data.sendMessage;
    expect(sequence).toBeGreaterThan(kept);

    redis.process.kill('SIGKILL');
    await once(redis.process, 'exit');
    rmSync(join(dir, 'appendonlydir'), { recursive: true });
    copyFileSync(join(folder, 'copy.rdb'), join(dir, 'dump.rdb'));
    await redis.restart('--appendonly', 'no');
    await eventually(async () => expect(await lastOf(service)).toBe(kept));
    await admin.config('SET', 'appendonly', 'yes');
    await eventually(async () => expect(await status('aof_rewrite_in_progress')).toBe('0'));
    expect(await status('aof_last_bgrewrite_status')).toBe('ok');
    await eventually(async () => {
      await service.query('alice', SEND);
      expect(await lastOf(service)).toBeGreaterThan(sequence);
    });
    await expectDiverged(service, position);
    const last = await lastOf(service);
    // The AOF is whole: a start with it goes on where this ends.
    await redis.restart();
    await eventually(async () => expect(await lastOf(service)).toBe(last));
    await service.close();
    admin.disconnect();
    await redis.stop();
  });
});
