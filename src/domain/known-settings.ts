/**
 * What the admins of the tenants seen last have settled: their routing rules, or their topic policies.
 *
 * It is read once per tenant, and again when it is announced to have changed or an announcement may have been missed.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Engine, Listening, SettingKind } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { TenantId } from '../model.ts';

export interface KnownSettings<Settled> {
  /** At once, when it is known. @throws {ServiceError} SERVICE_UNAVAILABLE: it is not known, and cannot be read. */
  of(tenant: TenantId): Settled | Promise<Settled>;
  /** Null: it is not known now. */
  atOnce(tenant: TenantId): Settled | null;
  /** Reads it again, if it is known. */
  refresh(tenant: TenantId): Promise<void>;
  /** Keeps it known, and calls back whenever it may have changed, until the answer is called. */
  watch(tenant: TenantId, onChange: () => void): () => void;
}

export interface SettingsOptions<Settled> {
  readonly kind: SettingKind;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  read(tenant: TenantId): Promise<Settled>;
  /** Where announcements may have been missed, what was known before holds until it is read again; or nothing does, and who asks waits. */
  readonly inDoubt: 'as-before' | 'wait';
}

interface Known<Settled> {
  settled: Settled | null;
  reading: Promise<Settled> | null;
  listening: Promise<Listening> | null;
  /** Readings begun, and which of them is known: one that was overtaken is not taken. */
  begun: number;
  taken: number;
  readonly watchers: Set<() => void>;
}

export function createKnownSettings<Settled extends object>(options: SettingsOptions<Settled>): KnownSettings<Settled> {
  const { kind, engine, clock, log, inDoubt } = options;
  const forget = ({ listening, watchers }: Known<Settled>): void => {
    if (watchers.size === 0) void listening?.then((each) => each.close()).catch(() => undefined);
  };
  const seen = new LRUCache<TenantId, Known<Settled>>({ max: LIMITS.settledTenants, dispose: forget });
  /** Those with watchers are not forgotten. */
  const watched = new Map<TenantId, Known<Settled>>();

  const find = (tenant: TenantId): Known<Settled> | undefined => watched.get(tenant) ?? seen.get(tenant);

  function enter(tenant: TenantId): Known<Settled> {
    const found = find(tenant);
    if (found) return found;
    const known: Known<Settled> = {
      settled: null,
      reading: null,
      listening: null,
      begun: 0,
      taken: 0,
      watchers: new Set(),
    };
    seen.set(tenant, known);
    return known;
  }

  function listen(tenant: TenantId, known: Known<Settled>): Promise<Listening> {
    const listening = engine.listen(
      { kind, tenant, id: tenant },
      {
        onAnnouncement: () => void again(tenant),
        onInterrupted() {
          if (inDoubt === 'wait') doubt(known);
          void again(tenant);
        },
      },
    );
    listening.catch(() => {
      known.listening = null;
    });
    return listening;
  }

  /** Nothing that was asked for before is taken. */
  function doubt(known: Known<Settled>): void {
    known.settled = null;
    known.taken = known.begun + 1;
  }

  async function read(tenant: TenantId, known: Known<Settled>): Promise<Settled> {
    known.listening ??= listen(tenant, known);
    await known.listening;
    known.begun += 1;
    const mine = known.begun;
    const settled = await options.read(tenant);
    if (mine < known.taken) return known.settled ?? read(tenant, known);
    known.taken = mine;
    known.settled = settled;
    for (const tell of [...known.watchers]) tell();
    return settled;
  }

  function readOnce(tenant: TenantId, known: Known<Settled>): Promise<Settled> {
    known.reading ??= read(tenant, known).finally(() => {
      known.reading = null;
    });
    return known.reading;
  }

  async function again(tenant: TenantId): Promise<void> {
    const known = watched.get(tenant) ?? seen.peek(tenant);
    if (!known) return;
    try {
      await read(tenant, known);
    } catch (error) {
      log.warn({ tenant, kind, err: error }, 'settings not read');
      clock.after(TIMES.nodeRenewMs, () => void again(tenant));
    }
  }

  function unwatch(tenant: TenantId, known: Known<Settled>, watcher: () => void): void {
    if (!known.watchers.delete(watcher) || known.watchers.size > 0) return;
    watched.delete(tenant);
    seen.set(tenant, known);
  }

  return {
    of(tenant) {
      const known = enter(tenant);
      return known.settled ?? readOnce(tenant, known);
    },

    atOnce: (tenant) => find(tenant)?.settled ?? null,

    async refresh(tenant) {
      const known = watched.get(tenant) ?? seen.peek(tenant);
      if (known) await read(tenant, known);
    },

    watch(tenant, onChange) {
      const known = enter(tenant);
      const watcher = (): void => onChange();
      known.watchers.add(watcher);
      if (!watched.has(tenant)) {
        watched.set(tenant, known);
        seen.delete(tenant);
      }
      if (known.settled === null) void again(tenant);
      return () => unwatch(tenant, known, watcher);
    },
  };
}
