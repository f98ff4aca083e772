/** A lazily computed value: computed when read, and again only after a change. */
import type { Readable } from './types.ts';

/** Calls an app's listeners. An error of one is logged, and stops nothing else. */
export function notify<Value>(listeners: Iterable<(value: Value) => void>, value: Value): void {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: an app finds its own error where it looks for errors.
      console.error(error);
    }
  }
}

export class Cell<Value> implements Readable<Value> {
  readonly #compute: () => Value;
  readonly #onObserved: (() => void) | undefined;
  readonly #onLeft: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();
  #kept: { readonly value: Value } | null = null;

  /** `onObserved`: a listener was added. `onLeft`: the last listener was removed. */
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
    // The same function may be added twice; each subscription ends separately.
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
    notify(this.#listeners, undefined);
  }
}

/** A value that is set. */
export class State<Value> extends Cell<Value> {
  declare readonly set: (value: Value) => void;

  constructor(first: Value, onObserved?: () => void, onLeft?: () => void) {
    let current = first;
    super(() => current, onObserved, onLeft);
    this.set = (value) => {
      if (Object.is(current, value)) return;
      current = value;
      this.changed();
    };
  }
}

/** Resolves when the value satisfies `isSo`. */
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
