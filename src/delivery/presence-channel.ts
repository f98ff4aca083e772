/** A user whose presence someone on this node watches. The newest state is the whole truth. */
import type { Clock } from '../clock.ts';
import type { Engine, Listening } from '../engine/port.ts';
import type { Log } from '../log.ts';
import type { PresenceRecord, TenantId, UserId } from '../model.ts';
import type { Listener } from './joint-stream.ts';

const RETRY_MS = 250;

/** What a watcher sees; a second connection of the same device changes nothing of it, nor does a reconnect. */
function visible({ status, statusText, devices }: PresenceRecord): string {
  const shown = devices.map(({ deviceId, connectionType }) => `${connectionType} ${deviceId}`);
  return JSON.stringify([status, statusText, shown.sort()]);
}

export class PresenceChannel {
  readonly id: UserId;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tenant: TenantId;
  readonly #listeners = new Set<Listener<PresenceRecord>>();
  #listening: Listening | null = null;
  #current: PresenceRecord | null = null;
  #isClosed = false;

  constructor(engine: Engine, clock: Clock, log: Log, tenant: TenantId, id: UserId) {
    this.id = id;
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#tenant = tenant;
  }

  async open(): Promise<boolean> {
    this.#listening = await this.#engine.listen(
      { kind: 'presence', tenant: this.#tenant, id: this.id },
      {
        onAnnouncement: (announcement) => {
          if (announcement.type === 'presence') this.#receive(announcement.presence);
        },
        onInterrupted: () => void this.#read(),
      },
    );
    const [presence] = await this.#engine.readPresence(this.#tenant, [this.id]);
    if (presence) this.#receive(presence);
    return true;
  }

  /** Tells the present state, then each change. */
  add(listener: Listener<PresenceRecord>): void {
    this.#listeners.add(listener);
    if (this.#current) listener.push(this.#current);
  }

  remove(listener: Listener<PresenceRecord>): void {
    this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #receive(presence: PresenceRecord): void {
    const before = this.#current;
    if (this.#isClosed || (before && presence.version <= before.version)) return;
    this.#current = presence;
    if (before && visible(before) === visible(presence)) return;
    for (const listener of [...this.#listeners]) listener.push(presence);
  }

  /** After an interruption: what the engine says now replaces what was known, whatever its version. */
  async #read(): Promise<void> {
    try {
      const [presence] = await this.#engine.readPresence(this.#tenant, [this.id]);
      if (!presence || this.#isClosed) return;
      const before = this.#current;
      if (before && presence.version < before.version) this.#current = { ...before, version: presence.version - 1 };
      this.#receive(presence);
    } catch {
      if (!this.#isClosed) this.#clock.after(RETRY_MS, () => void this.#read());
    }
  }
}
