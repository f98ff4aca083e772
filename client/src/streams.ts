/** Writes streamed messages from an async iterable, such as the answer of a model. */
import { BackOff } from './back-off.ts';
import { APPEND, FINISH, START } from './documents.ts';
import { isPassing } from './errors.ts';
import { newId } from './host.ts';
import type { Request } from './pages.ts';
import { Pauses } from './pauses.ts';
import type { Message } from './types.ts';

/** The service aborts a message without an append for 60 s. */
const SIGN_OF_LIFE_MS = 20_000;
/** The longest append in UTF-16 units: as JSON it fits into a frame. */
const LONGEST_APPEND = 8_000;

export interface StreamOptions {
  readonly payload?: unknown;
  /** The id of the message that this one replies to. */
  readonly replyTo?: string;
  /** Called when a reader asks to stop: the iterable is ended, and the message is finished with its text so far. */
  readonly onStop?: () => void;
}

export interface StreamParts {
  /** Retries until there is an answer. All its operations are idempotent. */
  readonly ask: Request;
  readonly stops: StopListeners;
}

/** Called when a reader asks to stop, by the id of the message. */
export type StopListeners = Map<string, () => void>;

interface Progress {
  readonly length: number;
  readonly stopRequested: boolean;
}

/**
 * Writes the iterable as one message, with the other fields in `given`. Rejects with the error of the iterable or of
 * the service; the message is then aborted.
 */
export async function writeStream(
  parts: StreamParts,
  conversationId: string,
  texts: AsyncIterable<string>,
  { payload = null, replyTo, onStop }: StreamOptions,
  given: object = {},
): Promise<Message> {
  const input = {
    conversationId,
    content: '',
    payload,
    replyToId: replyTo ?? null,
    clientMessageId: newId(),
    ...given,
  };
  const { startMessage } = await parts.ask<{ startMessage: { id: string } }>(START, { input });
  const { id } = startMessage;
  const finish = async (state: 'COMPLETE' | 'ABORTED'): Promise<Message> =>
    (await parts.ask<{ finishMessage: Message }>(FINISH, { id, state })).finishMessage;
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
  /** The first half of a surrogate pair; a model may send the other half later. */
  let half = '';
  let isRead = false;
  let isStopped = false;
  const pauses = new Pauses();
  const reading = (async () => {
    try {
      for (let next = await iterator.next(); !next.done && !isStopped; next = await iterator.next()) {
        const text = half + next.value;
        const whole = withoutHalf(text);
        half = text.slice(whole.length);
        waiting += whole;
        pauses.end();
      }
    } finally {
      isRead = true;
      pauses.end();
    }
  })();
  reading.catch(() => undefined);
  // Stops at once, also between appends, since a model may pause for long.
  parts.stops.set(id, () => {
    isStopped = true;
    pauses.end();
  });
  let offset = 0;
  try {
    while (!isStopped) {
      if (waiting === '' && !isRead) await pauses.of(SIGN_OF_LIFE_MS);
      if (isStopped || (waiting === '' && isRead)) break;
      const text = withoutHalf(waiting.slice(0, LONGEST_APPEND));
      waiting = waiting.slice(text.length);
      const progress = await append(parts, id, offset, text);
      offset = progress.length;
      isStopped ||= progress.stopRequested;
    }
  } catch (error) {
    isStopped = true;
    void iterator.return?.();
    throw error;
  } finally {
    parts.stops.delete(id);
  }
  if (isStopped) void iterator.return?.();
  if (isRead) await reading;
  return isStopped;
}

const withoutHalf = (text: string): string => text.replace(/[\ud800-\udbff]$/, '');

const append = async (parts: StreamParts, id: string, offset: number, text: string): Promise<Progress> =>
  (await parts.ask<{ appendToMessage: Progress }>(APPEND, { id, offset, text })).appendToMessage;

/** A request that is retried until answered, which is safe for the operations of `writeStream`. */
export const persistently =
  (request: Request, untilLive: () => Promise<void>): Request =>
  async (query, variables) => {
    const backOff = new BackOff();
    for (;;) {
      await untilLive();
      try {
        return await request(query, variables);
      } catch (error) {
        if (!isPassing(error)) throw error;
        await new Pauses().of(backOff.after(error));
      }
    }
  };
