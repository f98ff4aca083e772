/** One of several processes that share a port, and its view of the primary. */
import cluster from 'node:cluster';
import type { Environment } from '../config/secrets.ts';
import type { Figures } from '../observability/figures.ts';
import { PLACE, type ToPrimary, type ToWorker, type WorkerPlace } from './messages.ts';

export interface Worker extends WorkerPlace {
  onStop(stop: (signal: NodeJS.Signals) => void): void;
  /** Reports that this worker serves from now on. */
  serves(port: number): void;
  /** The metrics of all workers as one text; `own` returns those of this worker. */
  shareFigures(own: () => Promise<Figures>): { render(): Promise<string> };
}

/** Null: this process serves by itself. */
export function asWorker(environment: Environment): Worker | null {
  const place = environment[PLACE];
  return cluster.isWorker && place !== undefined ? createWorker(JSON.parse(place) as WorkerPlace) : null;
}

function createWorker(place: WorkerPlace): Worker {
  const waiting = new Map<number, (text: string) => void>();
  let asked = 0;
  let own: (() => Promise<Figures>) | null = null;
  let stop = (_signal: NodeJS.Signals): void => undefined;
  // A worker whose primary died ends with it: `node:cluster` does that.
  const tell = (message: ToPrimary): void => void process.send?.(message);

  async function collect(id: number): Promise<void> {
    tell({ type: 'collected', id, figures: (await own?.()) ?? [] });
  }

  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') return stop('SIGTERM');
    if (message.type === 'collect') return void collect(message.id);
    waiting.get(message.id)?.(message.text);
    waiting.delete(message.id);
  });
  return {
    ...place,
    onStop(handler) {
      stop = handler;
      // A terminal and systemd send signals to all processes at once; only the primary's message counts.
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
    },
    serves: (port) => tell({ type: 'serves', port }),
    shareFigures(figures) {
      own = figures;
      return {
        render: () =>
          new Promise((resolve) => {
            asked += 1;
            waiting.set(asked, resolve);
            tell({ type: 'scrape', id: asked });
          }),
      };
    },
  };
}
