/** RESULTS.md. */
import { limitLines } from './limits.ts';
import { machine, versions } from './machine.ts';
import { type Result, tableOf } from './table.ts';
import { targetTable } from './targets.ts';

const METHOD = [
  'Each server is a separate process and receives over IPC what to publish. The load generator is another process that',
  'holds the subscribers: raw sockets that find a sequence number in each frame without decoding it, and check that every',
  'message arrived, once and in order; for a server that fails this check, the table shows the reason instead of figures. The same',
  'content of 200 characters is published everywhere. CPU is the user and system time of the server’s process, without that of Redis;',
  'for nats-server, which receives messages over TCP, and for Centrifugo, which receives batches over its HTTP API, it is',
  'read from /proc. Every server on Node runs with the flags with which `npm start` starts this service. Centrifugo keeps history, recovery and presence. Latency is from publishing to the subscriber.',
  'Servers, load generator and Redis share the machine, so ratios within a run mean more than the figures themselves.',
];

const sectionOf = (result: Result): string[] => {
  const { id, title, about, main, against } = result.workload;
  return [
    '',
    `## ${id}. ${title}`,
    '',
    against.length === 0 ? about : `${about} The last columns are ratios of ${main.unit} to that of another server.`,
    '',
    ...tableOf(result),
  ];
};

/** @param durations the minutes of each run */
export function documentOf(results: readonly Result[], durations: readonly string[]): string {
  const lines = [
    '# Results',
    '',
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Written by \`npm run bench\`.`,
    '',
    ...METHOD,
    '',
    `${durations.length === 1 ? 'One run' : `${durations.length} runs`}, one after the other, of ${durations.join(' and ')} minutes.${durations.length === 1 ? '' : ' Each cell shows both.'}`,
    '',
    '![The main figure of each workload](results.svg)',
    '',
    '## Targets',
    '',
    'Ratios to the named server, or the figure itself if none is named. ✓ reached, ✗ not reached, ? the runs, or the bursts of one run, disagree.',
    '',
    ...targetTable(results),
    ...limitLines(results),
    ...results.flatMap(sectionOf),
    '',
    '## Versions',
    '',
    versions().join(', '),
    '',
  ];
  return lines.join('\n');
}
