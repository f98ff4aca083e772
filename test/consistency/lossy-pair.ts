/** A Redis whose replica takes over without the last writes, again and again. */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Loss } from './loss.ts';

async function ask(server: RedisServer, ...words: readonly [string, ...string[]]): Promise<string> {
  const client = new Redis(server.url);
  try {
    return String(await client.call(...words));
  } finally {
    client.disconnect();
  }
}

const offsetOf = async (server: RedisServer): Promise<number> =>
  Number(/master_repl_offset:(\d+)/.exec(await ask(server, 'INFO', 'replication'))?.[1]);

export class LossyPair {
  master: RedisServer;
  #replica: RedisServer;
  /** What the replica hears of the master. */
  #link: TcpProxy;
  readonly #networks: readonly TcpProxy[];
  readonly losses: Loss[] = [];

  private constructor(master: RedisServer, replica: RedisServer, link: TcpProxy, networks: readonly TcpProxy[]) {
    this.master = master;
    this.#replica = replica;
    this.#link = link;
    this.#networks = networks;
  }

  static async open(master: RedisServer, replica: RedisServer, networks: readonly TcpProxy[]): Promise<LossyPair> {
    const pair = new LossyPair(master, replica, await startTcpProxy(master.port), networks);
    await pair.#follow();
    return pair;
  }

  /** The replica hears nothing more, and takes over after a while. */
  async failOver(_random: unknown, lossMs: number): Promise<void> {
    const from = performance.now();
    await this.#inStep();
    this.#link.silence();
    await wait(lossMs);
    await ask(this.#replica, 'REPLICAOF', 'NO', 'ONE');
    for (const network of this.#networks) network.redirect(this.#replica.port);
    this.losses.push({ from, to: performance.now() });
    [this.master, this.#replica] = [this.#replica, this.master];
    await this.#replica.restart();
    await this.#link.close();
    this.#link = await startTcpProxy(this.master.port);
    await this.#follow();
  }

  /** The master dies, and comes back with what it had stored. */
  async restart(): Promise<void> {
    await this.master.restart();
    await this.#inStep();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  async #follow(): Promise<void> {
    await ask(this.#replica, 'REPLICAOF', '127.0.0.1', String(this.#link.port));
    await this.#inStep();
  }

  /** Until the replica has all that was written before it was asked. */
  async #inStep(): Promise<void> {
    const written = await offsetOf(this.master);
    await eventually(async () => {
      const state = await ask(this.#replica, 'INFO', 'replication');
      if (!state.includes('master_link_status:up')) throw new Error('The replica is not connected yet.');
      if ((await offsetOf(this.#replica)) < written) throw new Error('The replica is behind.');
    });
  }
}
