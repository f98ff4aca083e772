/**
 * Writes the output of any source of text into one message, while people read it.
 *
 * One append is sent at a time, with all text that came meanwhile: a fast model makes longer appends, not more appends.
 * After a lost reply the append is sent again, and is stored once, at its offset (`docs/streamed-messages.md`).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Ask } from './ask.ts';

export interface MessageOptions {
  readonly conversationId: string;
  /** A request to stop this message also stops all replies to it. */
  readonly replyToId?: string;
}

export interface Written {
  readonly id: string;
  readonly state: 'COMPLETE' | 'ABORTED';
  readonly content: string;
}

const START = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id } }';
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!) {
  appendToMessage(id: $id, offset: $offset, text: $text) { length stopRequested }
}`;
const FINISH = `mutation ($id: ID!, $state: MessageState!) {
  finishMessage(id: $id, state: $state) { id state content }
}`;
/** Readers get an event every 40 ms at most. */
const PACE_MS = 40;
/** Shorter than the minute after which the message of a silent writer is aborted. */
const KEEP_ALIVE_MS = 20_000;
const LONGEST_APPEND = 8_000;

/** Text that has come and is not written yet. */
class Waiting {
  isOver = false;
  #text = '';
  #wake: (() => void) | null = null;

  async fill(source: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
    try {
      for await (const text of source) {
        if (signal.aborted) return;
        this.#text += text;
        this.#wake?.();
      }
    } finally {
      this.isOver = true;
      this.#wake?.();
    }
  }

  /** Takes all of the text, except a character of which only one half has come. */
  take(): string {
    const end = Math.min(this.#text.length, LONGEST_APPEND);
    const isSplit = end > 0 && /[\ud800-\udbff]/.test(this.#text[end - 1] ?? '');
    const text = this.#text.slice(0, isSplit ? end - 1 : end);
    this.#text = this.#text.slice(text.length);
    return text;
  }

  /** Waits for text, the end of the source, or the time of an empty append that keeps the message alive. */
  async some(): Promise<void> {
    if (this.#text !== '' || this.isOver) return;
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([woken, wait(KEEP_ALIVE_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    this.#wake = null;
  }
}

/**
 * Resolves once the message is finished. It is `ABORTED` if a reader asked to stop it or `stop` is aborted. A request to
 * stop also aborts `stop`, which ends the source.
 *
 * @throws the error of the source; the message is then `ABORTED` as well.
 */
export async function writeMessage(
  ask: Ask,
  options: MessageOptions,
  source: AsyncIterable<string>,
  stop = new AbortController(),
): Promise<Written> {
  // Retries have the same key, so the message is started once.
  const { startMessage } = await ask(START, { input: { ...options, content: '', clientMessageId: randomUUID() } });
  const { id } = startMessage;
  const waiting = new Waiting();
  let failure: unknown;
  const filled = waiting.fill(source, stop.signal).catch((error: unknown) => {
    failure = error;
  });
  try {
    await append(ask, id, waiting, stop);
  } finally {
    // After a failed append, do not wait for the rest of the source.
    if (!waiting.isOver) stop.abort();
  }
  await filled;
  const state = failure !== undefined || stop.signal.aborted ? 'ABORTED' : 'COMPLETE';
  const { finishMessage } = await ask(FINISH, { id, state });
  if (failure !== undefined && !stop.signal.aborted) throw failure;
  return finishMessage;
}

async function append(ask: Ask, id: string, waiting: Waiting, stop: AbortController): Promise<void> {
  let offset = 0;
  for (;;) {
    await waiting.some();
    const text = waiting.take();
    if (stop.signal.aborted || (text === '' && waiting.isOver)) return;
    const { appendToMessage } = await ask(APPEND, { id, offset, text });
    offset = appendToMessage.length;
    if (appendToMessage.stopRequested) stop.abort();
    await wait(PACE_MS);
  }
}
