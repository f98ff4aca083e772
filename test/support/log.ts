/** The log of a service, line by line. */
import { createLog, type Log } from '../../src/log.ts';

export function captureLog(level: string): { readonly log: Log; readonly lines: () => string[] } {
  let text = '';
  const log = createLog(level, {
    write(line) {
      text += line;
    },
  });
  return { log, lines: () => text.split('\n').filter(Boolean) };
}
