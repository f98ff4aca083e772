/** Measures this service and its peers, all of them in each of two runs: `npm run bench`. */
import { writeFileSync } from 'node:fs';
import { missing, type PeerSpec } from './catalogue.ts';
import { type Options, readOptions } from './options.ts';
import { chartOf } from './report/chart.ts';
import { documentOf } from './report/document.ts';
import { lineOf, type Outcome, type Result, type Row } from './report/table.ts';
import { targetTable } from './report/targets.ts';
import type { Workload } from './workloads/workload.ts';

const write = (name: string, text: string): void => writeFileSync(new URL(`./${name}`, import.meta.url), text);

/** The failure of a peer is a result too, and the run continues. */
async function outcomeOf(workload: Workload, peer: PeerSpec): Promise<Outcome> {
  const reason = missing(peer);
  if (reason !== null) return `skipped: ${reason}`;
  try {
    return await workload.measure(peer);
  } catch (error) {
    return `broken: ${(error as Error).message.replaceAll('|', '/').replaceAll('\n', ' ')}`;
  }
}

async function run(workload: Workload, peers: Options['peers'], earlier: Result | undefined): Promise<Result> {
  const result: Result & { rows: Row[] } = { workload, rows: [] };
  console.log(`\n${workload.id}. ${workload.title}`);
  for (const peer of peers.filter(({ id }) => workload.peers.includes(id))) {
    const before = earlier?.rows.find((row) => row.peer === peer.id)?.outcomes ?? [];
    const row: Row = { peer: peer.id, outcomes: [...before, await outcomeOf(workload, peer)] };
    result.rows.push(row);
    console.log(lineOf(result, row));
  }
  return result;
}

const MINUTE_MS = 60_000;
const { workloads, peers, runs, isComplete } = readOptions();
const minutes: string[] = [];
let results: readonly Result[] = [];
for (let nth = 1; nth <= runs; nth += 1) {
  const startedAt = performance.now();
  const earlier = results;
  const mine: Result[] = [];
  for (const [index, workload] of workloads().entries()) mine.push(await run(workload, peers, earlier[index]));
  results = mine;
  minutes.push(((performance.now() - startedAt) / MINUTE_MS).toFixed(1));
  console.log(`\n${targetTable(results).join('\n')}\n\nRun ${nth} of ${runs}: ${minutes.at(-1)} minutes.`);
  if (isComplete) {
    write('RESULTS.md', documentOf(results, minutes));
    write('results.svg', chartOf(results));
  }
}
