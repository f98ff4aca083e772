/**
 * The life of a peer, whatever its transport: open, closing, closed.
 *
 * One owner changes it: the connection, or the stream. Once it is closing, nothing is
 * written for it, nothing waits for its reader and its streams are over; only the
 * goodbye is left. The end has a deadline, whatever the peer does.
 */
import type { Clock } from '../../clock.ts';
import { TIMES } from '../../limits.ts';

type Act = () => void;

const NOTHING: Act = () => undefined;

export class Lifetime {
  readonly #clock: Clock;
  /** Cuts off a peer that does not answer the goodbye; the owner responds with `close`. */
  readonly #cut: Act;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #deadline = Number.POSITIVE_INFINITY;
  #cancel: Act = NOTHING;
  readonly #atEnd = new Set<Act>();
  readonly #atClose = new Set<Act>();

  constructor(clock: Clock, cut: Act) {
    this.#clock = clock;
    this.#cut = cut;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Only the goodbye may follow, within this time. When called again, the shorter time counts. */
  end(withinMs: number = TIMES.terminateMs): void {
    if (this.#state === 'closed') return;
    const deadline = this.#clock.elapsed() + withinMs;
    if (deadline < this.#deadline) {
      this.#deadline = deadline;
      this.#cancel();
      this.#cancel = this.#clock.after(withinMs, this.#cut);
    }
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    runAll(this.#atEnd);
  }

  /** The peer is gone. */
  close(): void {
    if (this.#state === 'closed') return;
    this.end();
    this.#state = 'closed';
    this.#cancel();
    runAll(this.#atClose);
  }

  /** Runs `act` once nothing more may be written; at once if that is so. The returned function forgets it. */
  onEnd(act: Act): Act {
    return this.isOpen ? remember(this.#atEnd, act) : runNow(act);
  }

  /** Runs `act` once the peer is gone; at once if it is. The returned function forgets it. */
  onClose(act: Act): Act {
    return this.isClosed ? runNow(act) : remember(this.#atClose, act);
  }
}

function remember(acts: Set<Act>, act: Act): Act {
  // Wrapped, since the same act may be registered twice.
  const own = (): void => act();
  acts.add(own);
  return () => void acts.delete(own);
}

function runNow(act: Act): Act {
  act();
  return NOTHING;
}

function runAll(acts: Set<Act>): void {
  const all = [...acts];
  acts.clear();
  for (const act of all) act();
}
