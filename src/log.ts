/** Structured logging. Secrets are redacted here and nowhere else. */
import { format, types } from 'node:util';
import { type Logger, pino } from 'pino';
import type { Viewer } from './model.ts';

export type Log = Logger;

const SECRETS = ['token', 'authorization', 'Authorization', 'password', 'secret', 'connectionParams', 'refreshToken'];

/** The parts of an error that may be logged: ioredis puts a command's arguments on its errors. */
function describeError(error: unknown): unknown {
  if (!types.isNativeError(error)) return String(error);
  const { code } = error as { code?: unknown };
  return { name: error.name, message: error.message, ...(code === undefined ? {} : { code }), stack: error.stack };
}

/** The user that a line is about. */
export function who({ tenant, userId, sessionId }: Viewer): object {
  return { tenant, user: userId, ...(sessionId === null ? {} : { session: sessionId }) };
}

/** Characters that a terminal does not show, such as a change of writing direction. A user id may contain them. */
const UNSEEN = /\p{Cf}/gu;

const escaped = (unseen: string): string =>
  Array.from({ length: unseen.length }, (_, at) => `\\u${unseen.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  );

/** Lines go to stdout through Node's own stream, since pino's would wait for ever for a pipe without a reader. */
export function createLog(
  level: string,
  destination: { write(line: string): void } = process.stdout,
  /** The fields of every line. */
  about: object | null = null,
  /** The fields of one line, read when it is written. */
  mixin: () => object = () => ({}),
): Log {
  const options = {
    level,
    base: about,
    mixin,
    serializers: { err: describeError },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  };
  return pino(options, { write: (line) => destination.write(line.replace(UNSEEN, escaped)) });
}

const LEVELS = { error: 'error', warn: 'warn', log: 'info', info: 'info', debug: 'debug', trace: 'debug' } as const;

/** From now on the log contains the output of libraries and the warnings of Node, which would otherwise not be JSON. */
export function logLibraryOutput(log: Log): void {
  for (const method of Object.keys(LEVELS) as (keyof typeof LEVELS)[]) {
    console[method] = (...words: unknown[]): void => log[LEVELS[method]](format(...words));
  }
  // With `--no-warnings` Node has no listener that prints them.
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, warning.message));
}
