/**
 * How what catches up waits: for room at its reader, for the end, and for its turn.
 *
 * This is the one place where such a wait becomes a promise, and each of them
 * passes a turn of the event loop. A reader whose room never comes, or whose
 * end is not noticed, costs its own stream and never the loop (F43).
 */

/** Whoever takes events faster than they are read. */
export interface Room {
  /** Whether a replay should wait; never once it is over. */
  isCongested(): boolean;
  /** Calls back, once, when there may be room or it is over; at once where that is so. The answer forgets it. */
  onRoom(resume: () => void): () => void;
}

/** Those who wait for the same room. */
export class Gate {
  #waiting: Set<() => void> | null = null;

  get isWaitedFor(): boolean {
    return this.#waiting !== null && this.#waiting.size > 0;
  }

  /** Calls back when it opens. Each act is given once. The answer forgets it. */
  add(resume: () => void): () => void {
    this.#waiting ??= new Set();
    this.#waiting.add(resume);
    return () => void this.#waiting?.delete(resume);
  }

  open(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const resume of waiting ?? []) resume();
  }
}

/** For an `onRoom` with nothing to wait for. */
export function resumeNow(resume: () => void): () => void {
  resume();
  return () => undefined;
}

/** How long all that catches up may keep one turn of the event loop for itself. */
const TURN_MS = 10;
/** Null: nobody has begun with this turn. */
let turnEndsAt: number | null = null;

/** Whether this turn has had its time. */
export function hasTurnEnded(): boolean {
  if (turnEndsAt === null) {
    turnEndsAt = performance.now() + TURN_MS;
    setImmediate(() => {
      turnEndsAt = null;
    });
  }
  return performance.now() >= turnEndsAt;
}

/** Resolves in another turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Resolves in another turn when this one has had its time. To be asked by whatever works through a queue. */
export function ownTurn(): Promise<void> | null {
  return hasTurnEnded() ? nextTurn() : null;
}

/** Whether the next event may be passed on now. Where not, `roomOrEnd` says when. */
export function mayPass(room: Room): boolean {
  return !room.isCongested() && !hasTurnEnded();
}

/** Resolves, never in the same turn, once there is room or `isOpen` no longer holds. Answers whether it holds. */
export async function roomOrEnd(room: Room, isOpen: () => boolean): Promise<boolean> {
  do {
    await new Promise<void>((resolve) => room.onRoom(() => void setImmediate(resolve)));
  } while (isOpen() && room.isCongested());
  return isOpen();
}
