/** Random histories of conversations: who makes, fills, names, joins, leaves and is thrown out of them. */
import type { ConversationId, Position, TenantId, UserId } from '../../../src/model.ts';
import { pick, type Random } from '../../faults/random.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestService } from '../../support/service.ts';
import type { Place, Secrets } from './secrets.ts';

export const TENANTS = ['one', 'two'] as unknown as readonly [TenantId, TenantId];
export const USERS = ['ann', 'bob', 'cid'] as unknown as readonly [UserId, UserId, UserId];
const CONVERSATIONS = 2;

export interface History {
  /** All conversations there may be. */
  readonly places: readonly Place[];
  /** One change by somebody, refused or not. */
  step(): Promise<void>;
  /** Those of the conversations the user is in. */
  memberships(tenant: TenantId, userId: UserId): Promise<ReadonlySet<Place>>;
  /** Notes who its members are now. */
  note(place: Place): Promise<void>;
  /** One of its members; anybody where it has none. */
  memberOf(place: Place): Promise<UserId>;
  positionOf(place: Place): Promise<Position | null>;
  /** A message of the conversation, where it has one. */
  messageOf(place: Place): string | null;
}

export function createHistory(service: TestService, secrets: Secrets, random: Random, prefix: string): History {
  // Asked again while it is away: on a busy machine its circuit opens.
  const { engine } = service.service;
  const places = TENANTS.flatMap((tenant) =>
    Array.from({ length: CONVERSATIONS }, (_, n) => ({ tenant, conversation: `${prefix}-${n}` as ConversationId })),
  );
  const messages = new Map<Place, string>();

  async function note(place: Place): Promise<void> {
    const members = await eventually(() => engine.listMembers(place.tenant, place.conversation, 0, 1_000));
    secrets.noteMembers(
      place,
      members.map(({ userId }) => userId),
    );
  }

  async function run(place: Place, userId: UserId, mutation: string, planted: readonly string[] = []): Promise<void> {
    const { data, errors } = await service.query(userId, `mutation { ${mutation} }`, {}, { tenant: place.tenant });
    if (errors) for (const secret of planted) secrets.forget(secret);
    else if (data.sendMessage) messages.set(place, data.sendMessage.id);
    // What a room is called anyone of its tenant may know.
    const changed = data?.createConversation ?? data?.updateConversation;
    if (changed?.kind === 'ROOM') secrets.forget(planted[0] ?? '');
    await note(place);
  }

  const CHANGES: readonly ((place: Place, userId: UserId) => Promise<void>)[] = [
    (place, userId) => {
      const [name, member] = [secrets.plant(place), secrets.plant(place)];
      const kind = pick(random, ['GROUP', 'GROUP', 'ROOM']);
      const members = `["${member}", "${pick(random, USERS)}", "${pick(random, USERS)}"]`;
      const input = `{id: "${place.conversation}", kind: ${kind}, name: "${name}", memberIds: ${members}}`;
      return run(place, userId, `createConversation(input: ${input}) { id kind }`, [name, member]);
    },
    (place, userId) => {
      const member = secrets.plant(place);
      const users = `["${member}", "${pick(random, USERS)}"]`;
      return run(place, userId, `addMembers(id: "${place.conversation}", userIds: ${users}) { id }`, [member]);
    },
    (place, userId) =>
      run(place, userId, `removeMember(id: "${place.conversation}", userId: "${pick(random, USERS)}") { id }`),
    (place, userId) => run(place, userId, `leaveConversation(id: "${place.conversation}") { id }`),
    (place, userId) => run(place, userId, `joinConversation(id: "${place.conversation}") { id }`),
    (place, userId) => {
      const role = pick(random, ['OWNER', 'MODERATOR', 'MEMBER']);
      const change = `id: "${place.conversation}", userId: "${pick(random, USERS)}", role: ${role}`;
      return run(place, userId, `setMemberRole(${change}) { id }`);
    },
    (place, userId) => {
      const name = secrets.plant(place);
      return run(place, userId, `updateConversation(id: "${place.conversation}", name: "${name}") { id kind }`, [name]);
    },
    ...Array.from({ length: 4 }, () => (place: Place, userId: UserId) => {
      const [content, payload] = [secrets.plant(place), secrets.plant(place)];
      const replyTo = messages.get(place);
      const reply = replyTo && random() < 0.5 ? `, replyToId: "${replyTo}"` : '';
      const input = `{conversationId: "${place.conversation}", content: "${content}", payload: {k: "${payload}"}${reply}}`;
      return run(place, userId, `sendMessage(input: ${input}) { id }`, [content, payload]);
    }),
    (place, userId) => run(place, userId, `setTyping(conversationId: "${place.conversation}", isTyping: true)`),
    (place, userId) => run(place, userId, `markRead(conversationId: "${place.conversation}", sequence: 1) { id }`),
    (place, userId) =>
      run(place, userId, `addReaction(messageId: "${messages.get(place) ?? 'x'}", emoji: "👍") { id }`),
  ];

  return {
    places,
    note,
    step: () => pick(random, CHANGES)(pick(random, places), pick(random, USERS)),
    async memberships(tenant, userId) {
      const own = places.filter((place) => place.tenant === tenant);
      const keys = own.map(({ conversation }) => ({ conversationId: conversation, userId }));
      const memberships = await eventually(() => engine.readMemberships(tenant, keys));
      return new Set(own.filter((_, index) => memberships[index] !== null));
    },
    async memberOf({ tenant, conversation }) {
      const members = await eventually(() => engine.listMembers(tenant, conversation, 0, 1_000));
      return members.find(({ userId }) => USERS.includes(userId))?.userId ?? USERS[0];
    },
    async positionOf({ tenant, conversation }) {
      const [record] = await eventually(() => engine.readConversations(tenant, [conversation]));
      return record?.position ?? null;
    },
    messageOf: (place) => messages.get(place) ?? null,
  };
}
