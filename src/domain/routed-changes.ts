/** Edits and streamed messages on their way through the routing rules. */
import type { Engine, MessageEdit } from '../engine/port.ts';
import type { ConversationId, MessageRecord, TenantId, UserId, Viewer } from '../model.ts';
import type { ConversationRules } from './conversation-rules.ts';
import { reach, setOut } from './journey.ts';
import type { Routing } from './routing.ts';
import type { RuleDeliveries } from './rule-deliveries.ts';
import { ruleRefusal } from './rule-refusal.ts';
import type { MessageContents } from './rule-run.ts';

export interface RoutedChanges {
  edit(viewer: Viewer, message: MessageRecord, contents: MessageContents): Promise<MessageEdit>;
  /**
   * Whether rules may change or divert a user's streamed text in this conversation. Such text is not shown before the
   * rules ran.
   */
  isHeld(tenant: TenantId, id: ConversationId, sender: UserId): Promise<boolean>;
  /** Runs a finished text through the rules. @throws {ServiceError} FORBIDDEN, as above; nothing is stored then. */
  finish<Stored extends { readonly outcome: string }>(
    viewer: Viewer,
    message: MessageRecord,
    contents: MessageContents,
    store: (contents: MessageContents) => Promise<Stored>,
  ): Promise<Stored>;
}

export interface RoutedChangeParts {
  readonly engine: Engine;
  readonly routing: Routing;
  readonly rules: ConversationRules;
  readonly deliveries: RuleDeliveries;
}

export function createRoutedChanges({ engine, routing, rules, deliveries }: RoutedChangeParts): RoutedChanges {
  const { concerns, kindFor } = rules;
  const { decide, route } = deliveries;
  return {
    async edit(viewer, message, given) {
      const { tenant } = viewer;
      const { id, conversationId, senderId: sender } = message;
      const journey = setOut();
      reach(journey, { kind: 'conversation', id: conversationId });
      const store = ({ content, payload }: MessageContents): Promise<MessageEdit> =>
        engine.editMessage(tenant, id, content, payload);
      const concerned = concerns(tenant, conversationId);
      if (concerned === false || !(await concerned)) return store(given);
      const kind = await kindFor(tenant, conversationId, sender);
      if (kind === null) return store(given);
      const decision = await decide(tenant, { kind, topic: conversationId, sender, ...given }, journey);
      const outcome = await route(viewer, decision, journey, { store, isNew: (made) => made.outcome === 'changed' });
      if (outcome.fate === 'STORED') return outcome.stored;
      // Its deliveries to other destinations are other messages, and this message does not change.
      throw ruleRefusal(outcome.fate);
    },

    async isHeld(tenant, id, sender) {
      const concerned = concerns(tenant, id);
      if (concerned === false || !(await concerned)) return false;
      const kind = await kindFor(tenant, id, sender);
      return kind !== null && routing.mayDivert(tenant, { kind, topic: id, sender, content: '', payload: null });
    },

    async finish<Stored extends { readonly outcome: string }>(
      viewer: Viewer,
      { conversationId, senderId: sender }: MessageRecord,
      given: MessageContents,
      store: (contents: MessageContents) => Promise<Stored>,
    ): Promise<Stored> {
      const { tenant } = viewer;
      const concerned = concerns(tenant, conversationId);
      if (concerned === false || !(await concerned)) return store(given);
      const kind = await kindFor(tenant, conversationId, sender);
      if (kind === null) return store(given);
      const journey = setOut();
      reach(journey, { kind: 'conversation', id: conversationId });
      const message = { kind, topic: conversationId, sender, ...given, isWritten: true };
      const decision = await decide(tenant, message, journey);
      const isNew = (stored: Stored): boolean => stored.outcome === 'finished';
      const outcome = await route(viewer, decision, journey, { store, isNew });
      if (outcome.fate === 'STORED') return outcome.stored;
      throw ruleRefusal(outcome.fate);
    },
  };
}
