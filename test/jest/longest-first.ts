/** The order of test files: a long file that begins last would keep one worker busy while the others are idle. */
import { statSync } from 'node:fs';
import type { Test } from '@jest/reporters';

/** The longest first; what is measured is in the closing lines of each run. */
export const LONGEST = [
  'gateway/rolling-upgrade',
  'faults/bad-input',
  'cluster/load',
  'faults/soak',
  'faults/redis',
  'faults/documents',
  'consistency/trial',
  'graphql/streamed-messages',
  'engine/redis-addresses',
  'gateway/hive-gateway',
  'gateway/service-restart',
  'security/attack/access',
  'security/expressions',
  'engine/redis',
  'graphql/routed-messages',
  'security/attack/closing',
  'security/attack/metering',
  'security/attack/rules',
  'faults/node',
  'gateway/registration',
  'security/doubling',
  'delivery/resumes',
  'faults/drain',
  'access/tenants',
  'faults/cycles',
  'faults/redis-state',
  'faults/slow-readers',
  'transport/raw/goodbye',
  'security/reads',
  'security/patterns',
  'security/renderings',
  'rates/strangers',
  'transport/stream-limits',
  'cluster/killed-node',
  'security/attack/policies',
  'security/attack/rights',
  'security/attack/cost',
].map((name) => `/test/${name}.test.ts`);

/** How early a file begins: the larger of two others is likely the longer one. */
function weightOf(path: string): number {
  const place = LONGEST.findIndex((name) => path.endsWith(name));
  return place < 0 ? statSync(path).size : Number.MAX_SAFE_INTEGER - place;
}

/** As `@jest/test-sequencer`, of which only the order is asked here. */
export default class LongestFirst {
  sort(tests: readonly Test[]): Test[] {
    return [...tests].sort((a, b) => weightOf(b.path) - weightOf(a.path));
  }

  shard(tests: readonly Test[], { shardIndex, shardCount }: { shardIndex: number; shardCount: number }): Test[] {
    return this.sort(tests).filter((_, index) => index % shardCount === shardIndex - 1);
  }

  allFailedTests(tests: readonly Test[]): Test[] {
    return [...tests];
  }

  cacheResults(): void {}
}
