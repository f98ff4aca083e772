/** Topic policies in Redis. */
import { LIMITS } from '../../limits.ts';
import type { TopicPolicyStore } from '../port.ts';
import { decodeTopicPolicy } from '../shared/topic-policy.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';
import { createSettings } from './settings.ts';

export function createTopicPolicies(client: RedisClient, run: RunScript, keys: Keys): TopicPolicyStore {
  const { policiesPerTenant: most } = LIMITS;
  const policies = createSettings(client, run, {
    kind: 'topic-policies',
    keysOf: keys.topicPolicies,
    most,
    decode: decodeTopicPolicy,
  });
  return {
    readTopicPolicies: policies.read,
    saveTopicPolicy: (tenant, policy) => policies.save(tenant, policy.pattern, policy),
    deleteTopicPolicy: policies.remove,
  };
}
