/**
 * A real redis-server for one test file, on a free port, without persistence, and with the latency of `distance.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LATENCY_MS, startWay } from './distance.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

export interface RedisServer {
  readonly url: string;
  /** Where it is reached, also by its replicas and the other nodes of its cluster. */
  readonly port: number;
  readonly process: ChildProcess;
  /** Kills it, and starts it on what it had stored, this time with these settings besides. */
  restart(...more: string[]): Promise<void>;
  stop(): Promise<void>;
}

async function answers(port: number): Promise<void> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    if (!reply.toString().startsWith('+PONG')) throw new Error(`redis-server says ${reply.toString()}`);
  } finally {
    socket.destroy();
  }
}

export async function startRedisServer(...settings: string[]): Promise<RedisServer> {
  const ownPort = await freePort();
  const way = LATENCY_MS > 0 ? await startWay(ownPort, LATENCY_MS) : null;
  const port = way?.port ?? ownPort;
  const dir = mkdtempSync(join(tmpdir(), 'realtime-redis-'));
  const command = process.env['REDIS_SERVER'] ?? 'redis-server';
  // One that speaks TLS is reached by its port for that, and not by this way.
  const isAnnounced = way !== null && !settings.includes('--tls-port');
  const announced = isAnnounced
    ? ['--replica-announce-port', String(port), '--cluster-announce-port', String(port)]
    : [];
  const place = ['--port', String(ownPort), '--bind', '127.0.0.1', '--dir', dir, ...announced];
  let child: ChildProcess;

  async function start(...more: string[]): Promise<void> {
    child = spawn(command, [...place, '--save', '', '--appendonly', 'no', ...settings, ...more], { stdio: 'ignore' });
    const failed = once(child, 'error').then(([error]) => {
      throw error as Error;
    });
    await Promise.race([eventually(() => answers(ownPort)), failed]);
  }
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get process() {
      return child;
    },
    async restart(...more) {
      await kill();
      await start(...more);
    },
    async stop() {
      await kill();
      await way?.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
