/** An answer of a language model, by the Vercel AI SDK, as a message that is read while it is written. */
import { type LanguageModel, streamText } from 'ai';
import type { Ask } from './ask.ts';
import { type MessageOptions, type Written, writeMessage } from './write-message.ts';

/** The model is told to stop as soon as somebody asks for that: what nobody reads is not paid for. */
export function answer(ask: Ask, model: LanguageModel, options: MessageOptions, prompt: string): Promise<Written> {
  const stop = new AbortController();
  const { textStream } = streamText({ model, prompt, abortSignal: stop.signal });
  return writeMessage(ask, options, textStream, stop);
}
