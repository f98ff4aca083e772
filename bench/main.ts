/** This service beside its peers, in one run: `npm run bench`. */
import { writeFileSync } from 'node:fs';
import { missing, type PeerSpec } from './catalogue.ts';
import { type Options, readOptions } from './options.ts';
import { chartOf } from './report/chart.ts';
import { documentOf } from './report/document.ts';
import { lineOf, type Result, type Row } from './report/table.ts';
import { targetTable } from './report/targets.ts';
import type { Workload } from './workloads/workload.ts';

const write = (name: string, text: string): void => writeFileSync(new URL(`./${name}`, import.meta.url), text);

/** A peer that breaks has said something too: the run goes on. */
async function outcomeOf(workload: Workload, peer: PeerSpec): Promise<Row['outcome']> {
  const reason = missing(peer);
  if (reason !== null) return `skipped: ${reason}`;
  try {
    return await workload.measure(peer);
  } catch (error) {
    return `broken: ${(error as Error).message.replaceAll('|', '/').replaceAll('\n', ' ')}`;
  }
}

async function run(workload: Workload, peers: Options['peers']): Promise<Result> {
  const result: Result & { rows: Row[] } = { workload, rows: [] };
  console.log(`\n${workload.id}. ${workload.title}`);
  for (const peer of peers.filter(({ id }) => workload.peers.includes(id))) {
    const row: Row = { peer: peer.id, outcome: await outcomeOf(workload, peer) };
    result.rows.push(row);
    console.log(lineOf(result, row));
  }
  return result;
}

const { workloads, peers, isComplete } = readOptions();
const results: Result[] = [];
for (const workload of workloads) results.push(await run(workload, peers));

console.log(`\n${targetTable(results).join('\n')}`);
if (isComplete) {
  write('RESULTS.md', documentOf(results));
  write('results.svg', chartOf(results));
}
