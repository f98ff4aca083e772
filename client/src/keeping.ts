/** The stored state of a user: the shown data and its position, as one value, so that both agree. */
import { outboxOf } from './outbox.ts';
import type { Positions } from './positions.ts';
import type { KeptStore, Store } from './store/store.ts';
import type { Storage } from './types.ts';

interface Kept {
  readonly version: 1;
  readonly position: string;
  readonly store: KeptStore;
}

const keyOf = (userId: string): string => `inbox/${userId}`;

/** Restores the stored state, from which the client resumes. Without a stored state it begins anew. */
export async function restore(storage: Storage, userId: string, store: Store, positions: Positions): Promise<void> {
  const kept = (await storage.get(keyOf(userId)).catch(() => undefined)) as Kept | undefined;
  // Signed out meanwhile, or nothing of this version is there.
  if (kept?.version !== 1 || store.viewerId !== userId) return;
  store.restore(kept.store);
  positions.restart(kept.position);
}

/** The store contains all events up to the position. Later events in it may arrive again. */
export async function keep(storage: Storage, position: string, store: Store): Promise<void> {
  const kept: Kept = { version: 1, position, store: store.keep() };
  if (store.viewerId !== null) await storage.set(keyOf(store.viewerId), kept).catch(() => undefined);
}

/** Deletes what is stored of a user, unsent messages included; unknown: of all users. Rejects if anything stays. */
export async function forget(
  storage: Storage,
  user: string | Promise<string | null | undefined> | undefined,
): Promise<void> {
  const userId = await user;
  if (userId) await storage.delete(keyOf(userId));
  for (const prefix of userId ? [outboxOf(userId)] : ['inbox/', 'outbox/'])
    for (const [key] of await storage.list(prefix)) await storage.delete(key);
}
