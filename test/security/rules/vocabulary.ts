/** Random routing rules, each expression beside what it means. */
import { pick, type Random } from '../../faults/random.ts';

export type Kind = 'TOPIC' | 'DIRECT' | 'GROUP' | 'ROOM';

export interface Said {
  readonly content: string;
  readonly payload: unknown;
}

export interface Sample extends Said {
  readonly kind: Kind;
  readonly topic: string;
  readonly sender: string;
}

/** JSONata and its twin, which throws where it fails. */
export interface Expression<Value> {
  readonly source: string;
  of(sample: Sample): Value;
}

export interface Rule {
  readonly id: string;
  readonly priority: number;
  readonly on: readonly Kind[];
  readonly topic: string | null;
  readonly sender: string | null;
  readonly where: Expression<boolean> | null;
  readonly action: Action;
  readonly onFault: 'PASS' | 'REFUSE';
}

export type Action =
  | { readonly drop: true }
  | { readonly payload: Expression<unknown> }
  | { readonly both: { readonly content?: Expression<string>; readonly payload?: Expression<unknown> } }
  | { readonly targets: readonly string[]; readonly of: 'topics' | 'users'; readonly isCopy: boolean };

export const USERS = ['alice', 'bob', 'carol'] as const;
export const TOPICS = ['news', 'orders.1', 'orders.2', 'audit'] as const;
export const TEXTS = ['', 'plain', 'a secret'] as const;
export const PAYLOADS = [null, { n: 1 }, { n: 5 }, 'words'] as const;

const KINDS: readonly Kind[] = ['TOPIC', 'DIRECT', 'GROUP', 'ROOM'];

const fails = (): never => {
  throw new Error('It fails.');
};
const numberOf = ({ payload }: Sample): number | null => (payload as { n?: number } | null)?.n ?? null;

const CONDITIONS: readonly (Expression<boolean> | null)[] = [
  null,
  null,
  { source: 'payload.n > 2', of: (sample) => (numberOf(sample) ?? 0) > 2 },
  { source: '$contains(content, "secret")', of: ({ content }) => content.includes('secret') },
  { source: 'sender = "alice" and kind != "ROOM"', of: ({ sender, kind }) => sender === 'alice' && kind !== 'ROOM' },
  { source: '$error("no")', of: fails },
];

const PAYLOAD: readonly Expression<unknown>[] = [
  {
    source: '{ "n": payload.n + 1 }',
    of: (sample) => (numberOf(sample) === null ? {} : { n: Number(numberOf(sample)) + 1 }),
  },
  { source: '"redacted"', of: () => 'redacted' },
  { source: 'null', of: () => null },
  { source: 'payload.none', of: fails },
];

const CONTENT: readonly Expression<string>[] = [
  { source: '"[redacted]"', of: () => '[redacted]' },
  { source: '$uppercase(content)', of: ({ content }) => content.toUpperCase() },
  { source: '""', of: () => '' },
  { source: '7', of: fails },
];

/** Some of a list, one at least. */
const some = <Item>(random: Random, items: readonly Item[]): Item[] => {
  const chosen = items.filter(() => random() < 0.5);
  return chosen.length > 0 ? chosen : [pick(random, items)];
};

function randomAction(random: Random): Action {
  switch (Math.floor(random() * 6)) {
    case 0:
      return { drop: true };
    case 1:
      return { payload: pick(random, PAYLOAD) };
    case 2: {
      const both = { content: pick(random, CONTENT), payload: pick(random, PAYLOAD) };
      return { both: pick(random, [both, { content: both.content }, { payload: both.payload }]) };
    }
    default: {
      const of = pick(random, ['topics', 'users'] as const);
      const targets = some<string>(random, of === 'topics' ? TOPICS : USERS).slice(0, 2);
      return { targets, of, isCopy: random() < 0.5 };
    }
  }
}

export function randomRule(random: Random): Rule {
  return {
    id: pick(random, ['a', 'b', 'c', 'd']),
    priority: Math.floor(random() * 3),
    on: some(random, KINDS),
    topic: pick(random, [null, null, 'orders.*', '#']),
    sender: pick(random, [null, null, null, 'alice']),
    where: pick(random, CONDITIONS),
    action: randomAction(random),
    onFault: pick(random, ['PASS', 'PASS', 'REFUSE']),
  };
}

function actionInput(action: Action): object {
  if ('drop' in action) return { drop: true };
  if ('payload' in action) return { transform: action.payload.source };
  if ('targets' in action) return { [action.isCopy ? 'copy' : 'forward']: { [action.of]: action.targets } };
  const { content, payload } = action.both;
  return { transform: { ...(content && { content: content.source }), ...(payload && { payload: payload.source }) } };
}

/** A rule as it is saved. */
export function ruleInput({ id, priority, on, topic, sender, where, action, onFault }: Rule): object {
  const match = { on, topic, sender, where: where?.source ?? null };
  return { id, name: 'Rule', priority, match, action: actionInput(action), onFault };
}
