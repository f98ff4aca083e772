/** Suspense: a component waits for what it shows instead of rendering an empty list. */
import type { Realtime } from '../realtime.ts';
import type { Readable } from '../types.ts';

export interface SuspenseOptions {
  /** Shows the fallback of the nearest `Suspense` until there is something to show, or it is known that there is nothing. */
  readonly suspense?: boolean;
}

/** One promise for all that wait for the same: React renders again with each promise it has not seen. */
const waiting = new WeakMap<object, Promise<void>>();
/** On a server nothing is ever loaded: it renders the empty state. */
const isOnServer = !('window' in globalThis);

/** Throws a promise while `value` is not there, as React asks. Nobody has to wait for a user who is signed out. */
export function suspendUntil<Value>(
  chat: Realtime,
  readable: Readable<Value>,
  isThere: (value: Value) => boolean,
): void {
  const isOver = (): boolean => chat.status.value === 'signed-out' || isThere(readable.value);
  if (isOnServer || isOver()) return;
  const known = waiting.get(readable);
  if (known) throw known;
  // Not while it renders: subscribing begins to load, which changes what others show.
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
