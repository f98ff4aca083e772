/** One routing rule and one message: whether it matches, and its result. */

import { matchesTopic } from '../engine/shared/topic-match.ts';
import type { RoutedKind, RoutingRuleRecord, RuleAction, RuleTargets, RuleVerdict, UserId } from '../model.ts';
import { payload as checkedPayload, messageBody, writtenText } from './input.ts';

/** The contents of a message, at every destination. */
export interface MessageContents {
  /** The text of a message; empty for publications. */
  readonly content: string;
  readonly payload: unknown;
}

export interface Routable extends MessageContents {
  readonly kind: RoutedKind;
  /** For messages, the id of their conversation. */
  readonly topic: string;
  readonly sender: UserId;
  /** A streamed message may be longer than others. */
  readonly isWritten?: boolean;
}

const NOWHERE: RuleTargets = { topics: [], users: [] };

export type Evaluate = (source: string, input: unknown) => Promise<unknown>;

/** JSONata's cast to a boolean. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

/** Whether a rule may match a message. Its expression is not evaluated. */
export function looksAt({ match }: RoutingRuleRecord, { kind, topic, sender }: Routable): boolean {
  if (!match.on.includes(kind) || (match.sender !== null && match.sender !== sender)) return false;
  return match.topic === null || matchesTopic(match.topic, topic);
}

/** Whether a rule may change or divert a message. */
export function mayDivert({ action, onFault }: RoutingRuleRecord): boolean {
  return onFault === 'REFUSE' || !('copy' in action);
}

function given(value: unknown): unknown {
  if (value === undefined) throw new Error('The expression has no result.');
  return value;
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('The expression of the content must have a text as its result.');
  return value;
}

/** The contents after a transform, which are checked like input of a client. */
async function transformed(
  transform: Extract<RuleAction, { transform: unknown }>['transform'],
  { kind, content, payload, isWritten }: Routable,
  evaluate: (source: string) => Promise<unknown>,
): Promise<MessageContents> {
  if (typeof transform === 'string') {
    const next = checkedPayload(await evaluate(transform), 'payload');
    return { content, payload: given(next ?? undefined) };
  }
  const next = {
    content: transform.content === undefined ? content : stringOf(await evaluate(transform.content)),
    payload: transform.payload === undefined ? payload : given(await evaluate(transform.payload)),
  };
  if (isWritten) {
    return { content: writtenText(next.content, 'content', 0), payload: checkedPayload(next.payload, 'payload') };
  }
  if (kind !== 'TOPIC') return messageBody(next.content, next.payload);
  // A publication is its payload: it has no text.
  return { content: '', payload: given(checkedPayload(next.payload, 'payload') ?? undefined) };
}

async function act(action: RuleAction, message: Routable, evaluate: (source: string) => Promise<unknown>) {
  const { content, payload } = message;
  if ('drop' in action) return { outcome: 'DROP', content, payload, targets: NOWHERE } as const;
  if ('forward' in action) return { outcome: 'FORWARD', content, payload, targets: action.forward } as const;
  if ('copy' in action) return { outcome: 'COPY', content, payload, targets: action.copy } as const;
  if (!('transform' in action)) throw new Error('This version does not know the action of the rule.');
  const contents = await transformed(action.transform, message, evaluate);
  return { outcome: 'TRANSFORM', ...contents, targets: NOWHERE } as const;
}

/** The result of a matching rule. @throws The errors of its expressions. */
export async function apply(
  rule: RoutingRuleRecord,
  message: Routable,
  now: number,
  evaluate: Evaluate,
): Promise<RuleVerdict> {
  const { kind, topic, payload, content, sender } = message;
  const input = { kind, topic, payload, content, sender, timestamp: new Date(now).toISOString() };
  const { where } = rule.match;
  if (where !== null && !isTrue(await evaluate(where, input))) return passed(message);
  return { ...(await act(rule.action, message, (source) => evaluate(source, input))), fault: null };
}

export function passed({ content, payload }: MessageContents): RuleVerdict {
  return { outcome: 'PASS', content, payload, targets: NOWHERE, fault: null };
}

export function failed({ content, payload }: MessageContents, fault: string): RuleVerdict {
  return { outcome: 'FAULT', content, payload, targets: NOWHERE, fault };
}
