/** Processor time and memory of a process on Linux: /proc/<pid>/stat. */
import { readFileSync } from 'node:fs';
import type { Usage } from './protocol.ts';

/** Processor time is counted in hundredths of a second. */
const TICK_MICROS = 10_000;
const PAGE_BYTES = 4_096;
/** Fields after the name. */
const PARENT = 1;
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const RESIDENT_PAGES = 21;

/** The name is in parentheses and may contain spaces. */
function fieldsOf(pid: number): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

export const parentOf = (pid: number): number => fieldsOf(pid)[PARENT] ?? 0;

export function usageOf(pid: number): Usage {
  const fields = fieldsOf(pid);
  return {
    user: (fields[USER_TIME] ?? 0) * TICK_MICROS,
    system: (fields[SYSTEM_TIME] ?? 0) * TICK_MICROS,
    rss: (fields[RESIDENT_PAGES] ?? 0) * PAGE_BYTES,
  };
}
