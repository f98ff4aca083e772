/** Writes bookmarks of sessions to the engine, and retries until they are stored. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { type Log, who } from '../log.ts';
import type { BookmarkRecord, ConversationId, Position, Viewer } from '../model.ts';

interface Unsaved {
  readonly viewer: Viewer;
  readonly session: string;
  readonly positions: Map<ConversationId, Position>;
  /** Counts additions, so that an addition during a write is written next. */
  additions: number;
}

export class BookmarkSaves {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #unsaved = new Map<string, Unsaved>();

  constructor(engine: Engine, clock: Clock, log: Log) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** The positions of a session that are not stored yet. */
  unsavedOf(viewer: Viewer, session: string): BookmarkRecord['positions'] | undefined {
    return this.#unsaved.get(keyOf(viewer, session))?.positions;
  }

  save(viewer: Viewer, session: string, positions: BookmarkRecord['positions']): void {
    const key = keyOf(viewer, session);
    const known = this.#unsaved.get(key);
    if (known) {
      for (const [id, position] of positions) known.positions.set(id, position);
      known.additions += 1;
      return;
    }
    this.#makeRoom();
    const entry = { viewer, session, positions: new Map(positions), additions: 0 };
    this.#unsaved.set(key, entry);
    void this.#write(key, entry);
  }

  async #write(key: string, entry: Unsaved): Promise<void> {
    const { viewer, session, positions, additions } = entry;
    try {
      await this.#engine.writeBookmark(viewer.tenant, viewer.userId, session, positions);
    } catch (error) {
      this.#log.debug({ err: error, ...who(viewer) }, 'bookmark not saved; tried again');
      this.#clock.after(TIMES.bookmarkRetryMs, () => {
        if (this.#unsaved.get(key) === entry) void this.#write(key, entry);
      });
      return;
    }
    if (this.#unsaved.get(key) !== entry) return;
    if (entry.additions === additions) this.#unsaved.delete(key);
    else void this.#write(key, entry);
  }

  /** Drops the oldest bookmark. Its messages are delivered again, so nothing is lost. */
  #makeRoom(): void {
    if (this.#unsaved.size < LIMITS.unsavedBookmarks) return;
    const [oldest] = this.#unsaved.keys();
    if (oldest !== undefined) this.#unsaved.delete(oldest);
    this.#log.warn('too many unsaved bookmarks; the oldest was dropped');
  }
}

function keyOf({ tenant, userId }: Viewer, session: string): string {
  return JSON.stringify([tenant, userId, session]);
}
