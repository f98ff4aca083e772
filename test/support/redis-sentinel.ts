/** One real sentinel that watches a primary, and is enough to decide alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** The name under which the primary is watched. */
const GROUP = 'main';

export interface RedisSentinel {
  /** For `REDIS_URL`. */
  readonly url: string;
  ask(command: string, ...args: readonly string[]): Promise<unknown>;
  /** From now on a primary that is silent for half a second is replaced. Until then one that waits for its turn on a busy machine is not. */
  watchClosely(): Promise<unknown>;
  /** Where the primary is now, by the sentinel's word. */
  primary(): Promise<number>;
  stop(): Promise<void>;
}

export async function startRedisSentinel(primaryPort: number, password: string): Promise<RedisSentinel> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'realtime-sentinel-'));
  const file = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `requirepass ${password}`,
    `sentinel monitor ${GROUP} 127.0.0.1 ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${GROUP} 60000`,
    `sentinel failover-timeout ${GROUP} 3000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn(process.env['REDIS_SERVER'] ?? 'redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const admin = new Redis({ host: '127.0.0.1', port, password, maxRetriesPerRequest: null });
  admin.on('error', () => undefined);
  const ask = (command: string, ...args: readonly string[]): Promise<unknown> =>
    admin.call('SENTINEL', command, GROUP, ...args);
  await eventually(() => admin.ping());
  return {
    url: `redis+sentinel://127.0.0.1:${port}/${GROUP}`,
    ask,
    watchClosely: () => admin.call('SENTINEL', 'SET', GROUP, 'down-after-milliseconds', 500),
    primary: async () => Number(((await ask('get-master-addr-by-name')) as string[])[1]),
    async stop() {
      admin.disconnect();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
