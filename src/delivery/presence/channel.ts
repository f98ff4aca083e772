/** A user whose presence is watched on this node. The newest state is enough. */
import { isHiddenFrom, neverSeen } from '../../access/blocking.ts';
import type { Clock } from '../../clock.ts';
import type { Engine, Listening } from '../../engine/port.ts';
import { isOutage } from '../../errors.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { PresenceRecord, TenantId, UserId } from '../../model.ts';
import type { AddListener, Listener } from '../joint-stream.ts';
import { Latest } from '../latest.ts';

/** The part of a presence that watchers see; a second connection of the same device, or a reconnect, does not change it. */
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
  /** Each listener with the user who listens. */
  readonly #listeners = new Map<Listener<PresenceRecord>, UserId>();
  /** The presence shown to users whom this user blocks: the same object, so that it is rendered once. */
  readonly #absence: PresenceRecord;
  #listening: Listening | null = null;
  readonly #presence = new Latest<PresenceRecord>();
  #isClosed = false;

  constructor(engine: Engine, clock: Clock, log: Log, tenant: TenantId, id: UserId) {
    this.id = id;
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#tenant = tenant;
    this.#absence = neverSeen(id);
  }

  async open(): Promise<boolean> {
    this.#listening = await this.#engine.listen(
      { kind: 'presence', tenant: this.#tenant, id: this.id },
      {
        onAnnouncement: (announcement) => {
          const before = this.#presence.current;
          if (announcement.type === 'presence' && this.#presence.take(announcement.presence)) this.#deliver(before);
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

  /** A new listener gets the current state, then each change. */
  async prepare(userId: UserId): Promise<AddListener<PresenceRecord>> {
    return (listener) => {
      this.#listeners.set(listener, userId);
      const { current } = this.#presence;
      if (current) listener.push(this.#seenBy(userId, current));
    };
  }

  remove(listener: Listener<PresenceRecord>): void {
    this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #deliver(before: PresenceRecord | null): void {
    const { current } = this.#presence;
    if (this.#isClosed || !current) return;
    const isSame = before !== null && visible(before) === visible(current);
    if (isSame && before.blocked.length === 0 && current.blocked.length === 0) return;
    for (const [listener, userId] of [...this.#listeners]) {
      const seen = this.#seenBy(userId, current);
      if (before && visible(this.#seenBy(userId, before)) === visible(seen)) continue;
      listener.push(seen);
    }
  }

  #seenBy(userId: UserId, presence: PresenceRecord): PresenceRecord {
    return isHiddenFrom(userId, presence) ? this.#absence : presence;
  }

  /** After an interruption, until the engine answers. */
  async #read(): Promise<void> {
    const take = this.#presence.reading();
    try {
      const [presence] = await this.#engine.readPresence(this.#tenant, [this.id]);
      const before = this.#presence.current;
      if (presence && take(presence)) this.#deliver(before);
    } catch (error) {
      if (!isOutage(error)) this.#log.error({ tenant: this.#tenant, err: error }, 'presence channel failed');
      if (!this.#isClosed) this.#clock.after(TIMES.retryMs, () => void this.#read());
    }
  }
}
