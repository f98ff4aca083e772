/** A backup of the embedded engine while it is written to, and its restore, by their commands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import { createEmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { checkCopy } from '../../src/engine/embedded/copies.ts';
import { openDatabase } from '../../src/engine/embedded/database.ts';
import { certainly } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../src/backup.ts', import.meta.url));
const CREATE = 'mutation { createConversation(input: {id: "c"}) { id } }';
const SEND = 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { sequence position } }';
const PAGE = '{ conversation(id: "c") { lastSequence messages(last: 1) { edges { node { sequence } } } } }';

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
  const lastOf = async (service: TestService): Promise<number> =>
    (await service.query('alice', PAGE)).data.conversation.lastSequence;

  it('what was answered before the command is in the copy, and goes back by the other', async () => {
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
    expect(await run(copy)).toEqual({ code: 1, said: expect.stringContaining('is there already') });
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
    const alice = await restored.connect('alice');
    const resumed = await alice.subscribe('subscription ($after: [ID!]) { messageReceived(after: $after) { id } }', {
      after: [position],
    });
    await eventually(() =>
      expect(resumed.errors[0]?.extensions).toMatchObject({ code: 'POSITION_EXPIRED', reason: 'DIVERGED' }),
    );
    await alice.close();
    await restored.close();
    expect(await run(join(folder, 'other.db'))).toEqual({ code: 1, said: expect.stringContaining('No service') });
  });

  it('a copy that begins while a transaction is open is made once that is over', async () => {
    const database = openDatabase(
      folder,
      createEmbeddedBus(systemClock, () => ''),
    );
    const copy = join(folder, 'copy.db');
    const copied = database.write(() => {
      const begun = database.copyInto(copy);
      // Its first step runs on another thread, and meets the transaction.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      return { begun };
    });
    await copied.begun;
    database.close();
    checkCopy(copy);
  });

  it('a copy that is damaged, foreign or of a newer release is refused, and nothing is changed', async () => {
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
    expect((await run('--restore', join(folder, 'nowhere.db'))).said).toContain('is not there');
    expect(readFileSync(join(folder, 'data', 'realtime.db')).equals(before)).toBe(true);
  });

  it('F49: a database of a newer release is refused by name', async () => {
    await (await startTestService({ env })).close();
    const newer = new DatabaseSync(join(folder, 'data', 'realtime.db'));
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    await expect(startTestService({ env })).rejects.toThrow(/newer release: schema 999, this one knows \d+/);
  });
});
