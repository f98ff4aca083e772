/** Conversations a node changed lately, with the users whose membership it changed: what a failover may have taken back. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';

export interface RecentChange {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly users: ReadonlySet<UserId>;
  /** The highest that was noted of its members. */
  readonly version: number;
}

interface Remembered extends RecentChange {
  readonly users: Set<UserId>;
  version: number;
  /** By the clock's `elapsed`. */
  at: number;
}

export class RecentChanges {
  readonly #clock: Clock;
  /** The one changed longest ago first. */
  readonly #changes = new Map<string, Remembered>();
  /** Of all of them. */
  #users = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  remember(tenant: TenantId, id: ConversationId): void {
    this.#take(tenant, id);
    this.#forget();
  }

  /** Notes as `Memberships` carries them out: user, note, user, note, … */
  rememberNotes(tenant: TenantId, id: ConversationId, notes: readonly string[]): void {
    if (notes.length === 0) return;
    const change = this.#take(tenant, id);
    const before = change.users.size;
    for (let index = 0; index < notes.length; index += 2) {
      change.users.add((notes[index] ?? '') as UserId);
      change.version = Math.max(change.version, Number.parseInt(notes[index + 1] ?? '0', 10));
    }
    this.#users += change.users.size - before;
    this.#forget();
  }

  /** Of the last minute. */
  all(): readonly RecentChange[] {
    this.#forget();
    return [...this.#changes.values()];
  }

  #take(tenant: TenantId, id: ConversationId): Remembered {
    const key = JSON.stringify([tenant, id]);
    const change = this.#changes.get(key) ?? { tenant, id, users: new Set(), version: 0, at: 0 };
    change.at = this.#clock.elapsed();
    this.#changes.delete(key);
    this.#changes.set(key, change);
    return change;
  }

  #forget(): void {
    const before = this.#clock.elapsed() - TIMES.changeMs;
    for (const [key, { at, users }] of this.#changes) {
      if (at > before && this.#changes.size + this.#users <= LIMITS.rememberedChanges) return;
      this.#changes.delete(key);
      this.#users -= users.size;
    }
  }
}
