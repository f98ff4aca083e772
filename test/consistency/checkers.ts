/** What was promised, asked of a trial that has come to rest. Each answers its breaches in words. */
import type { Data } from '../support/service.ts';
import type { Churn } from './churn.ts';
import type { Trial } from './client.ts';
import type { Reader } from './readers.ts';
import { OWNER, READER, type Sent, type Writers } from './writers.ts';

export interface Readers {
  readonly named: Reader;
  readonly all: Reader;
  readonly updated: Reader;
  readonly conversation: Reader;
  readonly presence: Reader;
  readonly topic: Reader;
  readonly raw: Reader;
}

const PAGE = 1_000;

/** G01 to G03: what was acknowledged is there once, where it was said to be, and numbers have no hole. */
export async function judgeLog(trial: Trial, { sent, conversations }: Writers): Promise<string[]> {
  const breaches: string[] = [];
  for (const id of conversations) {
    const query = `{ conversation(id: "${id}") { messages(last: ${PAGE}) { edges { node { id sequence clientMessageId } } } } }`;
    const { conversation } = await trial.ask(OWNER, query);
    const nodes: Data[] = conversation.messages.edges.map(({ node }: Data) => node);
    const first = nodes[0]?.sequence ?? 1;
    nodes.forEach((node, index) => {
      if (node.sequence !== first + index) breaches.push(`${node.sequence} is stored as ${first + index}`);
    });
    const keys = nodes.map(({ clientMessageId }) => clientMessageId);
    if (new Set(keys).size !== keys.length) breaches.push('a message is stored twice');
    const stored = new Map(nodes.map(({ id: messageId, sequence }) => [sequence, messageId]));
    for (const { id: messageId, sequence, conversationId } of sent) {
      if (conversationId !== id || sequence < first) continue;
      if (stored.get(sequence) !== messageId) breaches.push(`${sequence} was acknowledged and is not stored`);
    }
  }
  return breaches;
}

/** G05, G06: everything once and in order, from the first that was heard. */
export function judgeStream({ name, events }: Reader, sent: readonly Sent[]): string[] {
  return [...Map.groupBy(sent, ({ conversationId }) => conversationId)].flatMap(([id, all]) => {
    const heard = events.filter((event) => event.conversationId === id).map(({ sequence }) => sequence as number);
    const first = heard[0] ?? 0;
    const breaches = heard.flatMap((sequence, index) => {
      const before = heard[index - 1];
      if (before === undefined || sequence === before + 1) return [];
      return [`${name}: ${sequence} came after ${before}`];
    });
    const last = Math.max(...all.map(({ sequence }) => sequence));
    if (first !== 1) breaches.push(`${name}: began at ${first}`);
    if (heard.at(-1) !== last) breaches.push(`${name}: ends at ${heard.at(-1)} of ${last}`);
    return breaches;
  });
}

/** `/ws`: each message at least once over all connections, none lost at a goodbye. */
export function judgeRaw({ events }: Reader, sent: readonly Sent[]): string[] {
  const heard = new Map(events.map((event) => [event.message_id as string, event]));
  const firsts = new Map<string, number>();
  for (const { room, sequence } of events) firsts.set(room, Math.min(firsts.get(room) ?? sequence, sequence));
  return sent
    .filter(({ conversationId, sequence }) => sequence >= (firsts.get(conversationId) ?? Number.POSITIVE_INFINITY))
    .filter(({ id }) => !heard.has(id))
    .map(({ sequence }) => `/ws: ${sequence} was never given`);
}

/** Nothing is told twice. */
export function judgeOnce({ name, events }: Reader): string[] {
  const seen = new Set<string>();
  return events.flatMap(({ position, id }) => {
    const isNew = !seen.has(position ?? id);
    seen.add(position ?? id);
    return isNew ? [] : [`${name}: ${position ?? id} came twice`];
  });
}

/** G07: whatever a stream of state showed last is what a query answers. */
export async function judgeStates(
  trial: Trial,
  { conversation, presence }: Readers,
  ids: readonly string[],
): Promise<string[]> {
  const breaches: string[] = [];
  const fields = 'id name memberCount lastSequence readReceipts(first: 50) { edges { node { user { id } sequence } } }';
  for (const id of ids) {
    const { conversation: now } = await trial.ask(READER, `{ conversation(id: "${id}") { ${fields} } }`);
    const last = conversation.events.findLast((event) => event.id === id);
    if (last && JSON.stringify(last) !== JSON.stringify(now)) {
      breaches.push(`conversationUpdated shows ${JSON.stringify(last)}, is ${JSON.stringify(now)}`);
    }
  }
  const [now] = (await trial.ask(READER, `{ presence(userIds: ["${OWNER}"]) { status statusText } }`)).presence;
  const last = presence.events.at(-1);
  if (last && JSON.stringify(last) !== JSON.stringify(now)) {
    breaches.push(`presenceUpdated shows ${JSON.stringify(last)}, is ${JSON.stringify(now)}`);
  }
  return breaches;
}

/** Both sides of membership agree, and what is unread is what was not read. */
export async function judgeMembers(trial: Trial, churns: readonly Churn[]): Promise<string[]> {
  const breaches: string[] = [];
  for (const { userId, conversationId } of churns) {
    const members = `{ conversation(id: "${conversationId}") { members(first: 1000) { edges { node { user { id } } } } } }`;
    const { conversation } = await trial.ask(OWNER, members);
    const isMember = conversation.members.edges.some(({ node }: Data) => node.user.id === userId);
    const { viewer } = await trial.ask(userId, '{ viewer { conversations(first: 1000) { id } unreadMessageCount } }');
    const isListed = viewer.conversations.some(({ id }: Data) => id === conversationId);
    if (isMember !== isListed) breaches.push(`${userId}: member ${isMember}, in the list ${isListed}`);
    if (!isMember && viewer.unreadMessageCount !== 0) breaches.push(`${userId}: ${viewer.unreadMessageCount} unread`);
  }
  return breaches;
}
