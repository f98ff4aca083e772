/** Suspense: a component waits for its data instead of rendering an empty list. */
import type { Realtime } from '../realtime.ts';
import type { Readable } from '../types.ts';

export interface SuspenseOptions {
  /** Shows the fallback of the nearest `Suspense` until the data is loaded, or is known to be empty. */
  readonly suspense?: boolean;
}

/** One promise per value, since React renders again for each new promise. */
const waiting = new WeakMap<object, Promise<void>>();
/** A server never loads data, so it renders the empty state. */
const isOnServer = !('window' in globalThis);

/** Throws a promise while the value is not loaded, as React requires. Does not wait when the user is signed out. */
export function suspendUntil<Value>(
  chat: Realtime,
  readable: Readable<Value>,
  isThere: (value: Value) => boolean,
): void {
  const isOver = (): boolean => chat.status.value === 'signed-out' || isThere(readable.value);
  if (isOnServer || isOver()) return;
  const known = waiting.get(readable);
  if (known) throw known;
  // Not during the render, since subscribing starts to load and updates other components.
  const made = Promise.resolve()
    .then(() => until(isOver, [readable, chat.status]))
    .finally(() => waiting.delete(readable));
  waiting.set(readable, made);
  throw made;
}

function until(isOver: () => boolean, readables: readonly Readable<unknown>[]): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isOver()) return;
      for (const stop of stops.splice(0)) stop();
      resolve();
    };
    const stops: (() => void)[] = [];
    for (const readable of readables) stops.push(readable.subscribe(look));
    look();
  });
}
