/** Writes docs/faults.md from the catalogue, the results of Jest (`--json`) and the figures that the tests recorded. */
import { readFileSync, writeFileSync } from 'node:fs';
import { FAULTS, type Fault } from '../test/faults/catalogue.ts';

interface Assertion {
  readonly fullName: string;
  readonly status: string;
  readonly duration: number | null;
}
interface Results {
  readonly testResults: readonly { readonly assertionResults: readonly Assertion[] }[];
}

const [, , resultsPath = '', notesPath = ''] = process.argv;
const results = JSON.parse(readFileSync(resultsPath, 'utf8')) as Results;
const tests = results.testResults.flatMap(({ assertionResults }) => assertionResults);
const notes = readFileSync(notesPath, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as { readonly id: string; readonly figures: string });

const OUTCOMES: Record<string, string> = { passed: 'held', failed: '**did not hold**' };

function outcomeOf({ id }: Fault): string {
  const own = tests.filter(({ fullName }) => new RegExp(`\\b${id}\\b`).test(fullName));
  const worst = own.find(({ status }) => status === 'failed') ?? own.find(({ status }) => status === 'passed');
  const figures = notes.filter((note) => note.id === id).map((note) => note.figures);
  return [OUTCOMES[worst?.status ?? ''] ?? 'not run', ...figures].join('; ');
}

const rows = FAULTS.map((fault) => {
  const { id, fault: what, injection, holds } = fault;
  return `| ${id} | ${what} | ${injection} | ${holds} | ${outcomeOf(fault)} |`;
});

const path = new URL('../docs/faults.md', import.meta.url);
const before = readFileSync(path, 'utf8');
const failed = tests.filter(({ status }) => status === 'failed');
const latencyMs = process.env['REDIS_LATENCY_MS'];
const today = new Date().toISOString().slice(0, 10);

/** Adds the row of this latency to "Far from Redis", or replaces an older one. */
function withFarRow(text: string, ms: string): string {
  const row = `| ${ms} | ${today} | ${tests.length - failed.length} of ${tests.length} | ${failed.map(({ fullName }) => fullName).join('; ') || 'none'} |`;
  const old = new RegExp(`^\\| ${ms.replace('.', '\\.')} \\| .*\\|$`, 'm');
  return old.test(text)
    ? text.replace(old, () => row)
    : text.replace(/(\| round trip, ms .*\n\|[-| :]*\|\n)/, (head) => `${head}${row}\n`);
}

/** Replaces the table of faults. Other programs, or people, write the sections after it. */
function withTable(text: string): string {
  const kept = /## (?:Far from Redis|Consistency|Soak)\n[\s\S]*$/.exec(text)?.[0] ?? '';
  const named = failed.map(({ fullName }) => `- failed: ${fullName}\n`).join('');
  return `# Faults

For operators and contributors: the faults that tests cause in a running service, what must hold during each fault, and the result.
\`npm run test:faults\` wrote this table on ${today}: ${tests.length - failed.length} of ${tests.length} tests passed. \`npm test\` runs the same tests at a smaller size.
${named && `\n${named}`}
| | fault | cause | what must hold | result |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

${kept}`;
}

writeFileSync(path, latencyMs === undefined ? withTable(before) : withFarRow(before, latencyMs));
