/** A user whose sessions someone on this node holds: an end is told to whoever it concerns. */
import type { Clock } from '../clock.ts';
import type { Engine, Listening } from '../engine/port.ts';
import type { Log } from '../log.ts';
import type { SessionId, TenantId, UserId } from '../model.ts';

const RETRY_MS = 250;

export class SessionChannel {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tenant: TenantId;
  readonly #userId: UserId;
  readonly #watchers = new Set<{ readonly id: string; readonly onEnd: () => void }>();
  #listening: Listening | null = null;
  #isClosed = false;

  constructor(engine: Engine, clock: Clock, log: Log, tenant: TenantId, userId: UserId) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#tenant = tenant;
    this.#userId = userId;
  }

  async open(): Promise<boolean> {
    this.#listening = await this.#engine.listen(
      { kind: 'sessions', tenant: this.#tenant, id: this.#userId },
      {
        onAnnouncement: (announcement) => {
          if (announcement.type === 'session' && announcement.isRevoked) this.#end(announcement.id);
        },
        onInterrupted: () => void this.read(),
      },
    );
    return true;
  }

  /** Calls `onEnd` once the session has ended; the answer stops that. */
  watch(id: string, onEnd: () => void): () => void {
    const watcher = { id, onEnd };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Looks for ends that nobody told of. */
  async read(): Promise<void> {
    try {
      const sessions = await this.#engine.readSessions(this.#tenant, this.#userId, null);
      for (const { id, revokedAt } of sessions) if (revokedAt !== null) this.#end(id);
    } catch {
      if (!this.#isClosed) this.#clock.after(RETRY_MS, () => void this.read());
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'channel not closed'));
  }

  #end(id: SessionId): void {
    for (const watcher of [...this.#watchers]) if (watcher.id === id) watcher.onEnd();
  }
}
