/** This service, heard over GraphQL: a message goes to the subscribers of its conversation. */
import type { ConversationId, UserId } from '../../src/model.ts';
import { conversationName } from '../payload.ts';
import { report } from './report.ts';
import { engine, port, publisher, stop, tenant } from './running-service.ts';

async function createConversation(index: number, members: readonly string[]): Promise<void> {
  const userIds = members as readonly UserId[];
  await engine.createConversation(tenant, {
    id: conversationName(index) as ConversationId,
    name: null,
    kind: 'ROOM',
    createdBy: publisher,
    members: [{ userId: publisher, role: 'OWNER' }, ...userIds.map((userId) => ({ userId, role: 'MEMBER' as const }))],
  });
}

report({
  port,
  async setup(members) {
    for (const [index, users] of members.entries()) await createConversation(index, users);
  },
  publish({ conversation, content }) {
    void engine.appendMessage(tenant, {
      conversationId: conversation as ConversationId,
      senderId: publisher,
      content,
      payload: null,
      replyToId: null,
      clientMessageId: null,
      key: null,
    });
  },
  stop,
});
