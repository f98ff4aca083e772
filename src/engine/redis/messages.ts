/** Messages in Redis: sent, changed and read. */
import type { MessageStore, WritingStore } from '../port.ts';
import type { Scripts } from './batches.ts';
import type { Keys } from './keys.ts';
import { createMessageAppends, type MessageAppendOptions } from './message-appends.ts';
import { createMessageChanges } from './message-changes.ts';
import { createMessageReads } from './message-reads.ts';

export function createMessages(
  scripts: Scripts,
  keys: Keys,
  options: MessageAppendOptions,
): MessageStore & Pick<WritingStore, 'startMessage'> {
  return {
    ...createMessageAppends(scripts.run, keys, options),
    ...createMessageChanges(keys, options),
    ...createMessageReads(scripts, keys, options),
  };
}
