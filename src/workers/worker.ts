/** One of several processes that share a port, and its view of the primary. */
import cluster from 'node:cluster';
import type { Environment } from '../config/secrets.ts';
import { AskedTenants, type TenantNames } from '../observability/tenant-names.ts';
import type { Gather, OwnAnswers, Reply, Subject } from '../observability/together.ts';
import { START, type ToPrimary, type ToWorker, type WorkerStart } from './messages.ts';

export interface Worker extends WorkerStart {
  onStop(stop: (signal: NodeJS.Signals) => void): void;
  /** Reports that this worker serves from now on. */
  serves(port: number): void;
  /** Answers for this worker from now on. */
  answerBy(own: OwnAnswers): void;
  /** The answers of all workers, in their order. */
  readonly gather: Gather;
  /** The tenants that metrics show by name, the same for all workers. */
  tenantNames(most: number): TenantNames;
}

/** Null: this process serves by itself. */
export function asWorker(environment: Environment): Worker | null {
  const start = environment[START];
  return cluster.isWorker && start !== undefined ? createWorker(JSON.parse(start) as WorkerStart) : null;
}

function createWorker(start: WorkerStart): Worker {
  const gathering = new Map<number, (replies: readonly Reply[]) => void>();
  let asked = 0;
  let own: OwnAnswers | null = null;
  let tenants: AskedTenants | null = null;
  let stop = (_signal: NodeJS.Signals): void => undefined;
  // `node:cluster` ends a worker whose primary died.
  const send = (message: ToPrimary): void => void process.send?.(message);

  async function answer(id: number, subject: Subject): Promise<void> {
    send({ type: 'answer', id, answer: (await own?.[subject]().catch(() => null)) ?? null });
  }

  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') return stop('SIGTERM');
    if (message.type === 'ask') return void answer(message.id, message.subject);
    if (message.type === 'tenants') return tenants?.told(message.names);
    gathering.get(message.id)?.(message.replies);
    gathering.delete(message.id);
  });
  return {
    ...start,
    onStop(handler) {
      stop = handler;
      // A terminal and systemd send signals to all processes at once; only the primary's message counts.
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
    },
    serves: (port) => send({ type: 'serves', port }),
    answerBy(answers) {
      own = answers;
    },
    tenantNames: (most) => {
      tenants = new AskedTenants(most, (tenant) => send({ type: 'tenant', tenant }));
      return tenants;
    },
    gather: (subject) =>
      new Promise((resolve) => {
        asked += 1;
        gathering.set(asked, resolve as (replies: readonly Reply[]) => void);
        send({ type: 'gather', id: asked, subject });
      }),
  };
}
