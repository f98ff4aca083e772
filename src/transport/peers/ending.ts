/** An iterator that yields nothing and only ends: with an error, at the client's word, or when there is no more. */
import type { Subscription } from '../../delivery/rendered-stream.ts';
import type { ServiceError } from '../../errors.ts';

type Done = IteratorResult<never, undefined>;
const DONE: Done = { done: true, value: undefined };

export class Ending implements AsyncIterableIterator<never, undefined> {
  readonly #subscription: Subscription;
  readonly #over: Promise<Done>;
  readonly #ended: () => void;
  #settle: (error: ServiceError | null) => void = () => undefined;
  #isOver = false;

  /** `ended` is called once, whenever that is: an end may come before anything else is done with it (F43). */
  constructor(subscription: Subscription, ended: () => void) {
    this.#subscription = subscription;
    this.#ended = ended;
    this.#over = new Promise((resolve, reject) => {
      this.#settle = (error) => (error ? reject(error) : resolve(DONE));
    });
    // Told to whoever iterates; when nobody does any more, there is nobody to tell.
    this.#over.catch(() => undefined);
  }

  end(error: ServiceError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended();
    this.#settle(error);
  }

  next(): Promise<Done> {
    return this.#over;
  }

  async return(): Promise<Done> {
    this.#subscription.close();
    this.end(null);
    return DONE;
  }

  throw(): Promise<Done> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
