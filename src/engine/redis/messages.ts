/** Messages in Redis: sent, changed and read. */
import type { MessageStore, WritingStore } from '../port.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import { createMessageAppends, type MessageAppendOptions } from './message-appends.ts';
import { createMessageChanges } from './message-changes.ts';
import { createMessageReads } from './message-reads.ts';
import type { RunScript } from './scripts.ts';

export function createMessages(
  client: RedisClient,
  run: RunScript,
  keys: Keys,
  options: MessageAppendOptions,
): MessageStore & Pick<WritingStore, 'startMessage'> {
  return {
    ...createMessageAppends(run, keys, options),
    ...createMessageChanges(keys, options),
    ...createMessageReads(client, run, keys, options),
  };
}
