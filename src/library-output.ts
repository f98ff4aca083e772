/** What libraries print, and warnings of Node, as lines of the log: otherwise they would not be JSON. */
import { format } from 'node:util';
import type { Log } from './log.ts';

const LEVELS = { error: 'error', warn: 'warn', log: 'info', info: 'info', debug: 'debug', trace: 'debug' } as const;

export function logLibraryOutput(log: Log): void {
  for (const method of Object.keys(LEVELS) as (keyof typeof LEVELS)[]) {
    console[method] = (...words: unknown[]): void => log[LEVELS[method]](format(...words));
  }
  // With `--no-warnings` Node has no listener that prints them.
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, warning.message));
}
