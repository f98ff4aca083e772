/** The rows of a workload: figures, and ratios between peers. */
import { PEERS, type PeerId } from '../catalogue.ts';
import type { Column, Figures, Workload } from '../workloads/workload.ts';

export interface Row {
  readonly peer: PeerId;
  /** Or why there are none. */
  readonly outcome: Figures | string;
}

export interface Result {
  readonly workload: Workload;
  readonly rows: readonly Row[];
}

export const nameOf = (id: PeerId): string => PEERS.find((peer) => peer.id === id)?.name ?? id;

export const figureOf = ({ rows }: Result, peer: PeerId, figure: string): number | null => {
  const outcome = rows.find((row) => row.peer === peer)?.outcome;
  return typeof outcome === 'object' ? (outcome[figure] ?? null) : null;
};

/** A figure of one peer by that of another; null when either is missing. */
export function ratioOf(result: Result, peer: PeerId, against: PeerId, figure: string): number | null {
  const [above, below] = [figureOf(result, peer, figure), figureOf(result, against, figure)];
  return above === null || below === null || below === 0 ? null : above / below;
}

const show = (value: number | null, digits: number): string =>
  value === null ? '–' : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** One line of a workload for the terminal. */
export function lineOf({ workload }: Result, { peer, outcome }: Row): string {
  const cell = ({ figure, heading, digits }: Column): string =>
    `${heading} ${show(typeof outcome === 'object' ? (outcome[figure] ?? null) : null, digits)}`;
  const text = typeof outcome === 'string' ? outcome : workload.columns.map(cell).join(', ');
  return `${workload.id}  ${nameOf(peer).padEnd(42)}${text}`;
}

export function tableOf(result: Result): string[] {
  const { columns, against, main } = result.workload;
  const headings = [
    'server',
    ...columns.map(({ heading }) => heading),
    ...against.map((peer) => `by ${nameOf(peer).split(' ')[0]}`),
  ];
  const lines = [`| ${headings.join(' | ')} |`, `| --- |${' ---: |'.repeat(headings.length - 1)}`];
  for (const { peer, outcome } of result.rows) {
    const cells =
      typeof outcome === 'string'
        ? [outcome, ...Array.from({ length: headings.length - 2 }, () => '')]
        : [
            ...columns.map(({ figure, digits }) => show(outcome[figure] ?? null, digits)),
            ...against.map((other) => show(ratioOf(result, peer, other, main.figure), 2)),
          ];
    lines.push(`| ${nameOf(peer)} | ${cells.join(' | ')} |`);
  }
  return lines;
}
