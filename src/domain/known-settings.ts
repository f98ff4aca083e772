/**
 * The settings of the most recent tenants: their routing rules, or their topic policies.
 *
 * They are read once per tenant, and again when a change is announced or an announcement may have been missed.
 */

import type { Clock } from '../clock.ts';
import type { Engine, Listening, SettingKind } from '../engine/port.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { TenantId } from '../model.ts';
import { type Known, KnownTenants } from './known-tenants.ts';

export interface KnownSettings<Settings> {
  /** Synchronous when cached. @throws {ServiceError} SERVICE_UNAVAILABLE: not cached, and the read failed. */
  of(tenant: TenantId): Settings | Promise<Settings>;
  /** The cached settings; null: not cached. */
  atOnce(tenant: TenantId): Settings | null;
  /** Reads the settings again, if they are cached. */
  refresh(tenant: TenantId): Promise<void>;
  /**
   * Keeps the settings cached, and calls back when they may have changed or are in doubt. The returned function stops
   * that.
   */
  watch(tenant: TenantId, onChange: () => void): () => void;
}

export interface SettingsOptions<Settings> {
  readonly kind: SettingKind;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  read(tenant: TenantId): Promise<Settings>;
  /**
   * The behaviour when announcements may have been missed: the cached settings apply until the next read, or callers
   * wait for this read.
   */
  readonly inDoubt: 'as-before' | 'wait';
}

export function createKnownSettings<Settings extends object>(
  options: SettingsOptions<Settings>,
): KnownSettings<Settings> {
  const { kind, engine, clock, log, inDoubt } = options;
  const tenants = new KnownTenants<Settings>();

  function listen(tenant: TenantId, known: Known<Settings>): Promise<Listening> {
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

  /** Discards the answers of reads that are running. */
  function doubt(known: Known<Settings>): void {
    known.settings = null;
    known.taken = known.begun + 1;
    for (const tell of [...known.watchers]) tell();
  }

  async function read(tenant: TenantId, known: Known<Settings>): Promise<Settings> {
    known.listening ??= listen(tenant, known);
    await known.listening;
    known.begun += 1;
    const mine = known.begun;
    const settings = await options.read(tenant);
    if (mine < known.taken) return known.settings ?? read(tenant, known);
    known.taken = mine;
    known.settings = settings;
    for (const tell of [...known.watchers]) tell();
    return settings;
  }

  function readOnce(tenant: TenantId, known: Known<Settings>): Promise<Settings> {
    known.reading ??= read(tenant, known).finally(() => {
      known.reading = null;
    });
    return known.reading;
  }

  async function again(tenant: TenantId): Promise<void> {
    const known = tenants.peek(tenant);
    if (!known) return;
    try {
      await read(tenant, known);
    } catch (error) {
      log.warn({ tenant, kind, err: error }, 'settings not read');
      clock.after(TIMES.nodeRenewMs, () => void again(tenant));
    }
  }

  return {
    of(tenant) {
      const known = tenants.enter(tenant);
      return known.settings ?? readOnce(tenant, known);
    },

    atOnce: (tenant) => tenants.find(tenant)?.settings ?? null,

    async refresh(tenant) {
      const known = tenants.peek(tenant);
      if (known) await read(tenant, known);
    },

    watch(tenant, onChange) {
      const end = tenants.watch(tenant, onChange);
      if ((tenants.find(tenant)?.settings ?? null) === null) void again(tenant);
      return end;
    },
  };
}
