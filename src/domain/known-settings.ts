/**
 * What the admins of the tenants seen last have settled: their routing rules, or their topic policies.
 *
 * It is read once per tenant, and again when it is announced to have changed or an announcement may have been missed.
 */

import type { Clock } from '../clock.ts';
import type { Engine, Listening, SettingKind } from '../engine/port.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { TenantId } from '../model.ts';
import { type Known, SettledTenants } from './settled-tenants.ts';

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
