/** Writes the tables of the documents and `.env.example` from the code that they describe: `npm run docs:tables`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gatewayLimitRows } from './gateway-limits.ts';
import { graphNameRows } from './graph-names.ts';
import {
  benchmarkDate,
  benchmarkRows,
  configurationRows,
  environmentExample,
  errorRows,
  sizingRows,
} from './tables.ts';

const readme = new URL('../README.md', import.meta.url);
const results = readFileSync(new URL('../bench/RESULTS.md', import.meta.url), 'utf8');
const protocol = new URL('../docs/protocol.md', import.meta.url);
const configuration = new URL('../docs/configuration.md', import.meta.url);
const sizing = new URL('../docs/sizing.md', import.meta.url);
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

/** Writes the date of the benchmark after the first of these words on a page. */
function writeDate(page: URL, words: string): void {
  const date = new RegExp(`(${words.replaceAll('.', '\\.')}) \\d{4}-\\d{2}-\\d{2}`);
  writeFileSync(page, readFileSync(page, 'utf8').replace(date, `$1 ${benchmarkDate(results)}`));
}

const benchmarkHead =
  '| server | CPU per delivery | p99 latency | memory per socket | CPU per connect |\n| --- | ---: | ---: | ---: | ---: |\n';
writeRows(readme, benchmarkHead, benchmarkRows(results));
writeDate(readme, 'Measured on');
writeRows(sizing, '| what | figure | consequence |\n| --- | --- | --- |\n', sizingRows(results));
writeDate(sizing, 'Figures of `bench/RESULTS.md`,');
writeRows(protocol, '| code | meaning | try again |\n| --- | --- | --- |\n', errorRows());
const settingsHead = '| variable | meaning | takes | default |\n| --- | --- | --- | --- |\n';
writeRows(configuration, settingsHead, configurationRows());
writeRows(federation, '| what | names |\n| --- | --- |\n', graphNameRows());
writeRows(federation, '| limit | behind a gateway |\n| --- | --- |\n', gatewayLimitRows());
writeFileSync(new URL('../.env.example', import.meta.url), environmentExample());
