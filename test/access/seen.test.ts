/** `src/access/`: from what was checked nothing becomes visible that belongs to another conversation, user or sender. */
import { isWriterOf } from '../../src/access/acting.ts';
import { isHiddenFrom, neverSeen } from '../../src/access/blocking.ts';
import {
  accessTo,
  afterRemoval,
  changed,
  conversationInChannel,
  conversationOf,
  createAs,
  findOpen,
  messageInChannel,
  outranks,
  ownMessage,
  partOf,
  replyTargetOf,
  type SeenConversation,
  type SeenMessage,
  seeListOf,
  sentBy,
  shownTo,
  textInChannel,
} from '../../src/access/seen.ts';
import type {
  ConversationId,
  ConversationRecord,
  MemberRole,
  Membership,
  MessageId,
  MessageRecord,
  UserId,
  Viewer,
} from '../../src/model.ts';

const ROOM = 'room' as ConversationId;
const OTHER_ROOM = 'other' as ConversationId;
const ALICE = 'alice' as UserId;
const BOB = 'bob' as UserId;

const viewer = (userId: UserId, ...scopes: readonly string[]) =>
  ({ userId, scopes: new Set(scopes) }) as unknown as Viewer;
const membership = (conversationId: ConversationId, userId: UserId) => ({ conversationId, userId }) as Membership;
const conversation = (id: ConversationId) => ({ id }) as ConversationRecord & SeenConversation;
const message = (conversationId: ConversationId, senderId: UserId, via: UserId | null = null) =>
  ({ id: `${conversationId}.1` as MessageId, conversationId, senderId, via }) as MessageRecord & SeenMessage;

describe('what is seen', () => {
  it.each([
    ['a member', viewer(ALICE), membership(ROOM, ALICE), true],
    ['an admin', viewer(ALICE, 'realtime:admin'), null, true],
    ['a stranger', viewer(ALICE), null, false],
    ['a service that is no member', viewer(ALICE, 'realtime:service'), null, false],
  ])('%s has access to a channel: %#', (_, who, held, isGranted) => {
    expect(accessTo(who, ROOM, held) !== null).toBe(isGranted);
  });

  it.each([
    ['another conversation', membership(OTHER_ROOM, ALICE)],
    ['another user', membership(ROOM, BOB)],
  ])('a membership of %s gives no access', (_, held) => {
    expect(() => accessTo(viewer(ALICE), ROOM, held)).toThrow();
    expect(() => accessTo(viewer(ALICE, 'realtime:admin'), ROOM, held)).toThrow();
  });

  it.each([
    ['a message', messageInChannel, message],
    ['a conversation', conversationInChannel, conversation],
    ['text', textInChannel, message],
  ] as const)('%s is shown in the channel of its conversation only', (_, shown, of) => {
    const access = accessTo(viewer(ALICE), ROOM, membership(ROOM, ALICE));
    const record = { own: of(ROOM, BOB), foreign: of(OTHER_ROOM, BOB) };
    const show = shown as (access: unknown, record: unknown) => unknown;
    expect(show(access, record.own)).toBe(record.own);
    expect(show(access, record.foreign)).toBeNull();
  });

  it('messages and conversations belong together', () => {
    const [own, foreign] = [message(ROOM, BOB), message(OTHER_ROOM, BOB)];
    expect(partOf(conversation(ROOM), own)).toBe(own);
    expect(partOf(conversation(ROOM), foreign)).toBeNull();
    const room = conversation(ROOM);
    expect(conversationOf(own, room)).toBe(room);
    expect(conversationOf(own, conversation(OTHER_ROOM))).toBeNull();
    expect(conversationOf(own, null)).toBeNull();
    const target = message(ROOM, ALICE);
    expect(replyTargetOf(own, target)).toBe(target);
    expect(replyTargetOf(own, foreign)).toBeNull();
    expect(replyTargetOf(own, null)).toBeNull();
    expect(changed(own, target)).toBe(target);
    expect(() => changed(own, foreign)).toThrow();
  });

  it('a message is the viewer’s own, or one that the viewer sent for a user as a service', () => {
    const own = message(ROOM, ALICE);
    expect(ownMessage(viewer(ALICE), own)).toBe(own);
    expect(() => ownMessage(viewer(BOB), own)).toThrow();
    const sent = message(ROOM, ALICE, BOB);
    expect(sentBy(viewer(BOB, 'realtime:service'), sent)).toMatchObject({ isSentFor: true });
    expect(sentBy(viewer(BOB), sent)).toBeNull();
    expect(sentBy(viewer(ALICE, 'realtime:service'), sent)).toBeNull();
    expect(sentBy(viewer(BOB, 'realtime:service'), message(ROOM, BOB))).toBeNull();
    expect(shownTo(viewer(ALICE), own)).toBe(own);
    const acting: Viewer = { ...viewer(ALICE), actor: viewer(BOB, 'realtime:service') };
    expect(shownTo(acting, own)).toEqual({ ...own, isSentFor: true });
  });

  it('of a conversation that the viewer left nothing more is shown, except to an admin', () => {
    expect(afterRemoval(viewer(ALICE), true, conversation(ROOM))).toHaveProperty('isLeft', true);
    expect(afterRemoval(viewer(ALICE), false, conversation(ROOM))).not.toHaveProperty('isLeft');
    expect(afterRemoval(viewer(ALICE, 'realtime:admin'), true, conversation(ROOM))).not.toHaveProperty('isLeft');
  });

  it.each([
    ['OWNER', 'OWNER', true],
    ['OWNER', 'MEMBER', true],
    ['MODERATOR', 'OWNER', false],
    ['MODERATOR', 'MODERATOR', false],
    ['MODERATOR', 'MEMBER', true],
    ['MEMBER', 'MEMBER', false],
  ] as const)('whether an %s may remove an %s: %s', (role: MemberRole, other: MemberRole, may) => {
    const found = { conversation: conversation(ROOM), membership: { ...membership(ROOM, ALICE), role } };
    expect(outranks(found, viewer(ALICE), other)).toBe(may);
  });

  it('a reader who stops a message reaches its sender, and the service that writes it', () => {
    const sent = message(ROOM, ALICE, BOB);
    expect(isWriterOf(viewer(ALICE), sent)).toBe(true);
    expect(isWriterOf(viewer(BOB, 'realtime:service'), sent)).toBe(true);
    expect(isWriterOf(viewer(BOB), sent)).toBe(false);
    expect(isWriterOf(viewer('carol' as UserId, 'realtime:service'), sent)).toBe(false);
  });

  it('a user who was never seen has no device, no activity and no blocks', () => {
    const presence = neverSeen(ALICE);
    expect(presence).toEqual({
      userId: ALICE,
      status: 'OFFLINE',
      statusText: null,
      lastSeenAt: null,
      devices: [],
      present: [],
      connectedBy: [],
      hides: false,
      blocked: [],
      version: 0,
    });
    expect(isHiddenFrom(BOB, { ...presence, blocked: [BOB] })).toBe(true);
    expect(isHiddenFrom(ALICE, { ...presence, blocked: [BOB] })).toBe(false);
  });
});

const answering = (kind: string) =>
  ({ readConversations: async () => [{ kind }], createConversation: async () => ({ outcome: 'gone' }) }) as never;

it.each([
  ['ROOM', [], true],
  ['GROUP', [], false],
  ['GROUP', ['realtime:service'], true],
  ['GROUP', ['realtime:admin'], false],
  ['DIRECT', ['realtime:service'], false],
])('a %s may be joined without an invitation with scopes %j: %s', async (kind, scopes, isOpen) => {
  expect((await findOpen(answering(kind), viewer(ALICE, ...scopes), ROOM)) !== null).toBe(isOpen);
});

it('a conversation is created only by and with its viewer', async () => {
  const create = (createdBy: UserId, ...users: UserId[]) =>
    createAs(answering('GROUP'), viewer(ALICE), { createdBy, members: users.map((userId) => ({ userId })) } as never);
  expect(await create(ALICE, BOB, ALICE)).toEqual({ outcome: 'gone' });
  await expect(create(BOB, ALICE)).rejects.toThrow('for another user');
  await expect(create(ALICE, BOB)).rejects.toThrow('for another user');
});

it('a list leaves out a conversation that is erased, or left, while it is read', async () => {
  const ids = ['kept', 'erased', 'left'] as ConversationId[];
  const engine = {
    listConversations: async () => ({ entries: ids.map((conversationId) => ({ conversationId })), totalCount: 3 }),
    readConversations: async () => ids.map((id) => (id === 'erased' ? null : conversation(id))),
    readMemberships: async () => ids.map((id) => (id === 'left' ? null : membership(id, ALICE))),
  };
  const page = await seeListOf(engine as never, viewer(ALICE), ALICE, { limit: 3 } as never);
  const kept = { conversation: { id: 'kept' }, membership: membership('kept' as ConversationId, ALICE) };
  expect(page).toEqual({
    entries: [{ ...kept, listed: { conversationId: 'kept' } }],
    totalCount: 3,
    isLast: true,
  });
});
