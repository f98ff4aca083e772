/** A group of Alice and Bob, in a tenant whose admin saves routing rules. */
import type { RoutingRuleInput } from '../../src/domain/rule-input.ts';
import type { ConversationId } from '../../src/model.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { alice, bob, viewerOf } from '../support/world.ts';
import { admin } from './viewers.ts';

export const [sender, reader] = [viewerOf(alice), viewerOf(bob)];
export const id = 'c' as ConversationId;

export async function openRuledConversation(): Promise<TestDomain> {
  const domain = openTestDomain();
  await domain.conversations.create(sender, { id, memberIds: [bob] });
  return domain;
}

/** Saves a rule for everything, unless `more` says for what. */
export const saveRule = (domain: TestDomain, action: unknown, more: Partial<RoutingRuleInput> = {}) =>
  domain.routingRules.save(admin, {
    name: 'A rule',
    match: { on: ['TOPIC', 'GROUP', 'DIRECT', 'ROOM'] },
    action,
    ...more,
  });
