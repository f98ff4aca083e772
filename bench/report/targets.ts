/** The figures and ratios this service means to keep, and whether it does. */
import type { PeerId } from '../catalogue.ts';
import { figureOf, nameOf, type Result, ratioOf } from './table.ts';

interface Target {
  readonly workload: string;
  readonly figure: string;
  readonly what: string;
  /** Another server, or one for each of ours; null: the figure itself is meant. */
  readonly against: PeerId | readonly PeerId[] | null;
  readonly most: number;
  /** Other names of this service than the usual, on Redis and embedded; null: it has none there. */
  readonly ours?: readonly (PeerId | null)[];
  /** Figures of the least and the most among several bursts, where a single one says little. */
  readonly spread?: { readonly least: string; readonly most: string };
}

const cpu = 'CPU per delivery';
const OURS: readonly PeerId[] = ['service-redis', 'service-embedded'];
const STREAMED: readonly PeerId[] = ['streamed-redis', 'streamed-embedded'];
const ON_REDIS: readonly (PeerId | null)[] = ['streamed-redis', null];

const TARGETS: readonly Target[] = [
  { workload: 'a', figure: 'total', what: cpu, against: 'bare', most: 0.95 },
  { workload: 'a', figure: 'total', what: cpu, against: 'stock', most: 0.25 },
  { workload: 'b', figure: 'total', what: cpu, against: 'bare', most: 0.3 },
  { workload: 'b', figure: 'total', what: cpu, against: 'stock', most: 0.07 },
  { workload: 'b', figure: 'total', what: cpu, against: 'nats', most: 1 },
  { workload: 'c', figure: 'total', what: cpu, against: 'stock', most: 0.5 },
  { workload: 'c', figure: 'user', what: `user ${cpu}`, against: 'stock', most: 0.3 },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: 'bare', most: 2 },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: 'stock', most: 0.4 },
  { workload: 'e', figure: 'total', what: 'CPU per socket connected', against: 'bare', most: 2 },
  { workload: 'e', figure: 'total', what: 'CPU per socket connected', against: 'stock', most: 0.5 },
  {
    workload: 'f',
    figure: 'p99',
    what: 'p99 latency (a goal)',
    against: 'bare',
    most: 1.5,
    spread: { least: 'least', most: 'most' },
  },
  { workload: 'g', figure: 'total', what: cpu, against: 'bare', most: 1, ours: ['raw-redis', 'raw-embedded'] },
  { workload: 'j', figure: 'total', what: 'µs of CPU per delivered token', against: null, most: 1.5, ours: STREAMED },
  { workload: 'j', figure: 'p99', what: 'p99 ms from append to watcher', against: null, most: 80, ours: STREAMED },
  { workload: 'j', figure: 'redis', what: 'µs of Redis CPU per append', against: null, most: 30, ours: ON_REDIS },
  { workload: 'k', figure: 'perEvent', what: 'CPU per event', against: OURS, most: 1.1, ours: STREAMED },
  {
    workload: 'k',
    figure: 'beside',
    what: 'bytes of an event beside its text',
    against: null,
    most: 150,
    ours: STREAMED,
  },
  {
    workload: 'k',
    figure: 'events',
    what: 'events/s of a message to a watcher',
    against: null,
    most: 25,
    ours: STREAMED,
  },
];

/** Whether the bursts of a run disagree on the verdict. */
function isOpen(result: Result, peer: PeerId, against: PeerId, { most, spread }: Target): boolean {
  if (!spread) return false;
  const figure = (of: PeerId, name: string): number => figureOf(result, of, name) ?? Number.NaN;
  const best = figure(peer, spread.least) / figure(against, spread.most);
  const worst = figure(peer, spread.most) / figure(against, spread.least);
  return best <= most && worst > most;
}

function judge(result: Result | undefined, peer: PeerId, against: PeerId | null, target: Target): string {
  const { figure, most } = target;
  if (!result) return 'not measured';
  const value = against ? ratioOf(result, peer, against, figure) : figureOf(result, peer, figure);
  if (value === null) return 'not measured';
  if (against && isOpen(result, peer, against, target)) return `${value.toFixed(2)} ?`;
  return `${value.toFixed(2)} ${value <= most ? '✓' : '✗'}`;
}

/** ✓ reached, ✗ not, ? the bursts disagree. */
export function targetTable(results: readonly Result[]): string[] {
  const lines = [
    '| workload | figure | by | target | on Redis | embedded |',
    '| --- | --- | --- | ---: | ---: | ---: |',
  ];
  for (const target of TARGETS) {
    const { workload, what, against, most, ours = OURS } = target;
    const result = results.find((candidate) => candidate.workload.id === workload);
    const others = ours.map((_, nth) => (Array.isArray(against) ? against[nth] : against) as PeerId | null);
    const verdicts = ours.map((peer, nth) => (peer ? judge(result, peer, others[nth] ?? null, target) : '–'));
    const by = Array.isArray(against) ? '`sendMessage`' : against ? nameOf(against as PeerId) : '–';
    lines.push(`| ${workload} | ${what} | ${by} | ≤ ${most} | ${verdicts.join(' | ')} |`);
  }
  return lines;
}
