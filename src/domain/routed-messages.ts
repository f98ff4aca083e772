/** Messages on their way through the routing rules. */
import type { Append, Diversion, Engine, NewMessage } from '../engine/port.ts';
import type { TenantId } from '../model.ts';
import type { ConversationRules } from './conversation-rules.ts';
import { reach } from './journey.ts';
import type { Routes, RuleDeliveries } from './rule-deliveries.ts';
import { ruleRefusal } from './rule-refusal.ts';
import type { MessageContents } from './rule-run.ts';
import type { Sent } from './sent.ts';

export function createRoutedMessages(
  engine: Engine,
  { concerns, kindFor }: ConversationRules,
  { decide, route }: RuleDeliveries,
): Routes['append'] {
  /** The answer to a repeated message. @throws {ServiceError} FORBIDDEN, when the first one was refused. */
  async function answerTo(tenant: TenantId, append: Append): Promise<Sent> {
    if (append.outcome !== 'diverted') return append;
    const { fate, messageId } = append;
    if (messageId === null) throw ruleRefusal(fate);
    const [message] = await engine.readMessages(tenant, [messageId]);
    return message ? { outcome: 'duplicate', message } : { outcome: 'no-longer-kept' };
  }

  /**
   * The answer that needs no rule: the earlier message under this key, or a refusal because the reply target does not
   * exist. Null: neither.
   */
  async function refusedOrSent(tenant: TenantId, message: NewMessage): Promise<Sent | null> {
    const { conversationId, senderId, key, replyToId } = message;
    const earlier = key && (await engine.findSent(tenant, { conversationId, senderId, key }));
    if (earlier) return answerTo(tenant, earlier);
    const [target] = replyToId === null ? [] : await engine.readMessages(tenant, [replyToId]);
    return replyToId === null || target?.conversationId === conversationId ? null : { outcome: 'no-reply-target' };
  }

  /** Only after all deliveries, so that until then a repeated send reaches the remaining destinations. */
  async function noteDiverted(tenant: TenantId, message: NewMessage, diversion: Diversion): Promise<void> {
    const { conversationId, senderId, key } = message;
    if (key) await engine.noteDiverted(tenant, { conversationId, senderId, key }, diversion);
  }

  return async (viewer, message, target, journey) => {
    const { tenant } = viewer;
    const { conversationId, content, payload, senderId: sender } = message;
    const store = async (contents: MessageContents): Promise<Sent> => {
      await target?.open();
      reach(journey, { kind: 'conversation', id: conversationId });
      const next = { ...message, content: contents.content, payload: contents.payload };
      return answerTo(tenant, await engine.appendMessage(tenant, next));
    };
    const concerned = concerns(tenant, conversationId);
    // The path of every message of a tenant without rules, without waiting.
    if (concerned === false || !(await concerned)) return store({ content, payload });
    // In a direct conversation only its two users send, and they never leave.
    const kind = target ? 'DIRECT' : await kindFor(tenant, conversationId, sender);
    if (kind === null) return store({ content, payload });
    // Before any rule, since a repeated send is not routed again.
    const earlier = await refusedOrSent(tenant, message);
    if (earlier) return earlier;
    const decision = await decide(tenant, { kind, topic: conversationId, sender, content, payload }, journey);
    const outcome = await route(viewer, decision, journey, { store, isNew: (sent) => sent.outcome === 'appended' });
    if (outcome.fate === 'STORED') return outcome.stored;
    const [first] = outcome.fate === 'ROUTED' ? outcome.deliveries.messages : [];
    await noteDiverted(tenant, message, { fate: outcome.fate, messageId: first?.id ?? null });
    if (!first) throw ruleRefusal(outcome.fate);
    return { outcome: 'appended', message: first };
  };
}
