/** The routing rules of one tenant as the contract defines them, for publications, messages and edits. */
import { type Action, type Kind, type Rule, type Said, type Sample, TOPICS, USERS } from './vocabulary.ts';

const HOPS = 3;
const DELIVERIES = 100;

export interface Message extends Said {
  readonly conversation: string;
  readonly sender: string;
}

interface Stored extends Message {
  content: string;
  payload: unknown;
}

/** What the caller is told: what was stored, or why it was not. */
export type Answer = { readonly said: Said; readonly message?: Stored } | { readonly reason: string };

interface Journey {
  readonly hops: number;
  readonly budget: { left: number };
  /** Of the sender's own message. */
  readonly key: string | null;
  /** Where it is stored already. */
  readonly reached: Set<string>;
}

type Verdict = 'PASS' | 'FAULT' | Said;

const setOut = (key: string | null = null): Journey => ({
  hops: 0,
  budget: { left: DELIVERIES },
  key,
  reached: new Set(),
});

export const directOf = (one: string, other: string): string => `direct ${[one, other].sort().join(' ')}`;

function isMatch({ on, topic, sender }: Rule, sample: Sample): boolean {
  if (!on.includes(sample.kind) || (sender !== null && sender !== sample.sender)) return false;
  return topic === null || topic === '#' || sample.topic.startsWith('orders.');
}

/** A transform: what is said then, or that it failed. */
function transform(action: Extract<Action, { payload: unknown } | { both: unknown }>, sample: Sample): Verdict {
  const { content = null, payload = null } = 'both' in action ? action.both : { payload: action.payload };
  const said = {
    content: content?.of(sample) ?? sample.content,
    payload: payload ? payload.of(sample) : sample.payload,
  };
  if ('payload' in action && said.payload === null) return 'FAULT';
  if (sample.kind === 'TOPIC') return said.payload === null ? 'FAULT' : { ...said, content: '' };
  return said.payload === null && said.content === '' ? 'FAULT' : said;
}

export class Model {
  readonly rules = new Map<string, Rule>();
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly messages = new Map<string, Stored[]>();
  readonly publications = new Map<string, unknown[]>(TOPICS.map((topic) => [topic, []]));
  readonly #byKey = new Map<string, Answer>();
  readonly #publishedKeys = new Set<string>();

  constructor(kinds: ReadonlyMap<string, Kind>) {
    this.kinds = kinds;
  }

  /** What everyone who hears a user's conversations hears, in order of each. */
  heardBy(user: string): string[] {
    const mine = [...this.messages].filter(([id]) => !id.startsWith('direct ') || id.split(' ').includes(user));
    return mine.flatMap(([id, messages]) => messages.map((_, index) => `${id} ${index + 1}`)).sort();
  }

  publish(sender: string, topic: string, payload: unknown): Answer {
    return this.#publish(sender, topic, payload, setOut());
  }

  send(message: Message, key: string | null): Answer {
    return this.#append(message, key, setOut(key && `${message.conversation} ${key}`));
  }

  edit(message: Stored, said: Said): Answer {
    const store = (next: Said): Stored => Object.assign(message, { content: next.content, payload: next.payload });
    const journey = setOut();
    const { conversation: topic, sender } = message;
    journey.reached.add(topic);
    const done = this.#route({ kind: this.#kindOf(topic), topic, sender, ...said }, journey, store, () => true);
    if ('reason' in done) return done;
    return done.stored ? { said: done.stored, message: done.stored } : { reason: 'ROUTED' };
  }

  #kindOf(conversation: string): Kind {
    return this.kinds.get(conversation) ?? 'DIRECT';
  }

  #inOrder(): Rule[] {
    return [...this.rules.values()].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
  }

  #verdict(rule: Rule, sample: Sample): Verdict | Action {
    if (!isMatch(rule, sample)) return 'PASS';
    try {
      if (rule.where && !rule.where.of(sample)) return 'PASS';
      const { action } = rule;
      return 'payload' in action || 'both' in action ? transform(action, sample) : action;
    } catch {
      return 'FAULT';
    }
  }

  /** Stores and delivers what the rules let through. */
  #route<Record extends object>(
    sample: Sample,
    journey: Journey,
    store: (said: Said) => Record,
    isNew: (record: Record) => boolean,
  ): { stored: Record | null; forwarded: Answer[]; said: Said } | { reason: string } {
    let said: Said = { content: sample.content, payload: sample.payload };
    const copies: (() => Answer[])[] = [];
    let forward: (() => Answer[]) | null = null;
    let isDropped = false;
    for (const rule of journey.hops < HOPS ? this.#inOrder() : []) {
      const verdict = this.#verdict(rule, { ...sample, ...said });
      if (verdict === 'PASS') continue;
      if (verdict === 'FAULT') {
        if (rule.onFault === 'REFUSE') return { reason: 'RULE_FAILED' };
      } else if ('drop' in verdict) isDropped = true;
      else if ('targets' in verdict) {
        const { targets, of, isCopy } = verdict;
        const deliver = (): Answer[] => this.#deliver(sample.sender, of, targets, said, journey);
        if (isCopy) copies.push(deliver);
        else forward = deliver;
      } else said = verdict as Said;
      if (isDropped || forward) break;
    }
    const stored = isDropped || forward ? null : store(said);
    const forwarded = forward?.() ?? [];
    if (!stored || isNew(stored)) for (const copy of copies) copy();
    return isDropped ? { reason: 'DROPPED' } : { stored, forwarded, said };
  }

  #deliver(
    sender: string,
    of: 'topics' | 'users',
    targets: readonly string[],
    said: Said,
    { hops, ...origin }: Journey,
  ): Answer[] {
    const answers: Answer[] = [];
    for (const target of targets) {
      const destination = of === 'topics' ? target : directOf(sender, target);
      if ((of === 'users' && target === sender) || origin.reached.has(destination)) continue;
      if (origin.budget.left <= 0) break;
      origin.budget.left -= 1;
      const onward = { ...origin, hops: hops + 1 };
      const { content, payload } = said;
      const key = origin.key && JSON.stringify(['routed', origin.key]);
      answers.push(
        of === 'topics'
          ? this.#publish(sender, target, payload ?? content, onward)
          : this.#append({ conversation: destination, sender, content, payload }, key, onward),
      );
    }
    return answers.filter((answer) => 'said' in answer);
  }

  #publish(sender: string, topic: string, payload: unknown, journey: Journey): Answer {
    const key = journey.key && JSON.stringify([topic, sender, journey.key]);
    let isNew = true;
    const store = (said: Said): Said => {
      journey.reached.add(topic);
      if (key && this.#publishedKeys.has(key)) isNew = false;
      else this.publications.get(topic)?.push(said.payload);
      if (key) this.#publishedKeys.add(key);
      return said;
    };
    const done = this.#route({ kind: 'TOPIC', topic, sender, content: '', payload }, journey, store, () => isNew);
    if ('reason' in done) return done;
    const first = done.forwarded.find((answer) => 'said' in answer && !answer.message);
    return done.stored ? { said: done.stored } : (first ?? { said: done.said });
  }

  /** What was sent before is answered as it was then. */
  #append(message: Message, clientMessageId: string | null, journey: Journey): Answer {
    const { conversation, sender } = message;
    const key = clientMessageId && JSON.stringify([conversation, sender, clientMessageId]);
    const earlier = key ? this.#byKey.get(key) : undefined;
    if (earlier) return earlier;
    const answer = this.#appendNew(message, journey);
    // A rule that failed may not fail again.
    if (key && !('reason' in answer && answer.reason === 'RULE_FAILED')) this.#byKey.set(key, answer);
    return answer;
  }

  #appendNew({ conversation: topic, sender, content, payload }: Message, journey: Journey): Answer {
    const store = (said: Said): Stored => {
      journey.reached.add(topic);
      const stored = { conversation: topic, sender, content: said.content, payload: said.payload };
      this.messages.set(topic, [...(this.messages.get(topic) ?? []), stored]);
      return stored;
    };
    const done = this.#route(
      { kind: this.#kindOf(topic), topic, sender, content, payload },
      journey,
      store,
      () => true,
    );
    if ('reason' in done) return done;
    if (done.stored) return { said: done.stored, message: done.stored };
    return done.forwarded.find((answer) => 'said' in answer && answer.message) ?? { reason: 'ROUTED' };
  }
}

/** Every pair of users that may come to have a direct conversation. */
export const PAIRS = USERS.flatMap((one, index) => USERS.slice(index + 1).map((other) => [one, other] as const));
