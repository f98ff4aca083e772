/** The memory of a test process has a cap: two of them, the services they start and Redis fit into a small machine. */

const MIB = 1_024;
export const MAX_PROCESS_MIB = Number(process.env['TEST_PROCESS_MIB'] ?? 600);

const told = Symbol.for('realtime.test.memory');

/** At its largest: the file that took it over the cap is told, those after it in the same process are not. */
export function overMemory(): string[] {
  const mib = Math.round(process.resourceUsage().maxRSS / MIB);
  const known = process as unknown as Record<symbol, boolean | undefined>;
  if (mib <= MAX_PROCESS_MIB || known[told]) return [];
  known[told] = true;
  return [`The test process has grown to ${mib} MiB of at most ${MAX_PROCESS_MIB}.`];
}
