/** A listener of a channel that keeps what it is told, and a log that keeps how often it was written to. */

import { resumeNow } from '../../src/delivery/back-pressure.ts';
import type { Listener } from '../../src/delivery/joint-stream.ts';
import { type ServiceError, unavailable } from '../../src/errors.ts';
import { silentLog } from '../support/world.ts';

export const AWAY = unavailable(new Error('told to fail'));

export function listening<Event>() {
  const heard: Event[] = [];
  const ended: (ServiceError | null)[] = [];
  const listener: Listener<Event> = {
    push: (event) => void heard.push(event),
    end: (error) => void ended.push(error),
    isCongested: () => false,
    onRoom: resumeNow,
  };
  return { heard, ended, listener };
}

export function logging() {
  const logged: string[] = [];
  const fields: object[] = [];
  const at = (level: string) => (of: object) => {
    logged.push(level);
    fields.push(of);
  };
  const log = { ...silentLog, error: at('error'), warn: at('warn') } as unknown as typeof silentLog;
  return { log, logged, fields };
}
