/** Injectable time, so that expiry is tested without waiting. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Milliseconds since some moment, for durations and not for dates.
   *
   * Monotonic, while `now` jumps when the machine's clock is set.
   */
  elapsed(): number;
  /**
   * How far this clock is ahead of the system's clock, in milliseconds.
   *
   * An engine with its own clock (Redis `TIME`) adds this offset, so that one injected clock moves every engine. Always 0
   * in production.
   */
  offset(): number;
  /** The number of timers that have neither run nor been cancelled. */
  readonly pending: number;
  /** Runs `task` once `delayMs` from now, after pending input; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `intervalMs`, after pending input; the returned function stops it. Never keeps the process alive. */
  every(intervalMs: number, task: () => void): () => void;
}

let pending = 0;

/** Counts a timer; the returned function uncounts it, once. */
function count(): () => void {
  pending += 1;
  let isCounted = true;
  return () => {
    if (isCounted) pending -= 1;
    isCounted = false;
  };
}

/**
 * Runs `task` after pending input was read; the returned function cancels it.
 *
 * After a stall of the process Node runs timers before it reads input, so a deadline would find a peer silent although
 * its answer waits to be read.
 */
export function behindArrivals(task: () => void): () => void {
  const turn = setImmediate(task);
  return () => clearImmediate(turn);
}

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Work at the end of the current turn of the event loop: once, however often it is planned. */
export class OncePerTurn {
  readonly #run: () => void;
  #isPlanned = false;

  constructor(work: () => void) {
    this.#run = () => {
      this.#isPlanned = false;
      work();
    };
  }

  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(this.#run);
  }
}

/** Steps in which a deadline counts real time. */
const STEPS = 4;

/**
 * Runs `late` after `ms` of real time; the returned function cancels it. For durations of a server or of another process,
 * which an injected clock does not move.
 *
 * It counts in steps, and a stall of this process counts as one step at most, since the peer is not late because of our
 * stall.
 */
export function deadline(ms: number, late: () => void): () => void {
  let left = STEPS;
  let stopWaiting = (): void => undefined;
  const step = (): void => {
    const timer = setTimeout(() => {
      stopWaiting = behindArrivals(() => {
        left -= 1;
        if (left === 0) late();
        else step();
      });
    }, ms / STEPS);
    stopWaiting = () => clearTimeout(timer);
  };
  step();
  return () => stopWaiting();
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  offset: () => 0,
  // Node does not list timers that keep no process alive.
  get pending() {
    return pending;
  },
  after(delayMs, task) {
    const forget = count();
    let stopWaiting = (): void => clearTimeout(timer);
    const timer = setTimeout(() => {
      stopWaiting = behindArrivals(() => {
        forget();
        task();
      });
    }, delayMs);
    timer.unref();
    return () => {
      forget();
      stopWaiting();
    };
  },
  every(intervalMs, task) {
    const forget = count();
    let stopWaiting = (): void => undefined;
    const timer = setInterval(() => {
      stopWaiting = behindArrivals(task);
    }, intervalMs);
    timer.unref();
    return () => {
      forget();
      clearInterval(timer);
      stopWaiting();
    };
  },
};

/** A clock that can be ended: afterwards none of its timers runs, and none starts. */
export interface EndingClock extends Clock {
  end(): void;
}

export function createEndingClock(clock: Clock): EndingClock {
  const cancels = new Set<() => void>();
  let isOver = false;
  const started = (cancel: () => void): (() => void) => {
    const forget = (): void => {
      cancels.delete(forget);
      cancel();
    };
    cancels.add(forget);
    return forget;
  };
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    offset: () => clock.offset(),
    get pending() {
      return clock.pending;
    },
    after(delayMs, task) {
      if (isOver) return () => undefined;
      const forget = started(
        clock.after(delayMs, () => {
          cancels.delete(forget);
          task();
        }),
      );
      return forget;
    },
    every: (intervalMs, task) => (isOver ? () => undefined : started(clock.every(intervalMs, task))),
    end() {
      isOver = true;
      for (const cancel of [...cancels]) cancel();
    },
  };
}
