/**
 * Counts what each user's streams follow on this node, since each followed thing takes memory (G10).
 *
 * Counted per user, on every transport: a limit per socket would be multiplied by the sockets.
 */
import { badInput } from '../errors.ts';

export class FollowCounts {
  readonly #most: number;
  readonly #what: string;
  readonly #users = new Map<string, number>();

  /** `what`: the plural noun for error messages. */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** A new stream of this user, which follows nothing yet. */
  open(user: string): StreamFollowCount {
    return new StreamFollowCount(this, user);
  }

  /** For a stream of this user that follows `size` conversations now. @throws {ServiceError} BAD_USER_INPUT. */
  check(user: string, size: number, count: number): void {
    const others = (this.#users.get(user) ?? 0) - size;
    // A user whose list is longer than the limit may have one stream.
    if (others > 0 && others + count > this.#most)
      throw badInput(`The subscriptions of one user can follow at most ${this.#most} ${this.#what}.`);
  }

  change(user: string, by: number): void {
    const all = (this.#users.get(user) ?? 0) + by;
    if (all > 0) this.#users.set(user, all);
    else this.#users.delete(user);
  }
}

/** The number of conversations that one stream follows. */
export class StreamFollowCount {
  readonly user: string;
  readonly #counts: FollowCounts;
  #size = 0;

  constructor(counts: FollowCounts, user: string) {
    this.#counts = counts;
    this.user = user;
  }

  /**
   * Called before the stream follows `count` things. @throws {ServiceError} BAD_USER_INPUT: too many, together with the
   * user's other streams.
   */
  claim(count: number): void {
    this.#counts.check(this.user, this.#size, count);
    this.resize(count);
  }

  /** The stream now follows `size` things; 0 when it ends. Never refuses. */
  resize(count: number): void {
    this.#counts.change(this.user, count - this.#size);
    this.#size = count;
  }
}
