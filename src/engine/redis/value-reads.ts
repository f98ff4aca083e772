/**
 * Reads plain values; on a single server many with one command.
 *
 * Connections that arrive in one turn of the event loop each check twice whether their tokens were revoked. In a
 * cluster a command reads keys of one slot only, and each user has another slot.
 */
import type { RedisClient } from './client.ts';

/** Values per command, so that other commands get their turn. */
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

  /** Reads a value. The read runs after the call, never earlier. Rejects as the client does. */
  read(key: string): Promise<string | null> {
    if (!this.#isOneServer) return this.#client.get(key);
    return new Promise((resolve, reject) => {
      // After all work of this turn that follows from answers already received.
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
