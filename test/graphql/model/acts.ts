/** Random acts of users: as data, and as the mutations that perform them. */
import fc from '../../support/fast-check.ts';
import type { Data } from '../../support/service.ts';

export const USERS = ['ann', 'bob', 'cid', 'root'] as const;
/** Of them the admin of the tenant. */
export const ADMIN = 'root';
const PLACES = 2;
const EMOJIS = ['🎉', '👍'];
export const ROLES = ['MEMBER', 'MODERATOR', 'OWNER'] as const;
export const KINDS = ['GROUP', 'ROOM'] as const;

const user = fc.constantFrom<string>(...USERS);
/** Who does something: those who are in most of it more often. */
const doer = fc.constantFrom<string>('ann', 'ann', ...USERS);
/** A conversation by its number, or the direct one with a user. */
const place = fc.oneof(
  { weight: 9, arbitrary: fc.nat(PLACES - 1).map((n) => `c${n}`) },
  { weight: 1, arbitrary: user.map((other) => `with ${other}`) },
);
/** The messages there were are counted from the last. */
const which = fc.nat(5);
const one = <Name extends string>(name: Name): fc.Arbitrary<Name> => fc.constant(name);
const content = fc.constantFrom('x', 'y');

/** Changes of the members of one group: what one does may take the other's right away. */
export const management: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: one('leave'), who: user, place: one('c0') }),
  fc.record({ do: one('add'), who: user, place: one('c0'), users: fc.tuple(user) }),
  { weight: 3, arbitrary: fc.record({ do: one('remove'), who: user, place: one('c0'), whom: user }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: one('setRole'),
      who: user,
      place: one('c0'),
      whom: user,
      role: fc.constantFrom(...ROLES),
    }),
  },
);

export const act = fc.oneof(
  fc.record({
    do: one('create'),
    who: doer,
    place: fc.nat(PLACES - 1).map((n) => `c${n}`),
    kind: fc.constantFrom(...KINDS),
    users: fc.uniqueArray(user, { maxLength: 3 }),
  }),
  fc.record({ do: one('openDirect'), who: doer, whom: user }),
  fc.record({ do: one('rename'), who: doer, place, name: fc.constantFrom('one', 'two', null) }),
  fc.record({ do: fc.constantFrom('join' as const, 'leave' as const), who: doer, place }),
  fc.record({ do: one('add'), who: doer, place, users: fc.uniqueArray(user, { maxLength: 2 }) }),
  fc.record({ do: one('remove'), who: doer, place, whom: user }),
  fc.record({ do: one('setRole'), who: doer, place, whom: user, role: fc.constantFrom(...ROLES) }),
  {
    weight: 10,
    arbitrary: fc.record({
      do: one('send'),
      who: doer,
      place,
      content,
      key: fc.option(fc.constantFrom('k1', 'k2'), { freq: 2 }),
      replyTo: fc.option(which, { freq: 2 }),
    }),
  },
  fc.record({ do: one('sendDirect'), who: doer, whom: user, content, key: fc.constantFrom('k1', null) }),
  { weight: 4, arbitrary: fc.record({ do: one('edit'), who: doer, which, content }) },
  { weight: 2, arbitrary: fc.record({ do: one('delete'), who: doer, which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('react' as const, 'unreact' as const),
      who: doer,
      which,
      emoji: fc.constantFrom(...EMOJIS),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: one('read'), who: doer, place, sequence: fc.nat(9) }) },
);
/** What every history begins with: somewhere to do things. */
export const BEGINNING: readonly Act[] = [
  { do: 'create', who: 'ann', place: 'c0', kind: 'GROUP', users: ['bob', 'cid'] },
  { do: 'create', who: 'bob', place: 'c1', kind: 'ROOM', users: ['ann', 'root'] },
  { do: 'openDirect', who: 'ann', whom: 'bob' },
];
export type Act = typeof act extends fc.Arbitrary<infer Each> ? Each : never;

/** How the model's names are written in the API. */
export interface Names {
  conversation(who: string, place: string): string;
  message(which: number): string;
}

const args = (given: object): string =>
  Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
const text = (value: string | null): string => JSON.stringify(value);

/** The one field of the mutation, with `answer` for its name. */
export function fieldOf(given: Act, names: Names): string {
  const call = (name: string, given: object, fields = '{ id }') => `answer: ${name}(${args(given)}) ${fields}`;
  const id = 'place' in given ? text(names.conversation(given.who, given.place)) : '';
  const message = 'which' in given ? text(names.message(given.which)) : '';
  switch (given.do) {
    case 'create': {
      const { kind, users } = given;
      return call('createConversation', { input: `{${args({ id, kind, memberIds: JSON.stringify(users) })}}` });
    }
    case 'openDirect':
      return call('openDirectConversation', { userId: text(given.whom) });
    case 'rename':
      return call('updateConversation', { id, name: text(given.name) });
    case 'join':
      return call('joinConversation', { id });
    case 'leave':
      return call('leaveConversation', { id });
    case 'add':
      return call('addMembers', { id, userIds: JSON.stringify(given.users) });
    case 'remove':
      return call('removeMember', { id, userId: text(given.whom) });
    case 'setRole':
      return call('setMemberRole', { id, userId: text(given.whom), role: given.role });
    case 'send': {
      const clientMessageId = text(given.key);
      const replyToId = given.replyTo === null ? undefined : text(names.message(given.replyTo));
      const input = { conversationId: id, content: text(given.content), clientMessageId, replyToId };
      return call('sendMessage', { input: `{${args(input)}}` }, '{ id sequence conversationId }');
    }
    case 'sendDirect': {
      const input = { userId: text(given.whom), content: text(given.content), clientMessageId: text(given.key) };
      return call('sendDirectMessage', input, '{ id sequence conversationId }');
    }
    case 'edit':
      return call('editMessage', { id: message, content: text(given.content) });
    case 'delete':
      return call('deleteMessage', { id: message });
    case 'react':
      return call('addReaction', { messageId: message, emoji: text(given.emoji) });
    case 'unreact':
      return call('removeReaction', { messageId: message, emoji: text(given.emoji) });
    case 'read':
      return call('markRead', { conversationId: id, sequence: given.sequence });
  }
}

/** Everything that one user sees of their conversations. */
export const VIEW = `{ viewer { unreadMessageCount conversations(first: 10) {
  id kind name createdBy { id } lastSequence memberCount viewerRole unreadMessageCount peer { id }
  lastMessage { id }
  members(first: 5) { totalCount nodes { user { id } role } }
  readReceipts(first: 5) { nodes { user { id } sequence } }
  messages(first: 10) { nodes {
    id sequence content senderId clientMessageId editedAt deletedAt replyTo { id }
    reactions { emoji count viewerReacted users(first: 5) { id } } } } } } }`;

/** A view without times, of which is kept whether there is one. */
export function timeless({ viewer }: Data): Data {
  const isThere = (time: unknown): boolean => time !== null;
  const conversations = viewer.conversations.map(({ messages, ...rest }: Data) => ({
    ...rest,
    messages: messages.nodes.map((each: Data) => ({
      ...each,
      editedAt: isThere(each.editedAt),
      deletedAt: isThere(each.deletedAt),
    })),
  }));
  return { ...viewer, conversations };
}
