/** This service over GraphQL: a message goes to the subscribers of its conversation. */
import type { ConversationId } from '../../src/model.ts';
import { report } from './report.ts';
import { createConversation, engine, port, publisher, stop, tenant } from './running-service.ts';

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
