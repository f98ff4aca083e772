/**
 * Writes what any source of text yields into one message, while people read it.
 *
 * One append is on its way at a time, and takes all that came meanwhile: a fast model makes longer appends, not more.
 * A lost reply is repaired by asking again, an append is put at its offset once (`docs/streamed-messages.md`).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Ask } from './ask.ts';

export interface MessageOptions {
  readonly conversationId: string;
  /** Whoever asks to stop this message stops all that reply to it. */
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
/** Readers are told every 40 ms at most. */
const PACE_MS = 40;
/** A message whose writer is silent for a minute is aborted. */
const KEEP_ALIVE_MS = 20_000;
const LONGEST_APPEND = 8_000;

/** What has come and is not written yet. */
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

  /** All of it, but a character that came by half. */
  take(): string {
    const end = Math.min(this.#text.length, LONGEST_APPEND);
    const isSplit = end > 0 && /[\ud800-\udbff]/.test(this.#text[end - 1] ?? '');
    const text = this.#text.slice(0, isSplit ? end - 1 : end);
    this.#text = this.#text.slice(text.length);
    return text;
  }

  /** Until there is something, or the source is over, or the service is to be told that the writer is there. */
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
 * Resolves once the message is finished: `ABORTED` where somebody asked to stop it, or `stop` is aborted,
 * which is also what ends the source then.
 *
 * @throws what the source throws; the message is `ABORTED` then, too.
 */
export async function writeMessage(
  ask: Ask,
  options: MessageOptions,
  source: AsyncIterable<string>,
  stop = new AbortController(),
): Promise<Written> {
  // The same key each time it is asked for: it is started once.
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
    // What did not get through is not waited for.
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
