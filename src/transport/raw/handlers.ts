/** The operation of each frame: the same as those of GraphQL, answered in frames. */

import type { SeenConversation } from '../../access/seen.ts';
import { streamRequest } from '../../domain/cursor.ts';
import { isDirect } from '../../domain/direct-id.ts';
import { text } from '../../domain/input.ts';
import { presenceUserIds } from '../../domain/presence.ts';
import { badInput, notFound } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, MessageRecord, PresenceStatus, UserId } from '../../model.ts';
import type { RawClient } from './client.ts';
import type { FrameData, FrameType } from './frames.ts';
import { presenceData } from './rendering.ts';

/** Answers the present frame. */
export type AnswerFrame = (type: string, data: object) => Promise<void>;
type Handler<Type extends FrameType> = (data: FrameData<Type>, client: RawClient, answer: AnswerFrame) => Promise<void>;

interface Body {
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
}

/**
 * Content and payload of a message. Without content, a payload that is a string becomes the content for other clients.
 */
function bodyOf({ content, payload }: Body): Body {
  if (content !== undefined && content !== null) return { content, payload };
  if (payload === undefined || payload === null) throw badInput('data.payload: is required when there is no content.');
  if (typeof payload !== 'string') return { content: '', payload };
  try {
    return { content: text(payload, 'payload', 1, LIMITS.contentCharacters), payload };
  } catch {
    return { content: '', payload };
  }
}

const STATUSES: readonly PresenceStatus[] = ['ONLINE', 'AWAY', 'BUSY', 'OFFLINE'];

function statusOf(given: string): PresenceStatus {
  const status = STATUSES.find((each) => each === given.toUpperCase());
  if (!status) throw badInput(`data.status: must be one of ${STATUSES.join(', ')}.`);
  return status;
}

function sent({ id, conversationId, sequence }: MessageRecord): object {
  return { status: 'sent', message_id: id, conversation_id: conversationId, sequence };
}

async function membersOf(conversation: SeenConversation, { domain, viewer }: RawClient): Promise<UserId[]> {
  const { members } = await domain.conversations.members(viewer.tenant, conversation, LIMITS.pageSize, null);
  return members.map(({ userId }) => userId);
}

async function joined(conversation: SeenConversation, client: RawClient): Promise<object> {
  return { status: 'joined', room: conversation.id, members: await membersOf(conversation, client) };
}

export const HANDLERS: { readonly [Type in FrameType]: Handler<Type> } = {
  async Subscribe({ topics }, client, answer) {
    const { topics: names } = await client.domain.topics.subscribeRight(client.viewer, topics);
    const begin = await client.topics.add(names);
    await answer('Status', { status: 'subscribed', topics: names });
    begin();
  },

  async Unsubscribe({ topics }, client, answer) {
    if (topics.length > LIMITS.topicsPerSocket)
      throw badInput(`data.topics: must have at most ${LIMITS.topicsPerSocket} items.`);
    client.topics.remove(client.domain.topics.named(topics));
    await answer('Status', { status: 'unsubscribed', topics });
  },

  async Broadcast({ topic, payload, idempotency_key: idempotencyKey }, { domain, viewer }, answer) {
    const { publication } = await domain.topics.publish(viewer, { topic, payload, idempotencyKey });
    await answer('Status', { status: 'published', message_id: publication.id });
  },

  async DirectMessage(data, client, answer) {
    const { domain, viewer, feed } = client;
    const input = { ...bodyOf(data), clientMessageId: data.client_message_id };
    const message = await feed.sending(() => domain.messages.sendDirect(viewer, data.target_user, input));
    await answer('Status', sent(message));
  },

  async CreateRoom({ room: id, name, member_ids: memberIds }, client, answer) {
    const { domain, viewer } = client;
    const conversation = await domain.conversations.create(viewer, { id, name, kind: 'ROOM', memberIds });
    await answer('Status', await joined(conversation, client));
  },

  async JoinRoom({ room: id }, client, answer) {
    const { domain, viewer } = client;
    const conversation = await domain.conversations.join(viewer, id);
    await answer('Status', await joined(conversation, client));
  },

  async LeaveRoom({ room: id }, client, answer) {
    const { domain, viewer } = client;
    // The members are read before the client leaves, since it loses the right with leaving.
    const [before] = await domain.conversations.findMany(viewer, [id]);
    const members = before ? await membersOf(before, client) : [];
    await domain.conversations.leave(viewer, id);
    const others = members.filter((userId) => userId !== viewer.userId);
    await answer('Status', { status: 'left', room: id, members: others });
  },

  async RoomMessage(data, { domain, viewer }, answer) {
    const { room: conversationId, reply_to_id: replyToId, client_message_id: clientMessageId } = data;
    if (isDirect(conversationId as ConversationId)) throw notFound('room');
    const input = { ...bodyOf(data), conversationId, replyToId, clientMessageId, onBehalfOf: data.on_behalf_of };
    const message = await domain.messages.send(viewer, input);
    await answer('Status', sent(message));
  },

  async StartMessage(data, { domain, viewer, meter }, answer) {
    // A long append also counts as a message.
    meter.count('message');
    const { conversation_id: conversationId, content, payload, reply_to_id: replyToId } = data;
    const names = { clientMessageId: data.client_message_id, onBehalfOf: data.on_behalf_of };
    const input = { conversationId, content, payload, replyToId, ...names };
    await answer('Status', { ...sent(await domain.writings.start(viewer, input)), status: 'started' });
  },

  async AppendMessage(data, { domain, viewer, meter }, answer) {
    const { id, length, stopRequested } = await domain.writings.append(viewer, data, meter);
    await answer('Status', { status: 'appended', message_id: id, length, stop_requested: stopRequested });
  },

  async FinishMessage(data, { domain, viewer, meter }, answer) {
    await answer('Status', { ...sent(await domain.writings.finish(viewer, data, meter)), status: 'finished' });
  },

  async StopMessage({ id }, { domain, viewer }, answer) {
    await domain.writings.stop(viewer, id);
    await answer('Status', { status: 'stopping', message_id: id });
  },

  async Typing({ conversation_id, is_typing }, { domain, viewer, meter }, answer) {
    await domain.typing.set(viewer, meter, conversation_id, is_typing);
    await answer('Status', { status: 'typing', conversation_id, is_typing });
  },

  async Presence(data, client, answer) {
    const { domain, viewer, meter } = client;
    if (typeof data.status === 'string') {
      const presence = await domain.presence.set(viewer, meter, statusOf(data.status), data.status_text);
      return answer('Presence', presenceData(presence));
    }
    const userIds = presenceUserIds(data.watch ?? []);
    const begin = await client.watch(userIds);
    await answer('Status', { status: 'watching', user_ids: userIds });
    begin();
  },

  async Resume({ positions }, { feed }, answer) {
    const { after } = streamRequest(null, positions);
    await feed.resume(after);
    await answer('Status', { status: 'resumed' });
    feed.begin();
  },

  async Authenticate({ token }, client, answer) {
    const next = await client.authenticate(token);
    await answer('Status', { status: 'authenticated', expires_at: new Date(next.expiresAt).toISOString() });
  },

  async Ping(_data, _client, answer) {
    await answer('Pong', {});
  },
};
