/**
 * How much the streams of each user follow on this node, which holds something of each for as long as they do (G10).
 *
 * It is counted by user, whatever carries the streams: a limit by socket would be multiplied by the sockets.
 */
import { badInput } from '../errors.ts';

export class Followed {
  readonly #most: number;
  readonly #what: string;
  readonly #users = new Map<string, number>();

  /** `what`: in words, as an error names it. */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

  /** A stream of this user's, which follows nothing yet. */
  enter(user: string): Share {
    let size = 0;
    const resize = (next: number): void => {
      const all = (this.#users.get(user) ?? 0) + next - size;
      size = next;
      if (all > 0) this.#users.set(user, all);
      else this.#users.delete(user);
    };
    return {
      claim: (count) => {
        const others = (this.#users.get(user) ?? 0) - size;
        // A list that is longer than the limit has one stream.
        if (others > 0 && others + count > this.#most)
          throw badInput(`The subscriptions of one user can follow at most ${this.#most} ${this.#what}.`);
        resize(count);
      },
      resize,
    };
  }
}

export interface Share {
  /** Before it follows so many. @throws {ServiceError} BAD_USER_INPUT: they are too many, with what the user's other streams follow. */
  claim(count: number): void;
  /** It follows so many now: what it follows already is not taken from it. 0 when it ends. */
  resize(count: number): void;
}
