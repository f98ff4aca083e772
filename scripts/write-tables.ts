/** Writes the tables of the documents and `.env.example` from the code they speak of: `npm run docs:tables`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gatewayLimitRows } from './gateway-limits.ts';
import { graphNameRows } from './graph-names.ts';
import { configurationRows, environmentExample, errorRows } from './tables.ts';

const readme = new URL('../README.md', import.meta.url);
const federation = new URL('../docs/federation.md', import.meta.url);

/** Replaces the rows under a table's head. */
function replaceRows(text: string, head: string, rows: readonly string[]): string {
  const start = text.indexOf(head) + head.length;
  if (start < head.length) throw new Error(`There is no table ${head}`);
  const end = text.indexOf('\n\n', start - 1);
  return `${text.slice(0, start)}${rows.join('\n')}${text.slice(end)}`;
}

const text = readFileSync(readme, 'utf8');
const errors = replaceRows(text, '| code | meaning | try again |\n| --- | --- | --- |\n', errorRows());
const all = replaceRows(
  errors,
  '| variable | meaning | takes | default |\n| --- | --- | --- | --- |\n',
  configurationRows(),
);
writeFileSync(readme, all);
const page = readFileSync(federation, 'utf8');
const named = replaceRows(page, '| what | names |\n| --- | --- |\n', graphNameRows());
writeFileSync(federation, replaceRows(named, '| limit | behind a gateway |\n| --- | --- |\n', gatewayLimitRows()));
writeFileSync(new URL('../.env.example', import.meta.url), environmentExample());
