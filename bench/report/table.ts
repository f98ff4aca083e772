/** The rows of a workload: figures, and ratios between peers. */
import { PEERS, type PeerId } from '../catalogue.ts';
import type { Column, Figures, Workload } from '../workloads/workload.ts';

/** The figures of a peer, or the reason why there are none. */
export type Outcome = Figures | string;

export interface Row {
  readonly peer: PeerId;
  /** The figures of each run. */
  readonly outcomes: readonly Outcome[];
}

export interface Result {
  readonly workload: Workload;
  readonly rows: readonly Row[];
}

export const nameOf = (id: PeerId): string => PEERS.find((peer) => peer.id === id)?.name ?? id;

const figureIn = (outcome: Outcome, figure: string): number | null =>
  typeof outcome === 'object' ? (outcome[figure] ?? null) : null;

/** A figure of a peer in each run. */
export const figuresOf = ({ rows }: Result, peer: PeerId, figure: string): (number | null)[] =>
  rows.find((row) => row.peer === peer)?.outcomes.map((outcome) => figureIn(outcome, figure)) ?? [];

/** The mean of all runs; null: there is no figure. */
export function meanOf(result: Result, peer: PeerId, figure: string): number | null {
  const known = figuresOf(result, peer, figure).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** The figure of one peer divided by that of another, in each run; null: one of them is missing. */
export function ratiosOf(result: Result, peer: PeerId, against: PeerId, figure: string): (number | null)[] {
  const below = figuresOf(result, against, figure);
  return figuresOf(result, peer, figure).map((above, run) => {
    const other = below[run] ?? null;
    return above === null || other === null || other === 0 ? null : above / other;
  });
}

const show = (value: number | null, digits: number): string =>
  value === null ? '–' : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const showAll = (values: readonly (number | null)[], digits: number): string =>
  values.some((value) => value !== null) ? values.map((value) => show(value, digits)).join(' / ') : '–';

/** One line of a workload for the terminal: the figures of the last run. */
export function lineOf({ workload }: Result, { peer, outcomes }: Row): string {
  const outcome = outcomes.at(-1) ?? '';
  const cell = ({ figure, heading, digits }: Column): string => `${heading} ${show(figureIn(outcome, figure), digits)}`;
  const text = typeof outcome === 'string' ? outcome : workload.columns.map(cell).join(', ');
  return `${workload.id}  ${nameOf(peer).padEnd(42)}${text}`;
}

/** The name of a server in the heading of a column. */
function shortOf(peer: PeerId): string {
  const name = nameOf(peer);
  return name.includes(',') ? name.replace('this service, ', 'ours on ') : (name.split(' ')[0] ?? name);
}

function cellsOf(result: Result, { peer, outcomes }: Row): string[] {
  const { columns, against, main } = result.workload;
  const reasons = [...new Set(outcomes.filter((outcome) => typeof outcome === 'string'))];
  if (reasons.length > 0 && outcomes.every((outcome) => typeof outcome === 'string')) {
    return [reasons.join(' / '), ...Array.from({ length: columns.length + against.length - 1 }, () => '')];
  }
  const cells = [
    ...columns.map(({ figure, digits }) => showAll(figuresOf(result, peer, figure), digits)),
    ...against.map((other) => showAll(ratiosOf(result, peer, other, main.figure), 2)),
  ];
  return reasons.length === 0 ? cells : [`${cells[0]} (${reasons.join(' / ')})`, ...cells.slice(1)];
}

export function tableOf(result: Result): string[] {
  const { columns, against } = result.workload;
  const headings = [
    'server',
    ...columns.map(({ heading }) => heading),
    ...against.map((peer) => `by ${shortOf(peer)}`),
  ];
  return [
    `| ${headings.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(headings.length - 1)}`,
    ...result.rows.map((row) => `| ${nameOf(row.peer)} | ${cellsOf(result, row).join(' | ')} |`),
  ];
}
