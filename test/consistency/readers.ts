/** Readers of every subscription: they come back by themselves, and resume where they were. */
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { pick } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';

export interface Reader {
  readonly name: string;
  /** What it was given, in order. */
  readonly events: Data[];
  /** Errors that ended its stream and are none from which it resumes. */
  readonly errors: string[];
  close(): void;
}

export interface ReaderOptions {
  readonly name: string;
  readonly userId: string;
  readonly field: string;
  readonly query: string;
  readonly variables: Record<string, unknown>;
  /** Resumes at the last position of each conversation. */
  readonly resumes: boolean;
  /** Where each conversation began. */
  readonly from?: ReadonlyMap<string, string>;
}

const RETRY_MS = 50;
const RETRIED = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

/** A subscription over graphql-ws that is opened again whenever it ends. */
export function subscribe(trial: Trial, options: ReaderOptions): Reader {
  const { name, userId, field, query, variables, resumes, from = [] } = options;
  const events: Data[] = [];
  const errors: string[] = [];
  const positions = new Map<string, string>(from);
  let node = trial.node();
  let isClosed = false;
  const client = createClient({
    url: () => {
      node = trial.node();
      return node.wsUrl;
    },
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ token: await node.token(userId) }),
    retryAttempts: 0,
    lazy: true,
  });
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      // Where it was last: a stream that never came to be has told of nothing.
      const after = resumes ? { after: [...positions.values()] } : {};
      client.subscribe<Data>(
        { query, variables: { ...variables, ...after } },
        {
          next({ data, errors: faults }) {
            for (const { extensions } of faults ?? []) errors.push(`${name}: an event with ${extensions?.['code']}`);
            if (!data) return;
            const event = data[field];
            events.push(event);
            if (event.position) positions.set(event.conversationId, event.position);
          },
          error(error) {
            const codes = Array.isArray(error) ? error.map(({ extensions }) => String(extensions?.['code'])) : [];
            for (const code of codes) if (!RETRIED.has(code)) errors.push(`${name}: ended with ${code}`);
            resolve();
          },
          complete: resolve,
        },
      );
    });
  const run = async (): Promise<void> => {
    while (!isClosed) {
      await once();
      await wait(RETRY_MS);
    }
  };
  void run();
  return {
    name,
    events,
    errors,
    close() {
      isClosed = true;
      void client.dispose();
    },
  };
}

/** A device on `/ws` that comes and goes: it says goodbye, or vanishes. */
export function readRaw(trial: Trial, userId: string): Reader {
  const events: Data[] = [];
  let isClosed = false;
  let socket: WebSocket | null = null;
  const visit = async (): Promise<void> => {
    const node = trial.node();
    const url = `${node.url.replace('http', 'ws')}/ws?token=${await node.token(userId)}&device_id=flapping`;
    const current = new WebSocket(url);
    socket = current;
    const closed = new Promise<void>((resolve) => current.once('close', () => resolve()));
    current.on('error', () => undefined);
    current.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Data;
      if (frame.type === 'RoomMessage') events.push(frame.data);
    });
    const end = setTimeout(
      () => pick(trial.random, [() => current.close(), () => current.terminate()])(),
      100 + 600 * trial.random(),
    );
    if (trial.isOver) clearTimeout(end);
    await closed;
    clearTimeout(end);
  };
  const run = async (): Promise<void> => {
    while (!isClosed) {
      await visit();
      await wait(RETRY_MS);
    }
  };
  void run();
  return {
    name: '/ws',
    events,
    errors: [],
    close() {
      isClosed = true;
      socket?.terminate();
    },
  };
}
