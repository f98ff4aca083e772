/** Everything that was opened is closed: when the service stops, and when it cannot start. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Closers } from '../../src/closers.ts';
import { startTestService } from '../support/service.ts';
import { silentLog } from '../support/world.ts';

it('closers run in reverse order, each once, and all despite failures', async () => {
  const closed: string[] = [];
  const closers = new Closers(silentLog);
  const push = (name: string, fault: Error | null = null): void =>
    closers.push(name, async () => {
      closed.push(name);
      if (fault) throw fault;
    });
  push('first');
  push('second', new Error('second'));
  push('third', new Error('third'));
  await expect(Promise.all([closers.close(), closers.close()])).rejects.toThrow('third');
  expect(closed).toEqual(['third', 'second', 'first']);
});

describe('a start that fails half way', () => {
  it.each([
    // This file is there, and no certificate.
    ['an invalid certificate', () => ({ TLS_CERT_FILE: import.meta.filename, TLS_KEY_FILE: import.meta.filename })],
    ['a port in use', (taken: number) => ({ PORT: String(taken) })],
  ])('%s leaves the database unlocked', async (_, faulty) => {
    const dataDir = join(tmpdir(), `rights-${randomUUID()}`);
    const holder = createServer().listen(0);
    const { port } = holder.address() as { port: number };
    try {
      await expect(startTestService({ env: { DATA_DIR: dataDir, ...faulty(port) } })).rejects.toThrow();
      const service = await startTestService({ env: { DATA_DIR: dataDir } });
      expect((await service.query('ann', '{ viewer { id } }')).data.viewer.id).toBe('ann');
      await service.close();
    } finally {
      holder.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
