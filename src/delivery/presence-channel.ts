/** A user whose presence someone on this node watches. The newest state is the whole truth. */
import type { Clock } from '../clock.ts';
import type { Engine, Listening } from '../engine/port.ts';
import { isOutage } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PresenceRecord, TenantId, UserId } from '../model.ts';
import type { Admission, Listener } from './joint-stream.ts';
import { Latest } from './latest.ts';

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
  readonly #presence = new Latest<PresenceRecord>();
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
          const before = this.#presence.current;
          if (announcement.type === 'presence' && this.#presence.take(announcement.presence)) this.#tell(before);
        },
        onInterrupted: () => {
          this.#presence.doubt();
          void this.#read();
        },
      },
    );
    const take = this.#presence.reading();
    const [presence] = await this.#engine.readPresence(this.#tenant, [this.id]);
    if (presence) take(presence);
    return true;
  }

  /** Tells the present state, then each change. */
  async admission(): Promise<Admission<PresenceRecord>> {
    return (listener) => {
      this.#listeners.add(listener);
      if (this.#presence.current) listener.push(this.#presence.current);
    };
  }

  remove(listener: Listener<PresenceRecord>): void {
    this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #tell(before: PresenceRecord | null): void {
    const { current } = this.#presence;
    if (this.#isClosed || !current || (before && visible(before) === visible(current))) return;
    for (const listener of [...this.#listeners]) listener.push(current);
  }

  /** After an interruption, until the engine answers. */
  async #read(): Promise<void> {
    const take = this.#presence.reading();
    try {
      const [presence] = await this.#engine.readPresence(this.#tenant, [this.id]);
      const before = this.#presence.current;
      if (presence && take(presence)) this.#tell(before);
    } catch (error) {
      if (!isOutage(error)) this.#log.error({ tenant: this.#tenant, err: error }, 'presence channel failed');
      if (!this.#isClosed) this.#clock.after(RETRY_MS, () => void this.#read());
    }
  }
}
