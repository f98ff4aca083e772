/** An engine whose bus can be cut and whose answers can fail one by one, at the exact moment that a test chooses. */
import type { Announcement, BusListener, Engine } from '../../src/engine/port.ts';
import { unavailable } from '../../src/errors.ts';

export interface UnsteadyEngine {
  readonly engine: Engine;
  /** Announcements are lost from now on; who begins to listen waits for the bus. */
  cut(): void;
  /** The bus is back: those who wait listen, and all are told that something may be missing. */
  heal(): void;
  /** So many operations fail from now on, or behind so many that do not. */
  fail(count: number, behind?: number): void;
}

export function unsteady(steady: Engine): UnsteadyEngine {
  const listeners = new Set<BusListener>();
  let isCut = false;
  /** Up to when everything was heard before the bus was cut; null: it is not, and whoever listens knows that it was. */
  let cutAt: number | null = null;
  let heardAt = (): number => Number.NEGATIVE_INFINITY;
  let failures = 0;
  let spared = 0;
  let healed = Promise.withResolvers<void>();

  const listen: Engine['listen'] = async (channel, listener) => {
    if (isCut) {
      await healed.promise;
      // It has its acknowledgement first, and is told with the others then (G05).
      setImmediate(() => listener.onInterrupted());
    }
    const told: BusListener = {
      onAnnouncement: (announcement: Announcement) => isCut || listener.onAnnouncement(announcement),
      onInterrupted: () => listener.onInterrupted(),
    };
    const listening = await steady.listen(channel, told);
    listeners.add(listener);
    heardAt = () => listening.heardAt;
    return {
      get heardAt() {
        return cutAt ?? listening.heardAt;
      },
      close: () => {
        listeners.delete(listener);
        return listening.close();
      },
    };
  };

  const engine = new Proxy(steady, {
    get(target, name) {
      const operation = Reflect.get(target, name) as unknown;
      if (typeof operation !== 'function') return operation;
      return async (...args: unknown[]) => {
        if (spared > 0) spared -= 1;
        else if (failures > 0) {
          failures -= 1;
          throw unavailable(new Error('told to fail'));
        }
        return name === 'listen' ? listen(...(args as Parameters<Engine['listen']>)) : operation.apply(target, args);
      };
    },
  });

  return {
    engine,
    cut() {
      cutAt ??= heardAt();
      isCut = true;
    },
    heal() {
      if (!isCut) return;
      isCut = false;
      healed.resolve();
      healed = Promise.withResolvers();
      for (const listener of [...listeners]) listener.onInterrupted();
      cutAt = null;
    },
    fail(count, behind = 0) {
      failures = count;
      spared = behind;
    },
  };
}
