/** Time, injectable, so that expiry is tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Milliseconds since some moment: durations are measured with it, dates are not.
   *
   * It never jumps; `now` does when somebody sets the machine's clock.
   */
  elapsed(): number;
  /**
   * How far this clock is ahead of the system's, in milliseconds.
   *
   * An engine with a clock of its own (Redis `TIME`) adds it, so that one
   * injected clock moves every engine. Always 0 in production.
   */
  offset(): number;
  /** Timers that have neither run nor been cancelled. */
  readonly pending: number;
  /** Runs `task` once `delayMs` from now, behind what has arrived by then; the answer cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `intervalMs`, behind what has arrived by then; the answer stops it. Never keeps the process alive. */
  every(intervalMs: number, task: () => void): () => void;
}

let pending = 0;

/** Counts a timer; what it answers counts it no longer, once. */
function count(): () => void {
  pending += 1;
  let isCounted = true;
  return () => {
    if (isCounted) pending -= 1;
    isCounted = false;
  };
}

/**
 * Runs `task` once what has arrived by now was read; the answer cancels it.
 *
 * Behind a stall of the process its timers come first. A deadline would find a peer silent whose word waits to be read.
 */
export function behindArrivals(task: () => void): () => void {
  const turn = setImmediate(task);
  return () => clearImmediate(turn);
}

/** Resolves in another turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What a deadline by real time is counted in. */
const STEPS = 4;

/**
 * Runs `late` after so long by real time; the answer cancels it. For what an injected clock does not move: how long a
 * server takes, or another process.
 *
 * It is counted in steps, of which a stall of this process is one at most: who answered meanwhile, or was not asked before
 * it, did not take long.
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

/** The clock of somebody who ends: no timer of it runs afterwards, and none is started. */
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
