/** This service, whose messages are read while they are written: what is published is added to the message of its conversation. */
import type { ConversationId, MessageId, UserId } from '../../src/model.ts';
import { conversationName } from '../payload.ts';
import { report } from './report.ts';
import { engine, port, publisher, stop, tenant } from './running-service.ts';

interface Writing {
  readonly id: MessageId;
  length: number;
}

const writings = new Map<string, Writing>();

/** One message is written in each conversation. */
async function start(index: number, members: readonly string[]): Promise<void> {
  const conversationId = conversationName(index) as ConversationId;
  const senderId = publisher;
  const userIds = members as readonly UserId[];
  const all = [{ userId: senderId, role: 'OWNER' as const }];
  await engine.createConversation(tenant, {
    id: conversationId,
    name: null,
    kind: 'ROOM',
    createdBy: senderId,
    members: [...all, ...userIds.map((userId) => ({ userId, role: 'MEMBER' as const }))],
  });
  const nothing = { content: '', payload: null, replyToId: null, clientMessageId: null, key: null, isHeld: false };
  const started = await engine.startMessage(tenant, { conversationId, senderId, ...nothing });
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
