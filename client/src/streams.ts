/** Messages that are read while they are written: the text of an async iterable, such as the answer of a model. */
import { BackOff } from './back-off.ts';
import { APPEND, FINISH, START } from './documents.ts';
import { isPassing } from './errors.ts';
import { newId } from './host.ts';
import type { Request } from './pages.ts';
import type { Message } from './types.ts';

/** The service ends a message to which nothing was added for 60 s. */
const SIGN_OF_LIFE_MS = 20_000;
/** Of one append, in UTF-16 units: escaped as JSON it is less than a frame. */
const LONGEST_APPEND = 8_000;

export interface StreamOptions {
  readonly payload?: unknown;
  /** The id of the message that this one answers. */
  readonly replyTo?: string;
  /** A reader asked to stop: the iterable is ended, and the message finished as far as it is. */
  readonly onStop?: () => void;
}

export interface StreamParts {
  /** Asks until it is answered. Each of what is asked changes nothing when it is done a second time. */
  readonly ask: Request;
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

/** Writes all of it as one message, with what is `given` besides. Rejects with what the iterable throws, or the service refuses; the message is then aborted. */
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
  /** Of a character, as a model may give it; the other half is yet to come. */
  let half = '';
  let isRead = false;
  let failure: { readonly error: unknown } | null = null;
  let isStopped = false;
  let wake: () => void = () => undefined;
  const reading = (async () => {
    try {
      for (let next = await iterator.next(); !next.done && !isStopped; next = await iterator.next()) {
        const text = half + next.value;
        const whole = withoutHalf(text);
        half = text.slice(whole.length);
        waiting += whole;
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
    while (!isStopped) {
      if (waiting === '' && !isRead)
        await waitFor((resolve) => {
          wake = resolve;
        });
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
    unwatch();
  }
  if (isStopped) void iterator.return?.();
  else await reading;
  const failed = failure as { readonly error: unknown } | null;
  if (failed) throw failed.error;
  return isStopped;
}

const withoutHalf = (text: string): string => text.replace(/[\ud800-\udbff]$/, '');

const append = async (parts: StreamParts, id: string, offset: number, text: string): Promise<Progress> =>
  (await parts.ask<{ appendToMessage: Progress }>(APPEND, { id, offset, text })).appendToMessage;

async function waitFor(start: (resolve: () => void) => void): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SIGN_OF_LIFE_MS);
    start(resolve);
  });
  clearTimeout(timer);
}

/** The request of a page: asked again until it is answered, which is safe for what `writeStream` asks. */
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
        await new Promise((resolve) => setTimeout(resolve, backOff.after(error)));
      }
    }
  };
