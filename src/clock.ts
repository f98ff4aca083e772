/** Time, injectable, so that expiry is tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * How far this clock is ahead of the system's, in milliseconds.
   *
   * An engine with a clock of its own (Redis `TIME`) adds it, so that one
   * injected clock moves every engine. Always 0 in production.
   */
  offset(): number;
  /** Runs `task` once `delayMs` from now; the answer cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `intervalMs`; the answer stops it. Never keeps the process alive. */
  every(intervalMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  offset: () => 0,
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, task) {
    const timer = setInterval(task, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};
