/**
 * Users whose tokens may have been revoked without this node's knowledge.
 *
 * After an interruption a revocation may have been missed. Until revocations were read, the user's streams queue their
 * events, so that no event after a revocation reaches a connection of the revoked token (G08).
 */
import { type Few, membersOf, withMember, withoutMember } from '../../few.ts';
import type { Viewer } from '../../model.ts';

/** A user as a key over all tenants. */
export const userKey = ({ tenant, userId }: Pick<Viewer, 'tenant' | 'userId'>): string =>
  JSON.stringify([tenant, userId]);

/** A stream that queues its events while it is paused. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

export class Doubts {
  readonly #streams = new Map<string, Few<Pausable>>();
  readonly #doubted = new Set<string>();

  /** Adds a stream of this user, until it leaves. */
  add(user: string, stream: Pausable): void {
    this.#streams.set(user, withMember(this.#streams.get(user) ?? null, stream));
    if (this.#doubted.has(user)) stream.pause();
  }

  remove(user: string, stream: Pausable): void {
    const others = withoutMember(this.#streams.get(user) ?? null, stream);
    if (others) this.#streams.set(user, others);
    else this.#streams.delete(user);
  }

  /** Sets or clears the doubt. When it is cleared, connections of revoked tokens are closed already. */
  set(user: string, isInDoubt: boolean): void {
    if (isInDoubt) this.#doubted.add(user);
    else if (!this.#doubted.delete(user)) return;
    for (const stream of membersOf(this.#streams.get(user) ?? null)) {
      if (isInDoubt) stream.pause();
      else stream.resume();
    }
  }
}
