/** Rows of the tables in the documents, from the code that they describe. */
import { VARIABLES } from '../src/config/variables.ts';
import { ERROR_CODES } from '../src/errors.ts';

export function errorRows(): string[] {
  return Object.entries(ERROR_CODES).map(([code, { meaning, retry }]) => `| \`${code}\` | ${meaning} | ${retry} |`);
}

export function configurationRows(): string[] {
  return Object.entries(VARIABLES).map(([name, { meaning, takes, default: fallback }]) => {
    const shown = fallback === null ? 'unset' : `\`${fallback}\``;
    return `| \`${name}\` | ${meaning} | ${takes} | ${shown} |`;
  });
}

export function environmentExample(): string {
  const lines = Object.entries(VARIABLES).map(([name, { meaning, takes, default: fallback }]) => {
    const comment = `# ${meaning[0]?.toUpperCase()}${meaning.slice(1)}. Takes ${takes}.`;
    return `${comment}\n#${name}=${fallback ?? ''}\n`;
  });
  return `# Copy to .env, which \`npm start\` reads. Everything is optional; these are the defaults.\n\n${lines.join('\n')}`;
}

/** Rows of the README: each server of workload b that shares messages among nodes, or is an alternative to this service. */
export function benchmarkRows(results: string): string[] {
  const many = serversOf(results, 'b');
  const idle = serversOf(results, 'd');
  const connecting = serversOf(results, 'e');
  const figure = (row: ReadonlyMap<string, string> | undefined, column: string, unit: string): string => {
    const value = row?.get(column);
    return value === undefined || value === '' ? 'not measured' : `${value} ${unit}`;
  };
  return [...many]
    .filter(([server]) => !/embedded|bare/.test(server))
    .map(([server, row]) => {
      const cells = [
        figure(row, 'total µs', 'µs'),
        figure(row, 'p99 ms', 'ms'),
        figure(idle.get(server), 'KiB per socket', 'KiB'),
        figure(connecting.get(server), 'total µs', 'µs'),
      ];
      return `| ${server} | ${cells.join(' | ')} |`;
    });
}

/** Rows of the page on sizes: what a machine needs for a number of sockets. */
export function sizingRows(results: string): string[] {
  const between = (workloads: readonly string[], column: string): readonly [number, number] => {
    const figures = workloads
      .flatMap((workload) => [...serversOf(results, workload)])
      .flatMap(([server, row]) => (server.startsWith('this service,') ? numbersIn(row.get(column)) : []));
    return [Math.min(...figures), Math.max(...figures)];
  };
  const [leastKib, mostKib] = between(['d'], 'KiB per socket');
  const [leastMicros, mostMicros] = between(['a', 'b'], 'total µs');
  const [leastConnect, mostConnect] = between(['e'], 'total µs');
  const [mib, deliveries] = [(mostKib * 10_000) / 1_024, 1e6 / mostMicros];
  const connects = 1e6 / mostConnect;
  const about = (value: number): string => Number(value.toPrecision(2)).toLocaleString('en');
  return [
    `| memory of an idle subscribed socket | ${leastKib} to ${mostKib} KiB | 10,000 sockets: about ${about(mib)} MiB more than the process takes without sockets |`,
    `| processor time of a delivery to many | ${leastMicros} to ${mostMicros} µs | one core: about ${about(deliveries)} deliveries per second at 20 messages per second, and more when messages arrive together |`,
    `| processor time of a connection | ${leastConnect} to ${mostConnect} µs | one core: ${about(connects)} connections per second; \`RATE_LIMIT_ADMISSIONS\` allows fewer |`,
    '| open files | one per socket, plus 30 | `ulimit -n` above `MAX_CONNECTIONS` + 100 |',
  ];
}

/** The figures of a cell, one of each run. */
const numbersIn = (cell = ''): number[] =>
  cell
    .replaceAll(',', '')
    .split(' / ')
    .filter((figure) => /^\d/.test(figure))
    .map((figure) => Number.parseFloat(figure));

/** The date of bench/RESULTS.md. */
export const benchmarkDate = (results: string): string => /^\d{4}-\d{2}-\d{2}/m.exec(results)?.[0] ?? '';

/** A table of bench/RESULTS.md: server to column to figure. */
function serversOf(results: string, workload: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const section = results.split(/^## /m).find((part) => part.startsWith(`${workload}. `)) ?? '';
  const [head = [], , ...rows] = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  return new Map(rows.map((row) => [row[0] ?? '', new Map(row.map((cell, index) => [head[index] ?? '', cell]))]));
}
