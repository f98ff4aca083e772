/** The log of a service, line by line. */
import { createLog, type Log } from '../../src/log.ts';
import { eventually } from './eventually.ts';

export interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface CapturedLog {
  readonly log: Log;
  /**
   * Waits until the lines with this message are as many as `expected` and have its fields. Use it for a line of work
   * that goes on by itself: it may follow every other sign of that work.
   */
  logged(msg: string, expected: readonly object[]): Promise<Line[]>;
  /** The lines so far, for work that is over. */
  lines(): Line[];
  /** The lines so far, as they were written. */
  text(): string;
}

export function captureLog(level: string): CapturedLog {
  let text = '';
  const log = createLog(level, {
    write(line) {
      text += line;
    },
  });
  const lines = (): Line[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);
  return {
    log,
    lines,
    text: () => text,
    logged: (msg, expected) =>
      eventually(() => {
        const found = lines().filter((line) => line.msg === msg);
        expect(found).toMatchObject(expected);
        return found;
      }),
  };
}
