/** Topic policies in SQLite. */
import { LIMITS } from '../../limits.ts';
import type { TopicPolicyStore } from '../port.ts';
import { decodeTopicPolicy } from '../shared/topic-policy.ts';
import type { Database } from './database.ts';
import { createSettings } from './settings.ts';

export function createTopicPolicies(database: Database): TopicPolicyStore {
  const { policiesPerTenant: most } = LIMITS;
  const policies = createSettings(database, {
    kind: 'topic-policies',
    table: 'topic_policies',
    most,
    decode: decodeTopicPolicy,
  });
  return {
    readTopicPolicies: policies.read,
    saveTopicPolicy: (tenant, policy) => policies.save(tenant, policy.pattern, policy),
    deleteTopicPolicy: policies.remove,
  };
}
