/**
 * How much of a test is run: a short form in the project `quick`, more in `full`,
 * and the whole of it by `npm run test:faults`, which takes its time.
 */
declare const TEST_PROJECT: 'quick' | 'full';

export const IS_FULL = TEST_PROJECT === 'full';
export const IS_WHOLE = IS_FULL && process.env['FAULTS'] === 'whole';
export const FIRST_SEED = Number(process.env['FAULT_SEED'] ?? 1);
const RUNS = Number(process.env['FAULT_RUNS'] ?? 1);

export const SEEDS = Array.from({ length: RUNS }, (_, index) => FIRST_SEED + index);
const WHOLE = {
  conversations: 10,
  writers: 20,
  subscribers: 200,
  slow: 20,
  storm: 20_000,
  stormPerSecond: 2_000,
  good: 500,
  messages: 20_000,
  cuts: 20,
  faultMs: 10_000,
  stopMs: 30_000,
  drainMs: 10_000,
  slotsAtOnce: 60,
  crowd: 5_000,
  joins: 10_000,
  cycles: 100_000,
};
const FULL: typeof WHOLE = {
  ...WHOLE,
  subscribers: 100,
  slow: 10,
  storm: 4_000,
  stormPerSecond: 1_000,
  good: 100,
  cuts: 8,
  faultMs: 4_000,
  stopMs: 10_000,
  drainMs: 3_000,
  slotsAtOnce: 20,
  crowd: 500,
  joins: 1_000,
  cycles: 10_000,
};
const QUICK: typeof WHOLE = {
  conversations: 4,
  writers: 8,
  subscribers: 24,
  slow: 4,
  storm: 600,
  stormPerSecond: 300,
  good: 24,
  messages: 2_000,
  cuts: 3,
  faultMs: 1_500,
  stopMs: 3_000,
  drainMs: 1_000,
  slotsAtOnce: 4,
  crowd: 60,
  joins: 100,
  cycles: 400,
};
export const SIZE = IS_WHOLE ? WHOLE : IS_FULL ? FULL : QUICK;
/** G07: everyone is at the head this long after a fault at the latest, by the clock of the node. */
export const HEAL_MS = 15_000;
/** The last resort against a test that hangs: on a busy machine one takes many times as long as on an idle one, and the whole size longer. */
export const TEST_MS = IS_WHOLE ? 6_000_000 : 600_000;
