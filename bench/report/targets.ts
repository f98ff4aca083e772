/** The targets of this service for figures and ratios, and whether it reaches them. */
import { CENTRIFUGO, type PeerId } from '../catalogue.ts';
import { figuresOf, nameOf, type Result, ratiosOf } from './table.ts';

interface Target {
  readonly workload: string;
  readonly figure: string;
  readonly what: string;
  /** The server to compare with, or one for each of ours; null: the target is for the figure itself. */
  readonly against: PeerId | readonly PeerId[] | null;
  /** The upper limit: one for both of ours, or one for each. */
  readonly most: number | readonly number[];
  /** Other ids of this service than the usual ones, on Redis and embedded; null: the target has none there. */
  readonly ours?: readonly (PeerId | null)[];
  /** The figures with the least and the most of several bursts, for workloads in which a single burst says little. */
  readonly spread?: { readonly least: string; readonly most: string };
}

const cpu = 'CPU per delivery';
const OURS: readonly PeerId[] = ['service-redis', 'service-embedded'];
const STREAMED: readonly PeerId[] = ['streamed-redis', 'streamed-embedded'];
const SENT_ON_REDIS: readonly (PeerId | null)[] = ['service-redis', null];
const ON_REDIS: readonly (PeerId | null)[] = ['streamed-redis', null];

const TARGETS: readonly Target[] = [
  { workload: 'a', figure: 'total', what: cpu, against: 'bare', most: 1 },
  { workload: 'a', figure: 'total', what: cpu, against: 'stock', most: 0.25 },
  { workload: 'a', figure: 'total', what: cpu, against: CENTRIFUGO, most: 0.85 },
  { workload: 'b', figure: 'total', what: cpu, against: 'bare', most: 0.3 },
  { workload: 'b', figure: 'total', what: cpu, against: 'stock', most: 0.07 },
  { workload: 'b', figure: 'total', what: cpu, against: 'nats', most: 1 },
  { workload: 'b', figure: 'total', what: cpu, against: CENTRIFUGO, most: 0.4 },
  { workload: 'b-even', figure: 'total', what: cpu, against: CENTRIFUGO, most: 0.5 },
  { workload: 'c', figure: 'total', what: cpu, against: 'stock', most: 0.4 },
  { workload: 'c', figure: 'user', what: `user ${cpu}`, against: 'stock', most: 0.3 },
  { workload: 'c', figure: 'total', what: cpu, against: CENTRIFUGO, most: 0.8 },
  { workload: 'd', figure: 'kib', what: 'KiB per socket', against: null, most: [12, 10] },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: 'bare', most: 2 },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: 'stock', most: 0.4 },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: 'socket-io', most: 1 },
  { workload: 'd', figure: 'kib', what: 'memory per socket', against: CENTRIFUGO, most: 0.3 },
  { workload: 'e', figure: 'total', what: 'µs of CPU per socket connected', against: null, most: [220, 170] },
  { workload: 'e', figure: 'total', what: 'CPU per socket connected', against: 'bare', most: 2 },
  { workload: 'e', figure: 'total', what: 'CPU per socket connected', against: 'stock', most: 0.7 },
  { workload: 'e', figure: 'total', what: 'CPU per socket connected', against: CENTRIFUGO, most: 1 },
  {
    workload: 'f',
    figure: 'p99',
    what: 'p99 latency (a goal)',
    against: 'bare',
    most: 1.5,
    spread: { least: 'least', most: 'most' },
  },
  {
    workload: 'f',
    figure: 'p99',
    what: 'p99 latency',
    against: CENTRIFUGO,
    most: 0.7,
    spread: { least: 'least', most: 'most' },
  },
  { workload: 'h', figure: 'total', what: 'µs of CPU per `sendMessage`', against: null, most: [100, 60] },
  {
    workload: 'h',
    figure: 'redis',
    what: 'µs of Redis CPU per `sendMessage`',
    against: null,
    most: 45,
    ours: SENT_ON_REDIS,
  },
  {
    workload: 'l',
    figure: 'keyed',
    what: 'bytes of Redis per message with a key',
    against: null,
    most: 420,
    ours: SENT_ON_REDIS,
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

/** Whether the bursts of a run lead to different verdicts. */
function isOpen(result: Result, peer: PeerId, against: PeerId, most: number, { spread }: Target, run: number): boolean {
  if (!spread) return false;
  const figure = (of: PeerId, name: string): number => figuresOf(result, of, name)[run] ?? Number.NaN;
  const best = figure(peer, spread.least) / figure(against, spread.most);
  const worst = figure(peer, spread.most) / figure(against, spread.least);
  return best <= most && worst > most;
}

function judge(result: Result | undefined, peer: PeerId, against: PeerId | null, most: number, target: Target): string {
  if (!result) return 'not measured';
  const { figure } = target;
  const values = against ? ratiosOf(result, peer, against, figure) : figuresOf(result, peer, figure);
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return 'not measured';
  const shown = values.map((value) => value?.toFixed(2) ?? '–').join(' / ');
  const isAnyOpen = against !== null && values.some((_, run) => isOpen(result, peer, against, most, target, run));
  const reached = known.filter((value) => value <= most).length;
  if (isAnyOpen || (reached > 0 && reached < known.length)) return `${shown} ?`;
  return `${shown} ${reached > 0 ? '✓' : '✗'}`;
}

const byOf = (against: Target['against']): string => {
  if (against === null) return '–';
  if (typeof against === 'string') return nameOf(against);
  return against === CENTRIFUGO ? 'Centrifugo, Redis and memory' : '`sendMessage`';
};

const each = <Value>(values: Value | readonly Value[], nth: number): Value | undefined =>
  Array.isArray(values) ? (values as readonly Value[])[nth] : (values as Value);

/** The verdicts on ours, on Redis and embedded. */
function verdictsOf(target: Target, results: readonly Result[]): string[] {
  const { workload, against, most, ours = OURS } = target;
  const result = results.find((candidate) => candidate.workload.id === workload);
  return ours.map((peer, nth) =>
    peer ? judge(result, peer, each<PeerId | null>(against, nth) ?? null, each(most, nth) ?? 0, target) : '–',
  );
}

/** Workloads with a target that is not reached in every run. */
export function missedWorkloads(results: readonly Result[]): string[] {
  const missed = TARGETS.filter((target) => verdictsOf(target, results).some((verdict) => /[✗?]$/.test(verdict)));
  return [...new Set(missed.map(({ workload }) => workload))];
}

/** ✓ reached, ✗ not, ? the bursts or the runs disagree. */
export function targetTable(results: readonly Result[]): string[] {
  const lines = [
    '| workload | figure | by | target | on Redis | embedded |',
    '| --- | --- | --- | ---: | ---: | ---: |',
  ];
  for (const target of TARGETS) {
    const { workload, what, against, most } = target;
    const verdicts = verdictsOf(target, results);
    const limits = typeof most === 'number' ? `≤ ${most}` : `≤ ${most.join(' / ')}`;
    lines.push(`| ${workload} | ${what} | ${byOf(against)} | ${limits} | ${verdicts.join(' | ')} |`);
  }
  return lines;
}
