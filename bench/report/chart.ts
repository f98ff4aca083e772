/** The main figure of every workload as horizontal bars, in one SVG: the mean of all runs. */
import { meanOf, nameOf, type Result } from './table.ts';

const WIDTH = 880;
const LABEL = 300;
const BAR = 16;
const ROW = 22;
const HEADING = 44;
const VALUE = 80;
const OURS = '#2563eb';
const THEIRS = '#94a3b8';
const TEXT = '#64748b';

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function bars(result: Result, top: number): string[] {
  const { workload, rows } = result;
  const { figure, unit } = workload.main;
  const most = Math.max(...rows.map(({ peer }) => meanOf(result, peer, figure) ?? 0), Number.MIN_VALUE);
  const heading = `${workload.id}. ${workload.title}`;
  const lines = [
    `<text x="0" y="${top + 18}" font-weight="bold">${escapeXml(heading)}</text>`,
    `<text x="0" y="${top + 34}">${escapeXml(unit)}; less is better</text>`,
  ];
  for (const [index, { peer }] of rows.entries()) {
    const value = meanOf(result, peer, figure);
    const y = top + HEADING + index * ROW;
    const width = Math.max(1, ((value ?? 0) / most) * (WIDTH - LABEL - VALUE));
    const label = value === null ? 'none' : Number(value.toPrecision(3)).toLocaleString('en');
    lines.push(
      `<text x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${escapeXml(nameOf(peer))}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${/^(service|raw|sse|streamed|limited)/.test(peer) ? OURS : THEIRS}"/>`,
      `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 12}">${label}</text>`,
    );
  }
  return lines;
}

export function chartOf(results: readonly Result[]): string {
  const lines: string[] = [];
  let top = 0;
  for (const result of results) {
    lines.push(...bars(result, top));
    top += HEADING + result.rows.length * ROW + 16;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="12" fill="${TEXT}">`,
    '<title>The main figure of each workload</title>',
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
