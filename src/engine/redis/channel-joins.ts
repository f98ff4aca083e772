/**
 * Joins and leaves channels, on one server many by one command.
 *
 * A stream over a thousand conversations joins as many channels in one turn of the loop, and leaves them so: each by a
 * command of its own is a write to the socket. In a cluster a command takes channels of one slot only.
 */
import type { RedisClient } from './client.ts';

type Act = 'ssubscribe' | 'sunsubscribe';

/** Channels of one command: others' commands have their turn. */
const AT_ONCE = 500;

interface Gathered {
  readonly act: Act;
  readonly channels: string[];
  readonly done: Promise<unknown>;
  send(): void;
}

export class ChannelJoins {
  readonly #client: RedisClient;
  readonly #isOneServer: boolean;
  /** In the order asked: who leaves a channel and joins it again is on it. */
  #gathered: Gathered[] = [];

  constructor(client: RedisClient, isOneServer: boolean) {
    this.#client = client;
    this.#isOneServer = isOneServer;
  }

  /** Resolves once the server has acknowledged it. Rejects as the client does. */
  join(channel: string): Promise<unknown> {
    return this.#isOneServer ? this.#gather('ssubscribe', channel) : this.#client.ssubscribe(channel);
  }

  leave(channel: string): Promise<unknown> {
    return this.#isOneServer ? this.#gather('sunsubscribe', channel) : this.#client.sunsubscribe(channel);
  }

  #gather(act: Act, channel: string): Promise<unknown> {
    let last = this.#gathered.at(-1);
    if (last?.act !== act || last.channels.length >= AT_ONCE) {
      if (this.#gathered.length === 0) void Promise.resolve().then(() => process.nextTick(() => this.#send()));
      last = this.#begin(act);
      this.#gathered.push(last);
    }
    last.channels.push(channel);
    return last.done;
  }

  #begin(act: Act): Gathered {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const channels: string[] = [];
    return { act, channels, done: promise, send: () => this.#client[act](...channels).then(resolve, reject) };
  }

  #send(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    for (const { send } of gathered) send();
  }
}
