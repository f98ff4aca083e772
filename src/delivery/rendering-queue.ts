/**
 * Schedules the renderings that read from the engine, and others once they have used up a turn
 * of the event loop, fairly among users.
 *
 * A few renderings run at once. The others wait in one queue per user, and the queues take turns: the streams of one
 * user wait for each other, and an event of another user waits for a few renderings at most. Other work of the event
 * loop runs between renderings.
 */
import { OncePerTurn } from '../clock.ts';
import { LIMITS } from '../limits.ts';
import { hasTurnEnded } from './back-pressure.ts';

/** The stream whose rendering waits. */
export interface RenderingOwner {
  /** Names the user whose queue it waits in. */
  readonly lane: string;
  /** Work for a closed stream is dropped when its turn comes. */
  readonly isOpen: boolean;
}

interface Entry {
  readonly owner: RenderingOwner;
  begin(): void;
}

export class RenderingQueue {
  /** Queues by user, in the order of their turns. A queue that was served goes to the end. */
  readonly #lanes = new Map<string, Entry[]>();
  #running = 0;
  readonly #turn = new OncePerTurn(() => {
    this.#serve();
    this.#plan();
  });

  /** Whether a rendering may begin without waiting. */
  get isFree(): boolean {
    return this.#lanes.size === 0 && this.#running < LIMITS.renderingsAtOnce && !hasTurnEnded();
  }

  /** Counts a rendering that began, until it is over. */
  track<Outcome>(rendering: Promise<Outcome>): Promise<Outcome> {
    this.#running += 1;
    const release = (): void => {
      this.#running -= 1;
      this.#plan();
    };
    rendering.then(release, release);
    return rendering;
  }

  /** Does the work in its turn; never settles when its stream has closed. Only `track` counts the work as running. */
  inTurn<Outcome>(owner: RenderingOwner, work: () => Outcome | Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      const { lane } = owner;
      const entries = this.#lanes.get(lane);
      if (entries) entries.push({ owner, begin });
      else this.#lanes.set(lane, [{ owner, begin }]);
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#lanes.size > 0 && this.#running < LIMITS.renderingsAtOnce) this.#turn.plan();
  }

  /** Begins at least one, even when other work has used up this turn of the event loop. */
  #serve(): void {
    do {
      const next = this.#next();
      if (!next) return;
      next.begin();
    } while (this.#running < LIMITS.renderingsAtOnce && !hasTurnEnded());
  }

  #next(): Entry | null {
    for (const [lane, entries] of this.#lanes) {
      this.#lanes.delete(lane);
      const next = firstOpen(entries);
      if (!next) continue;
      if (entries.length > 0) this.#lanes.set(lane, entries);
      return next;
    }
    return null;
  }
}

function firstOpen(entries: Entry[]): Entry | null {
  for (;;) {
    const next = entries.shift();
    if (!next || next.owner.isOpen) return next ?? null;
  }
}
