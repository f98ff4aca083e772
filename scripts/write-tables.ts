/** Writes the tables of the documents and `.env.example` from the code that they describe: `npm run docs:tables`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gatewayLimitRows } from './gateway-limits.ts';
import { graphNameRows } from './graph-names.ts';
import { benchmarkDate, benchmarkRows, configurationRows, environmentExample, errorRows } from './tables.ts';

const readme = new URL('../README.md', import.meta.url);
const results = readFileSync(new URL('../bench/RESULTS.md', import.meta.url), 'utf8');
const protocol = new URL('../docs/protocol.md', import.meta.url);
const configuration = new URL('../docs/configuration.md', import.meta.url);
const federation = new URL('../docs/federation.md', import.meta.url);

/** Replaces the rows under a table's head. */
function replaceRows(text: string, head: string, rows: readonly string[]): string {
  const start = text.indexOf(head) + head.length;
  if (start < head.length) throw new Error(`There is no table ${head}`);
  const end = text.slice(start).search(/\n(?!\|)/);
  return `${text.slice(0, start)}${rows.join('\n')}${text.slice(start + end)}`;
}

/** Replaces the rows of one table of a page. */
function writeRows(page: URL, head: string, rows: readonly string[]): void {
  writeFileSync(page, replaceRows(readFileSync(page, 'utf8'), head, rows));
}

const benchmarkHead =
  '| server | CPU per delivery | p99 latency | memory per socket | CPU per connect |\n| --- | ---: | ---: | ---: | ---: |\n';
writeRows(readme, benchmarkHead, benchmarkRows(results));
writeFileSync(
  readme,
  readFileSync(readme, 'utf8').replace(/Measured on \d{4}-\d{2}-\d{2}/, `Measured on ${benchmarkDate(results)}`),
);
writeRows(protocol, '| code | meaning | try again |\n| --- | --- | --- |\n', errorRows());
const settingsHead = '| variable | meaning | takes | default |\n| --- | --- | --- | --- |\n';
writeRows(configuration, settingsHead, configurationRows());
writeRows(federation, '| what | names |\n| --- | --- |\n', graphNameRows());
writeRows(federation, '| limit | behind a gateway |\n| --- | --- |\n', gatewayLimitRows());
writeFileSync(new URL('../.env.example', import.meta.url), environmentExample());
