/**
 * The processor time that the machine has to spare during a trial: a bound missed on a starved machine is checked
 * again.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface MachineReport {
  /** The longest delay of the trial's own event loop. */
  readonly loopDelayMs: number;
  /** How much of the time something waited for a processor; null: the system does not say. */
  readonly cpuPressurePercent: number | null;
}

function waitedMs(): number | null {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1]) / 1_000;
  } catch {
    return null;
  }
}

/** Watches from now on; the answer ends that. */
export function watchMachine(): () => MachineReport {
  const delay = monitorEventLoopDelay();
  delay.enable();
  const [since, before] = [performance.now(), waitedMs()];
  return () => {
    delay.disable();
    const after = waitedMs();
    const share = before === null || after === null ? null : (after - before) / (performance.now() - since);
    return { loopDelayMs: Math.round(delay.max / 1e6), cpuPressurePercent: share && Math.round(share * 100) };
  };
}
