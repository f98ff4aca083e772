/**
 * Joins and leaves channels; on a single server many with one command.
 *
 * A stream over a thousand conversations joins or leaves a thousand channels in one turn of the event loop, and each
 * separate command would be a write to the socket. In a cluster a command takes channels of one slot only.
 */
import type { RedisClient } from './client.ts';

type Act = 'ssubscribe' | 'sunsubscribe';

/** Channels per command, so that other commands get their turn. */
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
  /** In the order asked, so that leaving and joining again ends as joined. */
  #gathered: Gathered[] = [];

  constructor(client: RedisClient, isOneServer: boolean) {
    this.#client = client;
    this.#isOneServer = isOneServer;
  }

  /** Resolves once the server has acknowledged the subscription. Rejects as the client does. */
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
