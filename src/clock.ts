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
  /** Runs `task` once `delayMs` from now; the answer cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `intervalMs`; the answer stops it. Never keeps the process alive. */
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
    const timer = setTimeout(() => {
      forget();
      task();
    }, delayMs);
    timer.unref();
    return () => {
      forget();
      clearTimeout(timer);
    };
  },
  every(intervalMs, task) {
    const forget = count();
    const timer = setInterval(task, intervalMs);
    timer.unref();
    return () => {
      forget();
      clearInterval(timer);
    };
  },
};
