/** The text of streamed messages. */
import type { Extension } from '../events.ts';
import type { Message } from '../types.ts';

/** The message with an addition: its text up to `offset`, in code points, then `text`. */
export function extended(message: Message, { offset, text, length, payload }: Extension): Message {
  const kept = offset === message.length ? message.content : [...message.content].slice(0, offset).join('');
  return { ...message, content: kept + text, length, payload: payload ?? message.payload, state: 'STREAMING' };
}
