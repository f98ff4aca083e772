/** Audiences: which subscriber subscribes to which conversations. */

/** Distinct users of this service; with more sockets than that, some have several. */
const USERS = 1_000;

export interface Audience {
  readonly conversations: number;
  /** The conversations of each subscriber. */
  readonly lists: readonly (readonly number[])[];
  /** Whether tokens of texts are published, instead of messages. */
  readonly hasTokens?: true;
}

export const userOf = (subscriber: number): string => `user-${subscriber % USERS}`;

export const oneConversation = (subscribers: number): Audience => ({
  conversations: 1,
  lists: Array.from({ length: subscribers }, () => [0]),
});

/** Messages that are being written: `perSender` by each sender, who has `watchers` that read all of them. */
export function written(messages: number, perSender: number, watchers: number): Audience {
  const senders = Array.from({ length: messages / perSender }, (_, sender) =>
    Array.from({ length: perSender }, (_message, nth) => sender * perSender + nth),
  );
  return { conversations: messages, lists: senders.flatMap((list) => Array(watchers).fill(list)), hasTokens: true };
}

/** Pseudo-random numbers, the same in every run (Lehmer's generator). */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % below;
  };
}

/** Each subscriber picks a list of its own. */
export function ownLists(subscribers: number, conversations: number, perSubscriber: number): Audience {
  const pick = random(1);
  const list = (): number[] => {
    const chosen = new Set<number>();
    while (chosen.size < perSubscriber) chosen.add(pick(conversations));
    return [...chosen];
  };
  return { conversations, lists: Array.from({ length: subscribers }, list) };
}

/** The number of subscribers of each conversation. */
export function sizes({ conversations, lists }: Audience): number[] {
  const counts = new Array<number>(conversations).fill(0);
  for (const list of lists) for (const conversation of list) counts[conversation] = (counts[conversation] ?? 0) + 1;
  return counts;
}

/** The users of each conversation, once each. */
export function members({ conversations, lists }: Audience): string[][] {
  const users = Array.from({ length: conversations }, () => new Set<string>());
  for (const [subscriber, list] of lists.entries()) {
    for (const conversation of list) users[conversation]?.add(userOf(subscriber));
  }
  return users.map((set) => [...set]);
}
