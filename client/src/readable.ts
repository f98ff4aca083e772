/** A value that is computed when it is looked at, and only after it changed. */
import type { Readable } from './types.ts';

export class Cell<Value> implements Readable<Value> {
  readonly #compute: () => Value;
  readonly #onObserved: (() => void) | undefined;
  readonly #onLeft: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();
  #kept: { readonly value: Value } | null = null;

  /** `onObserved`: somebody looks at it who was not there before. `onLeft`: nobody does any more. */
  constructor(compute: () => Value, onObserved?: () => void, onLeft?: () => void) {
    this.#compute = compute;
    this.#onObserved = onObserved;
    this.#onLeft = onLeft;
  }

  get value(): Value {
    this.#kept ??= { value: this.#compute() };
    return this.#kept.value;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // One function may be given twice, and each is ended by itself.
    const own = (): void => listener();
    this.#listeners.add(own);
    this.#onObserved?.();
    return () => {
      if (this.#listeners.delete(own) && !this.isObserved) this.#onLeft?.();
    };
  };

  get isObserved(): boolean {
    return this.#listeners.size > 0;
  }

  changed(): void {
    this.#kept = null;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A value that is set. */
export class State<Value> extends Cell<Value> {
  readonly set: (value: Value) => void;

  constructor(first: Value, onObserved?: () => void) {
    let current = first;
    super(() => current, onObserved);
    this.set = (value) => {
      if (Object.is(current, value)) return;
      current = value;
      this.changed();
    };
  }
}

/** Looks at it until this is true of it. */
export const until = <Value>(of: Readable<Value>, isSo: (value: Value) => boolean): Promise<void> =>
  new Promise((resolve) => {
    let stop: (() => void) | undefined;
    const look = (): void => {
      if (!isSo(of.value)) return;
      stop?.();
      resolve();
    };
    stop = of.subscribe(look);
    look();
  });
