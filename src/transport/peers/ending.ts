/** An iterator that yields nothing and only ends: with an error, at the client's request, or with its stream. */
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

  /** `ended` is called once, at whatever time the end comes: it may precede the first use (F43). */
  constructor(subscription: Subscription, ended: () => void) {
    this.#subscription = subscription;
    this.#ended = ended;
    this.#over = new Promise((resolve, reject) => {
      this.#settle = (error) => (error ? reject(error) : resolve(DONE));
    });
    // The error is for the consumer of the iterator; without one it is ignored.
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
