/**
 * How a replay waits: for room at its reader or the end of its stream, and for its turn.
 *
 * Only here does such a wait become a promise, and each promise takes a turn of the event loop. So a reader that never
 * has room, or whose end goes unnoticed, stops its own stream and not the event loop (F43).
 */

import { nextTurn, OncePerTurn } from '../clock.ts';

/** A receiver of events, which may be read more slowly than it receives. */
export interface BackPressure {
  /** Whether a replay should wait. False once the stream is over. */
  isCongested(): boolean;
  /**
   * Calls back once, when there may be room or the stream is over; at once if that is so already. The returned function
   * cancels.
   */
  onRoom(resume: () => void): () => void;
}

/** The waits for the same room. */
export class Gate {
  #waiting: Set<() => void> | null = null;

  get isWaitedFor(): boolean {
    return this.#waiting !== null && this.#waiting.size > 0;
  }

  /** Calls back once, when the gate opens. The returned function cancels. */
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

/** An `onRoom` that never waits. */
export function resumeNow(resume: () => void): () => void {
  resume();
  return () => undefined;
}

/** The time that all replays together may use in one turn of the event loop. Real time, since it limits CPU use. */
const TURN_MS = 10;
/** Null: no replay has used this turn yet. */
let turnEndsAt: number | null = null;
const replaysEnd = new OncePerTurn(() => {
  turnEndsAt = null;
});

/** Whether replays have used up this turn. */
export function hasTurnEnded(): boolean {
  if (turnEndsAt === null) {
    turnEndsAt = performance.now() + TURN_MS;
    replaysEnd.plan();
  }
  return performance.now() >= turnEndsAt;
}

/** What counted work took of this turn; null: there was none. */
let spentMs: number | null = null;

const countedEnd = new OncePerTurn(() => {
  spentMs = null;
});

/** Whether the work that `counted` did has used up this turn. */
export const isTurnSpent = (): boolean => spentMs !== null && spentMs >= TURN_MS;

/** Does work now, and counts the time that it takes of this turn. For renderings that read nothing: one event may have thousands. */
export function counted<Outcome>(work: () => Outcome): Outcome {
  const begin = performance.now();
  if (spentMs === null) {
    spentMs = 0;
    countedEnd.plan();
  }
  try {
    return work();
  } finally {
    spentMs += performance.now() - begin;
  }
}

/** A promise of the next turn when this one is used up, else null. For loops that work through a queue. */
export function ownTurn(): Promise<void> | null {
  return hasTurnEnded() ? nextTurn() : null;
}

/** Whether the next event may be passed on now. If not, wait for `roomOrEnd`. */
export function mayPass(room: BackPressure): boolean {
  return !room.isCongested() && !hasTurnEnded();
}

/** Resolves in a later turn, once there is room or `isOpen` is false, to `isOpen`. */
export async function roomOrEnd(room: BackPressure, isOpen: () => boolean): Promise<boolean> {
  do {
    await new Promise<void>((resolve) => room.onRoom(() => void setImmediate(resolve)));
  } while (isOpen() && room.isCongested());
  return isOpen();
}
