/**
 * The oracle: the state of the conversations. It reads every conversation that was ever created, and never the list.
 */
import type { Data } from '../support/service.ts';
import { lookOf, MESSAGE, placeOf, type Shown, type Stored } from './shown.ts';

export type Ask = (user: string, query: string, variables?: object) => Promise<Data>;

const CONVERSATION = `query ($id: ID!) { conversation(id: $id) { id name lastSequence lastActivityAt createdAt position
  messages(first: 1000) { nodes { ${MESSAGE} senderId } }
  readReceipts(first: 1000) { nodes { user { id } sequence } } } }`;
const LIST = `query ($after: String) { viewer { unreadMessageCount inbox(first: 2, after: $after, filter: { archived: null }) {
  totalCount pageInfo { hasNextPage endCursor }
  nodes { unreadMessageCount isPinned isArchived isMarkedUnread conversation { id lastActivityAt createdAt } } } } }`;

export interface Truth extends Stored {
  readonly lastSequence: number;
  readonly position: string;
}

export async function readConversation(ask: Ask, user: string, id: string): Promise<Truth | null> {
  const { conversation } = await ask(user, CONVERSATION, { id });
  if (!conversation) return null;
  const read = conversation.readReceipts.nodes.map((receipt: Data) => [receipt.user.id, receipt.sequence]);
  return { ...conversation, messages: conversation.messages.nodes, read: new Map(read) };
}

/** What a user keeps of a conversation. */
export interface Flags {
  isPinned: boolean;
  isArchived: boolean;
  isMarkedUnread: boolean;
}

/** All pages of a user's list, two entries each. */
export async function readList(ask: Ask, user: string): Promise<{ readonly entries: Data[]; readonly unread: number }> {
  const entries: Data[] = [];
  for (let after: string | null = null; ; ) {
    const { viewer }: Data = await ask(user, LIST, { after });
    entries.push(...viewer.inbox.nodes);
    if (!viewer.inbox.pageInfo.hasNextPage) return { entries, unread: viewer.unreadMessageCount };
    after = viewer.inbox.pageInfo.endCursor;
  }
}

/** The head of a conversation when the user became its member: all past it is due, and unread. */
export interface Joined {
  readonly place: number;
  readonly sequence: number;
}

/** Of a user's picture. `isAllKept`: no message is dropped by retention; what was dropped may still be shown. */
export function differencesOf(
  shown: Shown,
  truths: readonly Truth[],
  joined: ReadonlyMap<string, Joined>,
  hidden: ReadonlySet<string>,
  isAllKept: boolean,
): string[] {
  const ids = new Set(truths.map(({ id }) => id));
  const alien = [...shown.conversations.keys()].filter((id) => !ids.has(id)).map((id) => `${id}: shown, and left`);
  const all = truths
    .filter(({ id }) => !hidden.has(id))
    .flatMap(({ id, name, messages, read }) => {
      const conversation = shown.conversations.get(id);
      if (!conversation) return [`${id}: not shown`];
      const { isWhole } = conversation;
      const from = isWhole ? 0 : (joined.get(id)?.place ?? 0);
      const due = messages.filter(({ position }) => placeOf(position) > from).map(lookOf);
      const first = isAllKept ? 0 : Math.min(...messages.map(({ sequence }) => sequence));
      const is = [...conversation.messages.values()]
        .filter(({ sequence }) => sequence >= first)
        .sort((a, b) => a.sequence - b.sequence)
        .map(lookOf);
      const reads = [...read].filter(([user, sequence]) => {
        const known = conversation.read.get(user);
        return known !== sequence && (isWhole || known !== undefined);
      });
      return [
        ...(conversation.name === name ? [] : [`${id}: ${conversation.name} is ${name}`]),
        ...(`${is}` === `${due}` ? [] : [`${id}: ${is} is ${due}`]),
        ...reads.map(([user, sequence]) => `${id}: ${user} read ${conversation.read.get(user)}, not ${sequence}`),
      ];
    });
  return [...alien, ...all];
}

/** Of what queries return: the list, its flags, its order and its numbers. */
export function listDifferencesOf(
  user: string,
  { entries, unread }: { readonly entries: readonly Data[]; readonly unread: number },
  truths: readonly Truth[],
  joined: ReadonlyMap<string, Joined>,
  flags: ReadonlyMap<string, Flags>,
  hidden: ReadonlySet<string>,
): string[] {
  const due = truths.filter(({ id }) => !hidden.has(id));
  const unreadOf = ({ id, lastSequence, read }: Truth): number =>
    lastSequence - Math.max(read.get(user) ?? 0, joined.get(id)?.sequence ?? 0);
  const ids = entries.map(({ conversation }) => conversation.id);
  const differences: string[] = [];
  if (`${[...ids].sort()}` !== `${due.map(({ id }) => id).sort()}`) differences.push(`the list is ${ids}`);
  const sum = due.reduce((total, truth) => total + unreadOf(truth), 0);
  if (unread !== sum) differences.push(`${unread} unread are ${sum}`);
  const orders = entries.map(({ isPinned, conversation: { lastActivityAt, createdAt } }) =>
    [isPinned ? 1 : 0, lastActivityAt ?? createdAt].join(' '),
  );
  if (`${orders}` !== `${orders.toSorted().toReversed()}`) differences.push(`the order is ${orders}`);
  for (const { unreadMessageCount, isPinned, isArchived, isMarkedUnread, conversation } of entries) {
    const truth = due.find(({ id }) => id === conversation.id);
    const is = JSON.stringify({ unreadMessageCount, isPinned, isArchived, isMarkedUnread });
    const wanted = JSON.stringify({
      unreadMessageCount: truth && unreadOf(truth),
      ...(flags.get(conversation.id) ?? { isPinned: false, isArchived: false, isMarkedUnread: false }),
    });
    if (is !== wanted) differences.push(`${conversation.id}: ${is} is ${wanted}`);
  }
  return differences;
}
