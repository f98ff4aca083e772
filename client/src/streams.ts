/** Messages that are read while they are written: the text of an async iterable, such as the answer of a model. */
import { APPEND, FINISH, START } from './documents.ts';
import { isPassing, RequestError } from './errors.ts';
import { newId } from './host.ts';
import type { Request } from './pages.ts';
import type { Message } from './types.ts';

/** The service ends a message to which nothing was added for 60 s. */
const SIGN_OF_LIFE_MS = 20_000;
const TRY_AGAIN_MS = 500;

export interface StreamOptions {
  readonly payload?: unknown;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
  /** A reader asked to stop: the iterable is ended, and the message finished as far as it is. */
  readonly onStop?: () => void;
}

export interface StreamParts {
  readonly request: Request;
  /** Resolves when there is a connection; rejects when the client was closed. */
  readonly untilLive: () => Promise<void>;
  readonly stops: StopRequests;
}

/** Whom a reader's wish to stop ends, by the id of the message. */
export class StopRequests {
  readonly #listeners = new Map<string, () => void>();

  /** Answers how to listen no more. */
  of(messageId: string, listener: () => void): () => void {
    this.#listeners.set(messageId, listener);
    return () => void this.#listeners.delete(messageId);
  }

  told(messageId: string): void {
    this.#listeners.get(messageId)?.();
  }
}

interface Progress {
  readonly length: number;
  readonly stopRequested: boolean;
}

/** Writes all of it as one message. Rejects with what the iterable throws, or the service refuses; the message is then aborted. */
export async function writeStream(
  parts: StreamParts,
  conversationId: string,
  texts: AsyncIterable<string>,
  { payload = null, replyTo, onStop }: StreamOptions,
): Promise<Message> {
  const input = { conversationId, content: '', payload, replyToId: replyTo ?? null, clientMessageId: newId() };
  const { startMessage } = await persistently<{ startMessage: { id: string } }>(parts, START, { input });
  const { id } = startMessage;
  const finish = async (state: 'COMPLETE' | 'ABORTED'): Promise<Message> =>
    (await persistently<{ finishMessage: Message }>(parts, FINISH, { id, state })).finishMessage;
  try {
    const isStopped = await appendAll(parts, id, texts);
    if (isStopped) onStop?.();
  } catch (error) {
    await finish('ABORTED').catch(() => undefined);
    throw error;
  }
  return finish('COMPLETE');
}

/** Text that arrives during an append becomes one append. Resolves to whether a reader asked to stop. */
async function appendAll(parts: StreamParts, id: string, texts: AsyncIterable<string>): Promise<boolean> {
  const iterator = texts[Symbol.asyncIterator]();
  let waiting = '';
  let isRead = false;
  let failure: { readonly error: unknown } | null = null;
  let isStopped = false;
  let wake: () => void = () => undefined;
  const reading = (async () => {
    try {
      for (let next = await iterator.next(); !next.done && !isStopped; next = await iterator.next()) {
        waiting += next.value;
        wake();
      }
    } catch (error) {
      failure = { error };
    }
    isRead = true;
    wake();
  })();
  // At once, though nothing is appended meanwhile: a model may think for long.
  const unwatch = parts.stops.of(id, () => {
    isStopped = true;
    wake();
  });
  let offset = 0;
  try {
    for (;;) {
      if (isStopped) break;
      if (waiting === '' && !isRead)
        await waitFor((resolve) => {
          wake = resolve;
        });
      if (isStopped || (waiting === '' && isRead)) break;
      const text = waiting;
      waiting = '';
      const progress = await append(parts, id, offset, text);
      offset = progress.length;
      isStopped ||= progress.stopRequested;
      if (isStopped) break;
    }
  } catch (error) {
    isStopped = true;
    void iterator.return?.();
    throw error;
  } finally {
    unwatch();
  }
  if (isStopped) void iterator.return?.();
  else await reading;
  const failed = failure as { readonly error: unknown } | null;
  if (failed) throw failed.error;
  return isStopped;
}

const append = async (parts: StreamParts, id: string, offset: number, text: string): Promise<Progress> =>
  (await persistently<{ appendToMessage: Progress }>(parts, APPEND, { id, offset, text })).appendToMessage;

async function waitFor(start: (resolve: () => void) => void): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SIGN_OF_LIFE_MS);
    start(resolve);
  });
  clearTimeout(timer);
}

/** Each of these changes nothing when it is done a second time, so it is sent until it is answered. */
async function persistently<Data>(
  { request, untilLive }: StreamParts,
  query: string,
  variables: object,
): Promise<Data> {
  for (;;) {
    await untilLive();
    try {
      return await request<Data>(query, variables as Readonly<Record<string, unknown>>);
    } catch (error) {
      if (!isPassing(error)) throw error;
      const ms = error instanceof RequestError ? (error.retryAfterMs ?? TRY_AGAIN_MS) : TRY_AGAIN_MS;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }
}
