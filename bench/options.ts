/** The options of the command line: `npm run bench -- --only a,b --peers service-redis,bare --quick --runs 1`. */
import { parseArgs } from 'node:util';
import { PEERS, type PeerSpec } from './catalogue.ts';
import { fanOut } from './workloads/fan-out.ts';
import { latency } from './workloads/latency.ts';
import { sending } from './workloads/sending.ts';
import { sockets } from './workloads/sockets.ts';
import { texts } from './workloads/texts.ts';
import type { Scale, Workload } from './workloads/workload.ts';

export interface Options {
  /** Makes the workloads of one run: each run measures the machine anew. */
  workloads(): readonly Workload[];
  readonly peers: readonly PeerSpec[];
  readonly runs: number;
  /** Whether everything runs at full size: only then the results are written. */
  readonly isComplete: boolean;
}

const FULL: Scale = { sockets: 1, time: 1 };
const QUICK: Scale = { sockets: 10, time: 5 };

function choose<Item extends { readonly id: string }>(items: readonly Item[], wanted: string | undefined): Item[] {
  if (wanted === undefined) return [...items];
  const ids = wanted.split(',');
  const unknown = ids.filter((id) => !items.some((item) => item.id === id));
  if (unknown.length > 0) {
    throw new Error(`There is no ${unknown.join(', ')}; there are ${items.map(({ id }) => id).join(', ')}.`);
  }
  return items.filter(({ id }) => ids.includes(id));
}

export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
    },
  });
  const scale = values.quick ? QUICK : FULL;
  const workloads = (): Workload[] => [
    ...fanOut(scale),
    ...sockets(scale),
    ...latency(scale),
    ...sending(scale),
    ...texts(scale),
  ];
  const isComplete = !values.quick && values.only === undefined && values.peers === undefined;
  return {
    workloads: () => choose(workloads(), values.only),
    peers: choose(PEERS, values.peers),
    runs: Number(values.runs ?? (isComplete ? 2 : 1)),
    isComplete,
  };
}
