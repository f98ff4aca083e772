/** A topic policy as both engines store it. */
import type { TopicPolicyRecord } from '../../model.ts';

export const decodeTopicPolicy = (json: string): TopicPolicyRecord => JSON.parse(json) as TopicPolicyRecord;
