/** The guarantees about states, checked once a trial is at rest. Each checker returns its breaches in words. */
import type { Data } from '../support/service.ts';
import type { Churn } from './churn.ts';
import type { Trial } from './client.ts';
import type { Publications } from './publications.ts';
import type { Reader } from './readers.ts';
import { OWNER, READER, VISITOR } from './users.ts';

export const RECEIPTS = 'readReceipts(first: 50) { edges { node { user { id } sequence } } }';
export const STATE = `id name memberCount lastSequence ${RECEIPTS}`;
export const WATCHED = [OWNER, READER, VISITOR];

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** G07: what `conversationUpdated` showed last is what a query answers. */
export async function judgeConversations(trial: Trial, reader: Reader, ids: readonly string[]): Promise<string[]> {
  const breaches: string[] = [];
  for (const id of ids) {
    const { conversation: now } = await trial.ask(READER, `{ conversation(id: "${id}") { ${STATE} } }`);
    const last = reader.present.findLast((event) => event.id === id);
    // What happened while it was away nobody tells: a client reads it.
    if (last && !same(last, now))
      breaches.push(`${reader.name} shows ${JSON.stringify(last)}, is ${JSON.stringify(now)}`);
  }
  return breaches;
}

/** Who is connected is there, who has gone is not, and whoever watches sees it so. */
export async function judgePresence(trial: Trial, reader: Reader): Promise<string[]> {
  const query = 'query ($ids: [ID!]!) { presence(userIds: $ids) { userId status statusText } }';
  const { presence } = await trial.ask(READER, query, { ids: WATCHED });
  const statusOf = (userId: string): string => presence.find((each: Data) => each.userId === userId).status;
  return [
    ...presence.flatMap((now: Data) => {
      const last = reader.present.findLast((event) => event.userId === now.userId);
      return same(last, now) ? [] : [`${reader.name} shows ${JSON.stringify(last)}, is ${JSON.stringify(now)}`];
    }),
    ...(statusOf(READER) === 'OFFLINE' ? ['a connected user is OFFLINE'] : []),
    ...(statusOf(VISITOR) === 'OFFLINE' ? [] : [`a user who has gone is ${statusOf(VISITOR)}`]),
  ];
}

/** Both sides of membership agree. */
export async function judgeMembers(trial: Trial, churns: readonly Churn[]): Promise<string[]> {
  const breaches: string[] = [];
  for (const { userId, conversationId } of churns) {
    const members = `{ conversation(id: "${conversationId}") { memberCount members(first: 100) { edges { node { user { id } } } } } }`;
    const { conversation } = await trial.ask(OWNER, members);
    const { edges } = conversation.members;
    const isMember = edges.some(({ node }: Data) => node.user.id === userId);
    const { viewer } = await trial.ask(userId, '{ viewer { conversations(first: 100) { id } } }');
    const isListed = viewer.conversations.some(({ id }: Data) => id === conversationId);
    if (isMember !== isListed) breaches.push(`${userId}: member ${isMember}, in the list ${isListed}`);
    if (edges.length !== conversation.memberCount) {
      breaches.push(`${edges.length} members are counted as ${conversation.memberCount}`);
    }
  }
  return breaches;
}

/** What is unread is what came after what was read. */
export async function judgeUnread(trial: Trial, userIds: readonly string[]): Promise<string[]> {
  const breaches: string[] = [];
  const query = `{ viewer { unreadMessageCount conversations(first: 100) { id lastSequence unreadMessageCount ${RECEIPTS} } } }`;
  for (const userId of userIds) {
    const { viewer } = await trial.ask(userId, query);
    const counts: number[] = viewer.conversations.map((each: Data) => each.unreadMessageCount);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total !== viewer.unreadMessageCount)
      breaches.push(`${userId}: ${viewer.unreadMessageCount} unread of ${total}`);
    for (const { id, lastSequence, unreadMessageCount, readReceipts } of viewer.conversations) {
      const receipt = readReceipts.edges.find(({ node }: Data) => node.user.id === userId)?.node.sequence;
      const due = lastSequence - (receipt ?? 0);
      if (receipt !== undefined && unreadMessageCount !== due) {
        breaches.push(`${userId} has ${unreadMessageCount} unread in ${id}, has read ${receipt} of ${lastSequence}`);
      }
      if (userId === OWNER && unreadMessageCount !== 0) breaches.push('a sender has not read what they sent');
    }
  }
  return breaches;
}

/** G12: nobody types any more, and whoever watches was told so. */
export async function judgeTyping(trial: Trial, reader: Reader, ids: readonly string[]): Promise<string[]> {
  const breaches: string[] = [];
  for (const id of ids) {
    const { conversation } = await trial.ask(READER, `{ conversation(id: "${id}") { typingUsers { id } } }`);
    if (conversation.typingUsers.length > 0) breaches.push('someone types who stopped long ago');
    const last = reader.present.findLast((event) => event.conversationId === id);
    if (last?.isTyping) breaches.push(`${reader.name}: ${last.userId} types for ever`);
  }
  return breaches;
}

/** Within one stream of a topic: in order, once, and nothing left out before what was heard. */
export function judgeTopic(trial: Trial, { name, heard, opening }: Reader, { acknowledged }: Publications): string[] {
  const sure = acknowledged.filter(({ askedAt, acknowledgedAt }) => !trial.mayBeLost(askedAt, acknowledgedAt));
  const openings = Map.groupBy(heard, (each) => each.opening);
  return [...openings].flatMap(([number, all]) => {
    const payloads = all.map(({ event }) => event.payload as number);
    const indexes = new Map(payloads.map((payload, index) => [payload, index]));
    const breaches = payloads.length === indexes.size ? [] : [`${name}: a publication came twice`];
    const begunAt = all[0]?.at ?? 0;
    const owed = sure.filter(({ askedAt }) => askedAt > begunAt);
    // Of those that are still open all is owed; of the others what came before the last they told.
    const last = acknowledged.find(({ payload }) => payload === payloads.at(-1));
    const end = number === opening ? Number.POSITIVE_INFINITY : (last?.askedAt ?? 0);
    for (const { payload, acknowledgedAt } of owed) {
      if (acknowledgedAt < end && !indexes.has(payload)) breaches.push(`${name}: publication ${payload} was left out`);
    }
    for (const [index, later] of owed.entries()) {
      const earlier = owed[index - 1];
      if (!earlier || earlier.acknowledgedAt > later.askedAt) continue;
      const [one, other] = [indexes.get(earlier.payload), indexes.get(later.payload)];
      if (one !== undefined && other !== undefined && one > other)
        breaches.push(`${name}: ${later.payload} came too early`);
    }
    return breaches;
  });
}
