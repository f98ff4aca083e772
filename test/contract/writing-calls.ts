import type { Engine, NewText, TextAppend } from '../../src/engine/port.ts';
import type { ConversationId, MessageId, MessageRecord, UserId } from '../../src/model.ts';
import { alice, tenant, text, type World } from '../support/world.ts';

/** Calls of tests that stream messages; another node reads them. */
export function writingCalls(world: () => World) {
  async function start(
    conversationId: ConversationId,
    senderId: UserId,
    content = '',
    more: { isHeld?: boolean; replyToId?: MessageId; clientMessageId?: string } = {},
  ): Promise<MessageRecord> {
    const { isHeld = false, replyToId = null, clientMessageId } = more;
    const message = { ...text(conversationId, senderId, content, clientMessageId), isHeld, replyToId };
    const started = await world().engine.startMessage(tenant, message);
    if (!('message' in started)) throw new Error(started.outcome);
    return started.message;
  }

  const append = (id: MessageId, offset: number, added: string, more: Partial<NewText> = {}): Promise<TextAppend> =>
    world().engine.appendText(tenant, id, {
      senderId: alice,
      offset,
      text: added,
      payload: undefined,
      paceMs: 0,
      ...more,
    });

  const finish = (id: MessageId, more: Partial<Parameters<Engine['finishMessage']>[2]> = {}) =>
    world().engine.finishMessage(tenant, id, {
      senderId: alice,
      state: 'COMPLETE',
      length: null,
      content: null,
      payload: undefined,
      ...more,
    });

  const stored = async (id: MessageId): Promise<MessageRecord | null> =>
    (await world().other.readMessages(tenant, [id]))[0] ?? null;

  return { start, append, finish, stored };
}
