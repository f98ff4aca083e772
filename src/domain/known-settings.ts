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
import { type Known, SettledTenants } from './settled-tenants.ts';

export interface KnownSettings<Settled> {
  /** Synchronous when cached. @throws {ServiceError} SERVICE_UNAVAILABLE: not cached, and the read failed. */
  of(tenant: TenantId): Settled | Promise<Settled>;
  /** The cached settings; null: not cached. */
  atOnce(tenant: TenantId): Settled | null;
  /** Reads the settings again, if they are cached. */
  refresh(tenant: TenantId): Promise<void>;
  /**
   * Keeps the settings cached, and calls back when they may have changed or are in doubt. The returned function stops
   * that.
   */
  watch(tenant: TenantId, onChange: () => void): () => void;
}

export interface SettingsOptions<Settled> {
  readonly kind: SettingKind;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  read(tenant: TenantId): Promise<Settled>;
  /**
   * When announcements may have been missed: whether the cached settings apply until the next read, or callers wait for
   * it.
   */
  readonly inDoubt: 'as-before' | 'wait';
}

export function createKnownSettings<Settled extends object>(options: SettingsOptions<Settled>): KnownSettings<Settled> {
  const { kind, engine, clock, log, inDoubt } = options;
  const tenants = new SettledTenants<Settled>();

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

  /** Discards the answers of reads that are running. */
  function doubt(known: Known<Settled>): void {
    known.settled = null;
    known.taken = known.begun + 1;
    for (const tell of [...known.watchers]) tell();
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
      return known.settled ?? readOnce(tenant, known);
    },

    atOnce: (tenant) => tenants.find(tenant)?.settled ?? null,

    async refresh(tenant) {
      const known = tenants.peek(tenant);
      if (known) await read(tenant, known);
    },

    watch(tenant, onChange) {
      const end = tenants.watch(tenant, onChange);
      if ((tenants.find(tenant)?.settled ?? null) === null) void again(tenant);
      return end;
    },
  };
}
