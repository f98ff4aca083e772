/** The cap on the memory of a test process: two of them, the services they start and Redis fit into a small machine. */
import v8 from 'node:v8';
import vm from 'node:vm';

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

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;
/** Of the heap after the last collection. */
let collectedBytes = 0;
/** Below this, the heap has room for the next file beside what the one before it left. */
const MOST_HEAP_BYTES = 60 * MIB * MIB;
/** A file adds up to 150 MiB to what those before it left resident: above this, the next one is given a new process. */
const MOST_RESIDENT_BYTES = 400 * MIB * MIB;

/** Before each file: now nothing keeps the modules of the one before it. After that file, Jest still kept them. */
export function collectBefore(): void {
  if (process.memoryUsage().heapUsed > MOST_HEAP_BYTES) collect();
  collectedBytes = process.memoryUsage().heapUsed;
}

/** After each file. */
export function retireIfLarge(): void {
  if (process.memoryUsage.rss() > MOST_RESIDENT_BYTES) retire();
}

/** Jest replaces a worker by its heap alone, and the cap is on what is resident: from here on Jest is told that. */
function retire(): void {
  const { memoryUsage } = process;
  const { rss } = memoryUsage;
  process.memoryUsage = Object.assign(() => ({ ...memoryUsage(), heapUsed: rss() }), { rss });
}

/** What tests of one file may leave to be collected, of the heap. Some files start a service for each test. */
const MOST_GARBAGE_BYTES = 64 * MIB * MIB;

/** Between the tests of a file: without this V8 lets the heap grow to its limit first. */
export function collectBetweenTests(): void {
  if (process.memoryUsage().heapUsed - collectedBytes < MOST_GARBAGE_BYTES) return;
  collect();
  collectedBytes = process.memoryUsage().heapUsed;
}
