/**
 * A primary of Redis and its replica behind one address: restarted, or replaced by the replica with or without all its
 * data.
 */
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';
import { startTcpProxy } from './tcp-proxy.ts';

export interface RedisPair {
  /** Of the present primary. */
  readonly url: string;
  /** Each connection is cut in the middle of its next answer. */
  loseAnswers(): void;
  /** The primary is killed and starts again on what it had stored, which is everything. */
  restart(): Promise<void>;
  /** From now on the replica hears nothing: what is written is lost in the next failover. */
  lag(): Promise<void>;
  /** The replica hears everything again. */
  catchUp(): Promise<void>;
  /** The replica takes the place of the primary; unless it lags, once it has all that the primary has. */
  failOver(): Promise<void>;
  close(): Promise<void>;
}

const STORED = ['--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0'];

async function command(port: number, ...words: [string, ...string[]]): Promise<string> {
  const client = new Redis(port);
  try {
    return String(await client.call(...words));
  } finally {
    client.disconnect();
  }
}

/** `settings`: of the first primary alone. */
export async function startRedisPair(...settings: string[]): Promise<RedisPair> {
  let primary: RedisServer = await startRedisServer(...STORED, ...settings);
  const link = await startTcpProxy(primary.port);
  let replica: RedisServer = await startRedisServer(...STORED);
  const network = await startTcpProxy(primary.port);
  let isLagging = false;

  const follow = (): Promise<string> => command(replica.port, 'REPLICAOF', '127.0.0.1', String(link.port));
  const offsetOf = async ({ port }: RedisServer): Promise<string | undefined> =>
    /master_repl_offset:(\d+)/.exec(await command(port, 'INFO', 'replication'))?.[1];
  const inStep = (): Promise<void> =>
    eventually(async () => {
      expect(await command(replica.port, 'INFO', 'replication')).toContain('master_link_status:up');
      expect(await offsetOf(replica)).toBe(await offsetOf(primary));
    });

  await follow();
  await inStep();
  return {
    url: `redis://127.0.0.1:${network.port}`,
    loseAnswers: () => void network.resetAnswers(),
    async restart() {
      await primary.restart();
      link.redirect(primary.port);
      if (!isLagging) await inStep();
    },
    async lag() {
      if (isLagging) return;
      await inStep();
      isLagging = true;
      link.silence();
    },
    async catchUp() {
      if (!isLagging) return;
      isLagging = false;
      link.redirect(primary.port);
      await inStep();
    },
    async failOver() {
      if (!isLagging) await inStep();
      isLagging = false;
      await command(replica.port, 'REPLICAOF', 'NO', 'ONE');
      network.redirect(replica.port);
      [primary, replica] = [replica, primary];
      link.redirect(primary.port);
      await follow();
      await inStep();
    },
    async close() {
      await Promise.all([network.close(), link.close()]);
      await Promise.all([primary.stop(), replica.stop()]);
    },
  };
}
