/** The readers of a trial's streamed messages: one over each transport. */
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { pick } from '../faults/random.ts';
import type { CallbackRouter } from '../support/callback-router.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import type { TrialGateway } from './gateway.ts';
import { Reader } from './readers.ts';
import { SCREEN, type StreamedWriters, WATCHER } from './streamed-writers.ts';
import { TRANSPORTS, type Transport } from './transports.ts';
import { tokenOf } from './world.ts';

/** What a reader was told of texts, and by which of its subscriptions. */
export interface TextReader {
  readonly name: string;
  readonly heard: readonly { readonly event: Data; readonly opening: number }[];
  readonly opening: number;
  /** What no stream may end with. */
  readonly errors: readonly string[];
  close(): void;
}

const STREAMED = `subscription ($ids: [ID!]) {
  messageStreamed(conversationIds: $ids) { messageId offset text length }
}`;
const UPDATED = `subscription ($after: [ID!]) {
  messageUpdated(after: $after) { id conversationId sequence position state content }
}`;
const FLAP_MS = 900;
const SLOW_MS = 400;
const RETRY_MS = 50;
/** Whoever is told so comes back, or reads what was lost. */
const EXPECTED = new Set(['POSITION_EXPIRED', 'SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

/** On `/ws`, cut again and again. */
export class ScreenReader implements TextReader {
  readonly name = 'on /ws';
  readonly heard: { event: Data; opening: number }[] = [];
  readonly errors: string[] = [];
  /** Of each message that ended, what it was said to be then. */
  readonly ends = new Map<string, string>();
  opening = 0;
  readonly #trial: Trial;
  #isClosed = false;
  #socket: WebSocket | null = null;

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#run().catch((error: unknown) => this.errors.push(`${this.name}: ${error}`));
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#visit();
      this.opening += 1;
      await wait(RETRY_MS);
    }
  }

  async #visit(): Promise<void> {
    const { random, isOver } = this.#trial;
    const url = `${this.#trial.node().url.replace('http', 'ws')}/ws?token=${await tokenOf(SCREEN)}&device_id=screen`;
    const socket = new WebSocket(url);
    this.#socket = socket;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()) as Data));
    const cut = (): void => pick(random, [() => socket.close(), () => socket.terminate()])();
    const timer = isOver ? undefined : setTimeout(cut, FLAP_MS * (0.5 + random()));
    await closed;
    clearTimeout(timer);
  }

  #take({ type, data }: Data): void {
    if (type === 'MessageExtended')
      this.heard.push({ event: { ...data, messageId: data.message_id }, opening: this.opening });
    if (type === 'Error' && !EXPECTED.has(data.code)) this.errors.push(`${this.name}: ${JSON.stringify(data)}`);
    if (type === 'FinishMessage') this.ends.set(data.message_id, data.content);
  }
}

export interface StreamedReaders {
  readonly texts: readonly TextReader[];
  readonly screen: ScreenReader;
  /** Of what becomes of messages, from where it was last. */
  readonly updated: Reader;
  readonly all: readonly (TextReader | Reader)[];
}

/** What readers of texts need beside the service. */
export interface TextWays {
  /** It serves one subscription. */
  readonly router: CallbackRouter;
  readonly gateway: TrialGateway;
}

export function openStreamedReaders(
  trial: Trial,
  { room, begun }: StreamedWriters,
  { router, gateway }: TextWays,
): StreamedReaders {
  const { overWebSocket, overSse, overMultipart, overCallback } = TRANSPORTS;
  const at = { userId: WATCHER, field: 'messageStreamed', query: STREAMED };
  const read = (name: string, transport: Transport, variables: Data = {}, more: { flapMs?: number } = {}): Reader =>
    new Reader(trial, { name: `texts, ${name}`, ...at, variables, transport, ...more });
  const flapping = { flapMs: FLAP_MS };
  const screen = new ScreenReader(trial);
  const sse = overSse(() => 0);
  const texts = [
    read('over graphql-ws', overWebSocket),
    read('named, over graphql-ws, flapping', overWebSocket, { ids: [room] }, flapping),
    read('over SSE, flapping', sse, {}, flapping),
    read(
      'over SSE, slow',
      overSse(() => SLOW_MS * trial.random()),
    ),
    read('over multipart', overMultipart),
    read('over callbacks', overCallback(router)),
    read(gateway.name, gateway.transport),
    read(`${gateway.name}, flapping`, gateway.transport, {}, flapping),
    screen,
  ];
  const updated = new Reader(trial, {
    name: 'texts, messageUpdated',
    userId: WATCHER,
    field: 'messageUpdated',
    query: UPDATED,
    variables: {},
    transport: overWebSocket,
    from: begun,
    ...flapping,
  });
  return { texts, screen, updated, all: [...texts, updated] };
}
