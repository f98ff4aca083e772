/** A topic policy as both engines store it. */
import type { TopicPolicyRecord } from '../../model.ts';
import type { Unread } from './closed.ts';
import { readTopicPolicy } from './stored-records.ts';

export const decodeTopicPolicy = (json: string): TopicPolicyRecord =>
  readTopicPolicy(JSON.parse(json) as Unread<TopicPolicyRecord>);
