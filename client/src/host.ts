/** The optional APIs of the host (a browser, React Native or Node) that the client uses. */

interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}
interface Locks {
  request<Value>(name: string, run: () => Promise<Value>): Promise<Value>;
}
interface Host extends Target {
  readonly navigator?: { readonly onLine?: boolean; readonly locks?: Locks };
  readonly document?: Target & { readonly visibilityState?: string };
  readonly crypto?: { randomUUID?(): string };
  readonly location?: { readonly href: string };
  readonly WebSocket?: unknown;
}

export const host = globalThis as unknown as Host;

/** False only if the host says so; many hosts do not know. */
export const isOnline = (): boolean => host.navigator?.onLine !== false;

const on = (target: Target | undefined, type: string, listener: () => void): (() => void) => {
  target?.addEventListener?.(type, listener);
  return () => target?.removeEventListener?.(type, listener);
};

/** Calls back when the network may have changed (true), or when the page becomes visible again (false). */
export function watchHost(listener: (isChanged: boolean) => void): () => void {
  const changed = (): void => listener(true);
  const seen = (): void => {
    if (host.document?.visibilityState === 'visible') listener(false);
  };
  const ends = [
    on(host, 'online', changed),
    on(host, 'offline', changed),
    on(host, 'pageshow', () => listener(false)),
    on(host.document, 'visibilitychange', seen),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** 128 random bits. They must be unique, not secret. */
export const newId = (): string => host.crypto?.randomUUID?.() ?? [1, 2, 3].map(Math.random).join('');

const tails = new Map<string, Promise<unknown>>();

/**
 * Runs a function exclusively among all tabs; without Web Locks, or where a page may not use them, among all clients of
 * this process.
 */
export async function exclusively<Value>(name: string, run: () => Promise<Value>): Promise<Value> {
  let isRunning = false;
  const begin = (): Promise<Value> => {
    isRunning = true;
    return run();
  };
  try {
    const locks = host.navigator?.locks;
    if (locks) return await locks.request(`realtime-${name}`, begin);
  } catch (error) {
    if (isRunning) throw error;
  }
  const mine = (tails.get(name) ?? Promise.resolve()).then(run);
  const settled = mine.catch(() => undefined);
  tails.set(name, settled);
  return mine.finally(() => {
    if (tails.get(name) === settled) tails.delete(name);
  });
}
