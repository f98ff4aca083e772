/**
 * The recent changes of this node, which a failover may have undone: conversations, with the users whose membership
 * changed.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { ConversationId, TenantId, UserId } from '../../model.ts';
import { Undivided } from './undivided.ts';

export interface RecentChange {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  readonly users: Iterable<UserId>;
  /** The highest version noted for its members. */
  readonly version: number;
}

interface Remembered {
  readonly tenant: TenantId;
  readonly id: ConversationId;
  /** When each user was noted, oldest first. */
  readonly users: Map<UserId, number>;
  version: number;
  /** By the clock's `elapsed`. */
  at: number;
}

export class RecentChanges {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #changes = new Map<string, Remembered>();
  /** The number of users in all changes. */
  #users = 0;
  readonly #undivided: Undivided;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#undivided = new Undivided(clock, TIMES.changeMs);
  }

  /** No server has lost anything: all data agree up to now. */
  areTogether(): void {
    this.#undivided.isNow();
  }

  remember(tenant: TenantId, id: ConversationId): void {
    this.#take(tenant, id);
    this.#forget();
  }

  /** Notes in the form of `Memberships`: user, note, user, note, … */
  rememberNotes(tenant: TenantId, id: ConversationId, notes: readonly string[]): void {
    if (notes.length === 0) return;
    const change = this.#take(tenant, id);
    const before = change.users.size;
    for (let index = 0; index < notes.length; index += 2) {
      const user = (notes[index] ?? '') as UserId;
      change.users.delete(user);
      change.users.set(user, change.at);
      change.version = Math.max(change.version, Number.parseInt(notes[index + 1] ?? '0', 10));
    }
    this.#users += change.users.size - before;
    this.#forget();
  }

  /** Changes since the last minute in which nothing was lost. */
  all(): readonly RecentChange[] {
    this.#forget();
    return [...this.#changes.values()].map((change) => ({ ...change, users: [...change.users.keys()] }));
  }

  #take(tenant: TenantId, id: ConversationId): Remembered {
    const key = JSON.stringify([tenant, id]);
    const change = this.#changes.get(key) ?? { tenant, id, users: new Map(), version: 0, at: 0 };
    change.at = this.#clock.elapsed();
    this.#forgetUsers(change.users);
    this.#changes.delete(key);
    this.#changes.set(key, change);
    return change;
  }

  /** Drops users who joined or left long ago, so that a long-lived conversation takes no memory for them. */
  #forgetUsers(users: Map<UserId, number>): void {
    const { before } = this.#undivided;
    for (const [user, at] of users) {
      if (at > before) return;
      users.delete(user);
      this.#users -= 1;
    }
  }

  #forget(): void {
    const { before } = this.#undivided;
    for (const [key, { at, users }] of this.#changes) {
      if (at > before && this.#changes.size + this.#users <= LIMITS.rememberedChanges) return;
      this.#changes.delete(key);
      this.#users -= users.size;
    }
  }
}
