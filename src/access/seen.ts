/**
 * The only place that decides who may see a conversation, expressed in types.
 *
 * A record of the engine does not depend on the caller. Resolvers and rules that read contents take only
 * `SeenConversation` and `SeenMessage`, which only this file makes: by a check, or from something already checked. A
 * path without a check does not compile.
 */
import type {
  Engine,
  Gone,
  ListEntryChange,
  ListQuery,
  NewConversation,
  QuotaFull,
  RoomSortKey,
} from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import {
  type ConversationId,
  type ConversationRecord,
  isService,
  type ListedConversation,
  type MemberRole,
  type Membership,
  type MessageId,
  type MessageRecord,
  RANKS,
  type ReadReceiptRecord,
  type TenantId,
  type UserId,
  type Viewer,
} from '../model.ts';
import { isAdmin, requireSelf } from './rights.ts';

declare const seen: unique symbol;

/** A conversation whose contents its viewer may see. */
export type SeenConversation = ConversationRecord & { readonly [seen]: 'conversation' };
/** A message that its viewer may see. */
export type SeenMessage = MessageRecord & { readonly [seen]: 'message' };

/** A message that a back end sent for a user. The back end gets no further access to its conversation by sending it. */
export type SentMessage = MessageRecord & { readonly isSentFor: true };

/** The messages that an answer may contain. */
export type ShownMessage = SeenMessage | SentMessage;

/** Text of a message that its viewer may see. */
export type SeenText<Text> = Text & { readonly [seen]: 'text' };

/** A conversation at the moment its viewer left it. Its current contents are no longer visible to the viewer. */
export type LeftConversation = ConversationRecord & { readonly isLeft: true };

/**
 * A conversation with a read position of the viewer that is not stored yet. `ownReceipt` is the receipt once it is
 * stored.
 */
export type MarkedConversation = SeenConversation & { readonly ownReceipt: ReadReceiptRecord };

/** The conversations that an answer may contain. */
export type ShownConversation = SeenConversation | MarkedConversation | LeftConversation;

/** The fields of a room that everyone in the tenant may read: enough to join it. */
export type OpenRoom = Pick<ConversationRecord, 'id' | 'name' | 'memberCount'>;

export interface Seen {
  readonly conversation: SeenConversation;
  /** Null for an admin who is not a member. */
  readonly membership: Membership | null;
}

/** Whether a viewer with this membership sees a conversation: members and tenant admins do. */
export function maySee(viewer: Viewer, membership: Membership | null): boolean {
  return membership !== null || isAdmin(viewer);
}

/** Those of these conversations that the viewer may see, in the given order; null if absent or forbidden. */
export async function see(engine: Engine, viewer: Viewer, ids: readonly ConversationId[]): Promise<(Seen | null)[]> {
  const [conversations, memberships] = await Promise.all([
    engine.readConversations(viewer.tenant, ids),
    engine.readMemberships(
      viewer.tenant,
      ids.map((conversationId) => ({ conversationId, userId: viewer.userId })),
    ),
  ]);
  return conversations.map((conversation, index) => {
    const membership = memberships[index] ?? null;
    return conversation && maySee(viewer, membership)
      ? { conversation: conversation as SeenConversation, membership }
      : null;
  });
}

/** Messages of conversations the viewer may see, in the given order; null if absent or forbidden. */
export async function seeMessages(
  engine: Engine,
  viewer: Viewer,
  ids: readonly MessageId[],
): Promise<(SeenMessage | null)[]> {
  const messages = await engine.readMessages(viewer.tenant, ids);
  const conversationIds = [...new Set(messages.flatMap((message) => (message ? [message.conversationId] : [])))];
  const visible = new Map((await see(engine, viewer, conversationIds)).map((each) => [each?.conversation.id, each]));
  return messages.map((message) => {
    const within = message && visible.get(message.conversationId);
    return within ? partOf(within.conversation, message) : null;
  });
}

/** A conversation in the list of a user who is a member of it. */
export interface SeenEntry {
  readonly conversation: SeenConversation;
  readonly membership: Membership;
  readonly listed: ListedConversation;
}

/** A page of a user's list. @throws {ServiceError} FORBIDDEN for others. */
export async function seeListOf(
  engine: Engine,
  viewer: Viewer,
  userId: UserId,
  query: ListQuery,
): Promise<{ readonly entries: readonly SeenEntry[]; readonly totalCount: number; readonly isLast: boolean }> {
  requireSelf(viewer, userId);
  const { tenant } = viewer;
  // One more than asked, to find out whether another page follows.
  const { entries: found, totalCount } = await engine.listConversations(tenant, userId, {
    ...query,
    limit: query.limit + 1,
  });
  const page = found.slice(0, query.limit);
  const ids = page.map(({ conversationId }) => conversationId);
  const [conversations, memberships] = await Promise.all([
    engine.readConversations(tenant, ids),
    engine.readMemberships(
      tenant,
      ids.map((conversationId) => ({ conversationId, userId })),
    ),
  ]);
  const entries = page.flatMap((listed, index) => {
    const [conversation, membership] = [conversations[index], memberships[index]];
    return conversation && membership ? [{ conversation: conversation as SeenConversation, membership, listed }] : [];
  });
  return { entries, totalCount, isLast: found.length <= query.limit };
}

/** @throws {ServiceError} NOT_FOUND when the viewer may not see it. */
export async function requireSeen(engine: Engine, viewer: Viewer, id: ConversationId): Promise<Seen> {
  const [found] = await see(engine, viewer, [id]);
  if (!found) throw notFound('conversation');
  return found;
}

/** The viewer's role for permission checks; tenant admins count as owners. */
function rankOf({ membership }: Seen, viewer: Viewer): number {
  if (isAdmin(viewer)) return RANKS.OWNER;
  return membership ? RANKS[membership.role] : 0;
}

/** @throws {ServiceError} NOT_FOUND when not seen, FORBIDDEN below the role. */
export async function requireRole(engine: Engine, viewer: Viewer, id: ConversationId, role: MemberRole): Promise<Seen> {
  const found = await requireSeen(engine, viewer, id);
  if (rankOf(found, viewer) < RANKS[role]) {
    throw new ServiceError(
      'FORBIDDEN',
      role === 'OWNER' ? 'Only an OWNER may do this.' : `Only a ${role} or an OWNER may do this.`,
    );
  }
  return found;
}

export function outranks(found: Seen, viewer: Viewer, other: MemberRole): boolean {
  const rank = rankOf(found, viewer);
  return rank === RANKS.OWNER || rank > RANKS[other];
}

/**
 * A conversation that the viewer may join without an invitation: a room, or, for a back end, any conversation that is
 * not direct. Null otherwise.
 */
export async function findOpen(engine: Engine, viewer: Viewer, id: ConversationId): Promise<OpenRoom | null> {
  const [conversation] = await engine.readConversations(viewer.tenant, [id]);
  const isOpen = conversation?.kind === 'ROOM' || (conversation?.kind === 'GROUP' && isService(viewer));
  return isOpen ? conversation : null;
}

/** The rooms that these entries of the list of rooms name; null for one that no longer exists. */
export async function findRooms(
  engine: Engine,
  tenant: TenantId,
  listed: readonly RoomSortKey[],
): Promise<(OpenRoom | null)[]> {
  const conversations = await engine.readConversations(
    tenant,
    listed.map(({ id }) => id),
  );
  return conversations.map((conversation) =>
    conversation?.kind === 'ROOM'
      ? { id: conversation.id, name: conversation.name, memberCount: conversation.memberCount }
      : null,
  );
}

/** Changes the viewer's own settings of a conversation. @throws {ServiceError} NOT_FOUND, or FORBIDDEN for an admin who is not a member. */
export async function keepAs(
  engine: Engine,
  viewer: Viewer,
  id: ConversationId,
  change: ListEntryChange,
): Promise<SeenEntry> {
  const { conversation, membership } = await requireSeen(engine, viewer, id);
  if (!membership) throw new ServiceError('FORBIDDEN', 'Only members may do this.');
  const listed = await engine.changeListed(viewer.tenant, viewer.userId, id, change);
  if (!listed) throw notFound('conversation');
  return { conversation, membership, listed };
}

/** @throws {ServiceError} FORBIDDEN for a conversation its viewer left. */
export function contentsOf(conversation: ShownConversation): SeenConversation {
  if ('isLeft' in conversation) throw new ServiceError('FORBIDDEN', 'The caller has left this conversation.');
  return conversation;
}

type Created =
  | { readonly outcome: 'created'; readonly conversation: SeenConversation }
  | { readonly outcome: 'exists'; readonly conversation: ConversationRecord }
  | QuotaFull
  | Gone;

/** Creates a conversation with the viewer as one of its first members; `exists` does not say who may see it. */
export async function createAs(engine: Engine, viewer: Viewer, conversation: NewConversation): Promise<Created> {
  const isOne = conversation.members.some(({ userId }) => userId === viewer.userId);
  if (!isOne || conversation.createdBy !== viewer.userId)
    throw new Error('The conversation is created for another user.');
  return (await engine.createConversation(viewer.tenant, conversation)) as Created;
}

/** Makes the viewer a member of a room, if necessary. */
export async function joinAs(engine: Engine, viewer: Viewer, room: OpenRoom) {
  const { tenant, userId } = viewer;
  // A back end may be in as many conversations as its tenant has.
  const change = isService(viewer)
    ? await engine.addMembers(tenant, room.id, [userId], 'MEMBER')
    : await engine.joinConversation(tenant, room.id, userId);
  return 'conversation' in change ? { ...change, conversation: change.conversation as SeenConversation } : change;
}

/** Moves the viewer's own read position; only members have one. */
export async function markReadAs(engine: Engine, viewer: Viewer, id: ConversationId, sequence: number) {
  const change = await engine.markRead(viewer.tenant, id, viewer.userId, sequence);
  return 'conversation' in change ? { ...change, conversation: change.conversation as SeenConversation } : change;
}

/** The viewer's own message. The engine stores and returns it for members of its conversation only. */
export function ownMessage(viewer: Viewer, message: MessageRecord): ShownMessage {
  if (message.senderId !== viewer.userId) throw new Error('The message is of another sender.');
  return shownTo(viewer, message as SeenMessage);
}

/** A message that the viewer sent on behalf of a user, as a back end; null: another caller sent it. */
export function sentBy(viewer: Viewer, message: MessageRecord): SentMessage | null {
  return message.via === viewer.userId && isService(viewer) ? { ...message, isSentFor: true } : null;
}

/**
 * A message that the viewer sees, for the back end that acts for the viewer. This is a copy, since announcements are
 * shared objects.
 */
export function shownTo({ actor }: Viewer, message: SeenMessage): ShownMessage {
  return actor ? { ...(message as MessageRecord), isSentFor: true } : message;
}

/**
 * Proof that a viewer may see the events of one conversation's channel. The class is private, so no other object passes
 * for it.
 */
class ChannelAccess {
  readonly #conversationId: ConversationId;

  constructor(conversationId: ConversationId) {
    this.#conversationId = conversationId;
  }

  isTo(id: ConversationId): boolean {
    return this.#conversationId === id;
  }
}

export type { ChannelAccess };

/** Null: a viewer with this membership may not see the conversation. */
export function accessTo(viewer: Viewer, id: ConversationId, membership: Membership | null): ChannelAccess | null {
  if (membership && (membership.conversationId !== id || membership.userId !== viewer.userId))
    throw new Error('The membership is another one.');
  return maySee(viewer, membership) ? new ChannelAccess(id) : null;
}

/** A message from a channel, for its recipients. Events are shared by all of them, so it is not copied. */
export function messageInChannel(access: ChannelAccess, record: MessageRecord): SeenMessage | null {
  return access.isTo(record.conversationId) ? (record as SeenMessage) : null;
}

export function conversationInChannel(access: ChannelAccess, record: ConversationRecord): SeenConversation | null {
  return access.isTo(record.id) ? (record as SeenConversation) : null;
}

export function textInChannel<Text extends { readonly conversationId: ConversationId }>(
  access: ChannelAccess,
  text: Text,
): SeenText<Text> | null {
  return access.isTo(text.conversationId) ? (text as SeenText<Text>) : null;
}

/** A seen conversation after its viewer changed it. */
export function changed(before: SeenConversation, after: ConversationRecord): SeenConversation;
export function changed(before: SeenMessage, after: MessageRecord): SeenMessage;
export function changed(
  before: SeenConversation | SeenMessage,
  after: ConversationRecord | MessageRecord,
): SeenConversation | SeenMessage {
  if (before.id !== after.id) throw new Error('The changed conversation is not the seen one.');
  return after as SeenConversation | SeenMessage;
}

/** A conversation after one of its members was removed by the viewer, who may have been that member. */
export function afterRemoval(viewer: Viewer, wasSelf: boolean, record: ConversationRecord): ShownConversation {
  return wasSelf && !isAdmin(viewer) ? { ...record, isLeft: true } : (record as SeenConversation);
}

/** A message of a conversation that is seen; null when it belongs to another conversation. */
export function partOf(conversation: SeenConversation, message: MessageRecord): SeenMessage | null {
  return message.conversationId === conversation.id ? (message as SeenMessage) : null;
}

/** The conversation of a message that is seen. */
export function conversationOf(message: SeenMessage, record: ConversationRecord | null): SeenConversation | null {
  return record?.id === message.conversationId ? (record as SeenConversation) : null;
}

/** The message that a seen message replies to: both belong to the same conversation. */
export function replyTargetOf(message: SeenMessage, record: MessageRecord | null): SeenMessage | null {
  return record?.conversationId === message.conversationId ? (record as SeenMessage) : null;
}
