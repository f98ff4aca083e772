/**
 * Reads of plain values, on one server many by one command.
 *
 * All who connect in one turn of the event loop ask whether their tokens were revoked, twice each. In a cluster a command reads
 * keys of one slot only, and these are of as many slots as users.
 */
import type { RedisClient } from './client.ts';

/** Values of one command: others' commands have their turn. */
const AT_ONCE = 500;

interface Asked {
  readonly key: string;
  resolve(value: string | null): void;
  reject(error: unknown): void;
}

export class ValueReads {
  readonly #client: RedisClient;
  readonly #isOneServer: boolean;
  #asked: Asked[] = [];

  constructor(client: RedisClient, isOneServer: boolean) {
    this.#client = client;
    this.#isOneServer = isOneServer;
  }

  /** Reads a value after all that was done before the call. Rejects as the client does. */
  read(key: string): Promise<string | null> {
    if (!this.#isOneServer) return this.#client.get(key);
    return new Promise((resolve, reject) => {
      // Behind all that follows in this turn from answers that are here.
      if (this.#asked.length === 0) void Promise.resolve().then(() => process.nextTick(() => this.#send()));
      this.#asked.push({ key, resolve, reject });
    });
  }

  #send(): void {
    const all = this.#asked;
    this.#asked = [];
    for (let start = 0; start < all.length; start += AT_ONCE) void this.#readAll(all.slice(start, start + AT_ONCE));
  }

  async #readAll(asked: readonly Asked[]): Promise<void> {
    try {
      const values = await this.#client.mget(...asked.map(({ key }) => key));
      asked.forEach(({ resolve }, index) => {
        resolve(values[index] ?? null);
      });
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
