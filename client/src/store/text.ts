/** The text of streamed messages. */
import type { Extension } from '../events.ts';
import type { Message } from '../types.ts';

/** The first `length` code points of a text. */
function upTo(text: string, length: number): string {
  let at = 0;
  for (let count = 0; count < length && at < text.length; count += 1)
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(0, at);
}

/** The message with an addition: its text up to `offset`, then `text`. */
export function extended(message: Message, { offset, text, length, payload }: Extension): Message {
  const kept = offset === message.length ? message.content : upTo(message.content, offset);
  return { ...message, content: kept + text, length, payload: payload ?? message.payload, state: 'STREAMING' };
}
