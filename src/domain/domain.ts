/** The rules of the product, put together. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import type { Log } from '../log.ts';
import { type Conversations, createConversations } from './conversations.ts';
import { createMessages, type Messages } from './messages.ts';
import { createPresence, type Presence } from './presence.ts';
import { createTyping, type Typing } from './typing.ts';

export interface Domain {
  readonly conversations: Conversations;
  readonly messages: Messages;
  readonly presence: Presence;
  readonly typing: Typing;
}

export function createDomain(engine: Engine, clock: Clock, log: Log, presenceGraceMs: number): Domain {
  return {
    conversations: createConversations(engine),
    messages: createMessages(engine),
    presence: createPresence(engine, clock, log, presenceGraceMs),
    typing: createTyping(engine),
  };
}
