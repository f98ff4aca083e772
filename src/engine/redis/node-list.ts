/** Lists the connections of a node: those of one turn of the event loop by one command. */
import type { RedisClient } from './client.ts';

/** Members of one command: others' commands have their turn. */
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

  /** Resolves once it is listed. Rejects as the client does. */
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
    // Behind all that follows in this turn from answers that are here.
    void Promise.resolve().then(() => process.nextTick(() => this.#send(key, gathered)));
    return gathered;
  }

  #send(key: string, gathered: Gathered): void {
    if (this.#gathered.get(key) !== gathered) return;
    this.#gathered.delete(key);
    gathered.send();
  }
}
