/** Routing rules of a tenant. */
import type { ConversationKind } from './conversations.ts';
import type { RoutingRuleId, Topic, UserId } from './ids.ts';

/** The kinds of messages that a routing rule may match. */
export type RoutedKind = 'TOPIC' | ConversationKind;

export interface RuleMatch {
  readonly on: readonly RoutedKind[];
  /** A pattern of topics; for messages, a pattern of the id of their conversation. */
  readonly topic: string | null;
  readonly sender: UserId | null;
  /** A JSONata expression. */
  readonly where: string | null;
}

/** Either topics or users. */
export interface RuleTargets {
  readonly topics: readonly Topic[];
  readonly users: readonly UserId[];
}

/** Expressions for a new text and a new payload. A part that is left out does not change. */
export interface RuleTransform {
  readonly content?: string;
  readonly payload?: string;
}

export type RuleAction =
  | { readonly drop: true }
  /** A single expression gives the payload, and the text stays. */
  | { readonly transform: string | RuleTransform }
  | { readonly forward: RuleTargets }
  | { readonly copy: RuleTargets };

/** The handling of a message whose rule failed. */
export type RuleFaultPolicy = 'PASS' | 'REFUSE';

export interface RoutingRuleRecord {
  readonly id: RoutingRuleId;
  readonly name: string;
  readonly enabled: boolean;
  readonly priority: number;
  readonly match: RuleMatch;
  readonly action: RuleAction;
  readonly onFault: RuleFaultPolicy;
  readonly updatedAt: number;
  readonly updatedBy: UserId;
}

/** The result of a rule for a message. */
export type RuleOutcome = 'PASS' | 'DROP' | 'TRANSFORM' | 'FORWARD' | 'COPY' | 'FAULT';

export interface RuleVerdict {
  readonly outcome: RuleOutcome;
  readonly content: string;
  readonly payload: unknown;
  readonly targets: RuleTargets;
  /** Why it failed. */
  readonly fault: string | null;
}
