/** Writes the answer of a language model, by the Vercel AI SDK, as a streamed message. */
import { type LanguageModel, streamText } from 'ai';
import type { Ask } from './ask.ts';
import { type MessageOptions, type Written, writeMessage } from './write-message.ts';

/** When a reader asks to stop, the model stops at once, so that unread tokens cost nothing. */
export function answer(ask: Ask, model: LanguageModel, options: MessageOptions, prompt: string): Promise<Written> {
  const stop = new AbortController();
  const { textStream } = streamText({ model, prompt, abortSignal: stop.signal });
  return writeMessage(ask, options, textStream, stop);
}
