/** Waits for another process by its CPU time and state, not by the clock: the machine may be busy. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LOOK_MS = 100;
/** CPU time, in hundredths of a second, after which a process without an answer hangs in a loop. */
const BUSY_TICKS = 1_500;
/** Looks in a row at which a process that owes an answer was asleep: then it waits for ever. */
const IDLE_LOOKS = 300;

/** Hundredths of a second of running so far, and whether it has nothing to run; null where the system does not tell. */
function stateOf({ pid }: ChildProcess): { readonly ticks: number; readonly isAsleep: boolean } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return { ticks: Number(fields[11]) + Number(fields[12]), isAsleep: fields[0] === 'S' };
  } catch {
    return null;
  }
}

/** What comes of the work. @throws once the process has run for long without it, or sleeps. */
export async function patiently<Value>(child: ChildProcess, work: Promise<Value>, complaint: string): Promise<Value> {
  const begun = stateOf(child)?.ticks ?? 0;
  let last = begun;
  let idle = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const { ticks, isAsleep } = stateOf(child) ?? { ticks: last, isAsleep: true };
      idle = isAsleep && ticks === last ? idle + 1 : 0;
      last = ticks;
      if (ticks - begun > BUSY_TICKS || idle > IDLE_LOOKS) reject(new Error(complaint));
    }, LOOK_MS);
  });
  return Promise.race([work, late]).finally(() => clearInterval(timer));
}
