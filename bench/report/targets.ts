/** The ratios this service means to keep, and whether it does. */
import type { PeerId } from '../catalogue.ts';
import { figureOf, nameOf, type Result, ratioOf } from './table.ts';

interface Target {
  readonly workload: string;
  readonly figure: string;
  readonly what: string;
  readonly against: PeerId;
  readonly most: number;
  /** Other names of this service than the usual. */
  readonly ours?: readonly PeerId[];
  /** Figures of the least and the most among several bursts, where a single one says little. */
  readonly spread?: { readonly least: string; readonly most: string };
}

const cpu = 'CPU per delivery';

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
];
const OURS: readonly PeerId[] = ['service-redis', 'service-embedded'];

/** Whether the bursts of a run disagree on the verdict. */
function isOpen(result: Result, peer: PeerId, { against, most, spread }: Target): boolean {
  if (!spread) return false;
  const figure = (of: PeerId, name: string): number => figureOf(result, of, name) ?? Number.NaN;
  const best = figure(peer, spread.least) / figure(against, spread.most);
  const worst = figure(peer, spread.most) / figure(against, spread.least);
  return best <= most && worst > most;
}

function judge(result: Result | undefined, peer: PeerId, target: Target): string {
  const { against, figure, most } = target;
  const ratio = result ? ratioOf(result, peer, against, figure) : null;
  if (!result || ratio === null) return 'not measured';
  if (isOpen(result, peer, target)) return `${ratio.toFixed(2)} ?`;
  return `${ratio.toFixed(2)} ${ratio <= most ? '✓' : '✗'}`;
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
    const verdicts = ours.map((peer) => judge(result, peer, target));
    lines.push(`| ${workload} | ${what} | ${nameOf(against)} | ≤ ${most} | ${verdicts.join(' | ')} |`);
  }
  return lines;
}
