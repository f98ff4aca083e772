/** Adds connections to a node's list, all of one turn of the event loop with one command. */
import type { RedisClient } from './client.ts';

/** Members per command, so that other commands get their turn. */
const AT_ONCE = 500;

interface Gathered {
  readonly members: string[];
  readonly done: Promise<unknown>;
  send(): void;
}

export class NodeList {
  readonly #client: RedisClient;
  /** By key. */
  readonly #gathered = new Map<string, Gathered>();

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Resolves once the member is added. Rejects as the client does. */
  add(key: string, member: string): Promise<unknown> {
    const gathered = this.#gathered.get(key) ?? this.#begin(key);
    gathered.members.push(member);
    if (gathered.members.length >= AT_ONCE) this.#send(key, gathered);
    return gathered.done;
  }

  #begin(key: string): Gathered {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const members: string[] = [];
    const gathered = { members, done: promise, send: () => this.#client.sadd(key, ...members).then(resolve, reject) };
    this.#gathered.set(key, gathered);
    // After all work of this turn that follows from answers already received.
    void Promise.resolve().then(() => process.nextTick(() => this.#send(key, gathered)));
    return gathered;
  }

  #send(key: string, gathered: Gathered): void {
    if (this.#gathered.get(key) !== gathered) return;
    this.#gathered.delete(key);
    gathered.send();
  }
}
