/** Readers of subscriptions, which reconnect by themselves and resume at their position. */
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { pick } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import { readLog } from './log.ts';
import type { Response, Transport } from './transports.ts';
import { tokenOf } from './world.ts';

export interface Heard {
  readonly event: Data;
  readonly at: number;
  /** Which of its subscriptions told it. */
  readonly opening: number;
  /** Raised by each loss after which it began anew. */
  readonly life: number;
}

export interface ReaderOptions {
  readonly name: string;
  readonly userId: string;
  readonly field: string;
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly transport: Transport;
  /** Where each conversation began: it resumes at the last position of each. */
  readonly from?: ReadonlyMap<string, string>;
  /** It cuts its own stream after so long, and comes back. */
  readonly flapMs?: number;
}

const RETRY_MS = 50;
const RETRIED = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

/** What is known of a message, by the conversation and its sequence. */
interface Known {
  readonly id: string;
  readonly position: string;
}

export const keyOf = (conversationId: string, sequence: number): string => `${conversationId} ${sequence}`;

export class Reader {
  readonly name: string;
  readonly heard: Heard[] = [];
  /** What no stream may end with, and events that came without their data. */
  readonly errors: string[] = [];
  /** What a client shows by now: what it was told, and read where it could not resume. */
  readonly view = new Map<string, Known>();
  /** Of each life, the last sequence of each conversation before it. */
  readonly bases: Map<string, number>[] = [new Map()];
  opening = 0;
  readonly #trial: Trial;
  readonly #options: ReaderOptions;
  readonly #positions: Map<string, string>;
  readonly #closing = new AbortController();
  #hasExpired = false;

  constructor(trial: Trial, options: ReaderOptions) {
    this.#trial = trial;
    this.#options = options;
    this.name = options.name;
    this.#positions = new Map(options.from);
    this.#run().catch((error: unknown) => this.errors.push(`${this.name}: ${error}`));
  }

  /** The subscription that tells it something now; null: it is not known yet whether the present one does. */
  get liveOpening(): number | null {
    return this.heard.at(-1)?.opening === this.opening ? this.opening : null;
  }

  /** What the present subscription told. */
  get present(): readonly Data[] {
    return this.heard.filter(({ opening }) => opening === this.opening).map(({ event }) => event);
  }

  get life(): number {
    return this.bases.length - 1;
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const { userId, query, variables, transport, from, flapMs } = this.#options;
    const { signal: closed } = this.#closing;
    while (!closed.aborted) {
      const flap = new AbortController();
      const after = 0.5 + this.#trial.random();
      const timer = flapMs && !this.#trial.isOver ? setTimeout(() => flap.abort(), flapMs * after) : undefined;
      await transport({
        node: this.#trial.node(),
        token: await tokenOf(userId),
        query,
        // Where it was last: a stream that never came to be has told of nothing.
        variables: { ...variables, ...(from ? { after: [...this.#positions.values()] } : {}) },
        signal: AbortSignal.any([closed, flap.signal]),
        // What was on its way when it cut its stream comes again in the next.
        onResponse: (response) => flap.signal.aborted || this.#take(response),
      });
      clearTimeout(timer);
      if (this.#hasExpired) await this.#beginAnew(from ? [...this.#positions.keys()] : []);
      this.opening += 1;
      await wait(RETRY_MS);
    }
  }

  #take({ data, errors }: Response): void {
    if (this.#closing.signal.aborted) return;
    const codes = errors?.map(({ extensions }) => String(extensions?.code)) ?? [];
    // Without any data it is no event: the stream was refused, or is over.
    if (data === undefined) {
      for (const code of codes) this.#end(code);
      return;
    }
    for (const code of codes) this.errors.push(`${this.name}: an event with ${code} at ${this.#trial.second}`);
    if (!data) return;
    const event = data[this.#options.field];
    this.heard.push({ event, at: performance.now(), opening: this.opening, life: this.life });
    const { conversationId, position, sequence, id } = event;
    if (!position) return;
    this.#positions.set(conversationId, position);
    this.view.set(keyOf(conversationId, sequence), { id, position });
  }

  #end(code: string): void {
    if (code === 'POSITION_EXPIRED' && this.#trial.world.lossy) this.#hasExpired = true;
    else if (!RETRIED.has(code)) this.errors.push(`${this.name}: ended with ${code} at ${this.#trial.second}`);
  }

  /** As a client does whose log lost its end: it reads what there is, and goes on from there. */
  async #beginAnew(ids: readonly string[]): Promise<void> {
    this.#hasExpired = false;
    const base = new Map<string, number>();
    for (const id of ids) {
      const { position, messages } = await readLog(this.#trial, id, this.#options.userId);
      this.#positions.set(id, position);
      base.set(id, messages.length);
      for (const key of [...this.view.keys()]) if (key.startsWith(id)) this.view.delete(key);
      for (const message of messages) this.view.set(keyOf(id, message.sequence), message as Known);
    }
    this.bases.push(base);
  }
}

/** A device on `/ws` that comes and goes: it says goodbye, or vanishes. */
export class RawReader {
  readonly events: Data[] = [];
  /** When it was told last that what it had missed was lost, and is to be read. */
  expiredAt = 0;
  readonly #trial: Trial;
  readonly #userId: string;
  #isClosed = false;
  #socket: WebSocket | null = null;

  constructor(trial: Trial, userId: string) {
    this.#trial = trial;
    this.#userId = userId;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#visit();
      await wait(RETRY_MS);
    }
  }

  async #visit(): Promise<void> {
    const { random, isOver } = this.#trial;
    const url = `${this.#trial.node().url.replace('http', 'ws')}/ws?token=${await tokenOf(this.#userId)}&device_id=flapping`;
    const socket = new WebSocket(url);
    this.#socket = socket;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Data;
      if (frame.type === 'RoomMessage') this.events.push(frame.data);
      if (frame.data?.code !== 'POSITION_EXPIRED') return;
      this.expiredAt = performance.now();
      if (!this.#trial.world.lossy) this.#trial.breaches.push(`/ws: ${data.toString()}, and nothing was lost`);
    });
    const end = setTimeout(
      () => pick(random, [() => socket.close(), () => socket.terminate()])(),
      100 + 600 * random(),
    );
    if (isOver) clearTimeout(end);
    await closed;
    clearTimeout(end);
  }
}
