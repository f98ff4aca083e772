/** The start waits for Redis as long as needed, and logs the fault meanwhile. */
import type { RedisAddress } from '../../config/redis.ts';
import { TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import { diagnose } from './diagnosis.ts';
import { describe, StartRefused } from './start-fault.ts';

export interface StartOptions {
  readonly address: RedisAddress;
  readonly log: Log;
  /** Ends the wait. */
  readonly abandon?: AbortSignal | undefined;
}

/** Real time, since an injected clock does not move a server. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, TIMES.startRetryMs).unref();
  });

/**
 * Runs `work` until it succeeds. Faults are logged by name, each once.
 *
 * @throws {StartRefused} when waiting does not help.
 */
export async function startUp(work: () => Promise<void>, { address, log, abandon }: StartOptions): Promise<void> {
  const logged = new Set<string>();
  let isOver = false;
  /** An error that does not say what is wrong: logged if the diagnosis finds nothing. */
  let unexplained: string | null = null;

  function logOnce(fault: string): void {
    if (isOver || logged.has(fault)) return;
    logged.add(fault);
    log.error(`${fault} The service waits.`);
  }

  async function look(): Promise<void> {
    for (await pause(); !isOver; await pause()) {
      const fault = (await diagnose(address)) ?? unexplained;
      log.debug({ fault }, 'looked at redis');
      if (fault !== null) logOnce(fault);
    }
  }

  async function tryOn(): Promise<void> {
    while (!isOver) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof StartRefused) throw error;
        const { message } = error as Error;
        const fault = describe(error as Error, { at: 'the server', login: 'REDIS_URL' });
        if (fault !== null) logOnce(fault);
        unexplained = fault === null ? `REDIS_URL: ${message}.` : null;
        await pause();
      }
    }
  }

  const abandoned = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new Error('The start was given up.'));
    if (abandon?.aborted) giveUp();
    abandon?.addEventListener('abort', giveUp, { once: true });
  });
  void look();
  try {
    await Promise.race([tryOn(), abandoned]);
  } finally {
    isOver = true;
  }
}
