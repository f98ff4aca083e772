/** Before all files: one Redis for each worker, which ends with Jest in any case, and a proxy that adds latency. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { LATENCY_MS, startWay } from '../support/distance.ts';
import { freePort } from '../support/free-port.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

/** Its input is a pipe from Jest: when that closes, so does the server. */
const UNTIL_INPUT_ENDS = 'exec 3<&0; "$0" "$@" </dev/null >/dev/null & read -r _ <&3; kill -9 $!; wait';

export interface WorkerRedis {
  readonly processes: ChildProcess[];
  readonly ways: TcpProxy[];
}

/** That of the project `far`, in which files run beside others that have it near. */
const FAR_MS = 2.5;

declare global {
  var workerRedis: WorkerRedis | undefined;
}

export default async function startRedis({ maxWorkers }: { readonly maxWorkers: number }): Promise<void> {
  const processes: ChildProcess[] = [];
  const ways: TcpProxy[] = [];
  for (let worker = 1; worker <= maxWorkers; worker += 1) {
    const port = String(await freePort());
    const command = process.env['REDIS_SERVER'] ?? 'redis-server';
    const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn('sh', ['-c', UNTIL_INPUT_ENDS, command, ...settings], { stdio: ['pipe', 'ignore', 'inherit'] });
    await once(child, 'spawn');
    processes.push(child);
    // Workers are started later, and inherit it.
    process.env[`TEST_REDIS_${worker}`] = `redis://127.0.0.1:${port}`;
    const way = await startWay(Number(port), LATENCY_MS || FAR_MS);
    ways.push(way);
    process.env[`TEST_REDIS_FAR_${worker}`] = `redis://127.0.0.1:${way.port}`;
  }
  globalThis.workerRedis = { processes, ways };
}
