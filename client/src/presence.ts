/** Presence. Each user is watched once for all watchers, and users asked for together share one subscription. */
import { PRESENCE } from './documents.ts';
import type { RequestError } from './errors.ts';
import type { Link } from './link.ts';
import { Soon } from './pauses.ts';
import { State } from './readable.ts';
import type { Presence, Readable } from './types.ts';

const USERS_PER_SUBSCRIPTION = 200;
/** A list on screen asks for its users one by one, and a scrolling one releases and asks again. */
const GATHER_MS = 50;
/** The service allows 100 subscriptions per connection; past this number small ones are merged. */
const SUBSCRIPTIONS = 20;
/** Browsers open at most six connections to one server without HTTP/2. */
const SUBSCRIPTIONS_BY_HTTP = 2;
const TRY_AGAIN_MS = 2_000;

interface Group {
  readonly users: Set<string>;
  stop: () => void;
}

export class PresenceWatch {
  readonly #users = new Map<string, State<Presence | null>>();
  readonly #connect: () => void;
  readonly #groups = new Set<Group>();
  #link: Link | null = null;
  readonly #soon = new Soon(() => this.#arrange());

  constructor(connect: () => void) {
    this.#connect = connect;
  }

  /** Null until it is known. */
  of(userId: string): Readable<Presence | null> {
    const known = this.#users.get(userId);
    if (known) return known;
    const plan = (): void => this.#plan(GATHER_MS);
    const state = new State<Presence | null>(
      null,
      () => {
        this.#connect();
        plan();
      },
      plan,
    );
    this.#users.set(userId, state);
    return state;
  }

  /** Null: no connection. The last known presence is shown for now: a connection follows a closed one at once. */
  on(link: Link | null): void {
    this.#link = link;
    this.#groups.clear();
    if (link) this.#plan(0);
    else this.#soon.cancel();
  }

  clear(): void {
    for (const state of this.#users.values()) state.set(null);
  }

  #plan(ms: number): void {
    if (this.#link) this.#soon.plan(ms);
  }

  /** Unsubscribes from users without watchers, and subscribes to those with watchers. */
  #arrange(): void {
    const most = this.#link?.isHttp ? SUBSCRIPTIONS_BY_HTTP : SUBSCRIPTIONS;
    const wanted = new Set([...this.#users].flatMap(([id, { isObserved }]) => (isObserved ? [id] : [])));
    for (const group of this.#groups) {
      const isWanted = [...group.users].some((id) => wanted.has(id));
      if (isWanted && this.#groups.size <= most) continue;
      group.stop();
      this.#groups.delete(group);
    }
    const asked = new Set([...this.#groups].flatMap(({ users }) => [...users]));
    const missing = [...wanted].filter((id) => !asked.has(id));
    for (let at = 0; at < missing.length; at += USERS_PER_SUBSCRIPTION)
      this.#watch(missing.slice(at, at + USERS_PER_SUBSCRIPTION));
  }

  #watch(userIds: readonly string[]): void {
    const link = this.#link;
    if (!link) return;
    const group: Group = { users: new Set(userIds), stop: () => undefined };
    this.#groups.add(group);
    group.stop = link.subscribe<{ presenceUpdated: Presence }>(
      PRESENCE,
      { userIds },
      {
        next: ({ presenceUpdated }) => this.#users.get(presenceUpdated.userId)?.set(presenceUpdated),
        end: (error) => {
          this.#groups.delete(group);
          if (!link.isOver) this.#plan((error as Partial<RequestError>).retryAfterMs ?? TRY_AGAIN_MS);
        },
      },
    );
  }
}
