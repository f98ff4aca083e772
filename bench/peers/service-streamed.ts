/** This service with streamed messages: each publication is appended to the message of its conversation. */
import type { MessageId } from '../../src/model.ts';
import { report } from './report.ts';
import { createConversation, engine, port, publisher, stop, tenant } from './running-service.ts';

interface Writing {
  readonly id: MessageId;
  length: number;
}

const writings = new Map<string, Writing>();

/** Starts one message in each conversation. */
async function start(index: number, members: readonly string[]): Promise<void> {
  const conversationId = await createConversation(index, members);
  const nothing = { content: '', payload: null, replyToId: null, clientMessageId: null, key: null, isHeld: false };
  const started = await engine.startMessage(tenant, { conversationId, senderId: publisher, ...nothing });
  if (!('message' in started)) throw new Error(started.outcome);
  writings.set(conversationId, { id: started.message.id, length: 0 });
}

report({
  port,
  async setup(members) {
    for (const [index, users] of members.entries()) await start(index, users);
  },
  publish({ conversation, content: text }) {
    const writing = writings.get(conversation);
    if (!writing) return;
    const append = { senderId: publisher, offset: writing.length, text, payload: undefined, paceMs: 0 };
    writing.length += text.length;
    void engine.appendText(tenant, writing.id, append);
  },
  stop,
});
