/** Live delivery: the streams behind the subscriptions. */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import { ChannelRegistry, type OpenedChannel } from './channel-registry.ts';

import type { ConversationChannel } from './conversations/channel.ts';
import type { CountGap } from './conversations/channel-parts.ts';
import { Merging } from './conversations/merging.ts';
import { SharedLog } from './conversations/shared-log.ts';
import type { CountResume } from './conversations/stream-options.ts';
import { type ConversationStreams, createConversationStreams } from './conversations/subscriptions.ts';
import { FollowCounts } from './follow-counts.ts';
import { createNamedStreams, type NamedStreams } from './named-streams.ts';
import type { PresenceChannel } from './presence/channel.ts';
import type { SessionChannel } from './sessions/channel.ts';
import { Doubts } from './sessions/doubts.ts';
import { createTokenWatch, type TokenWatch } from './sessions/token-watch.ts';
import type { TopicChannel } from './topics/channel.ts';

export interface Delivery extends ConversationStreams, NamedStreams, TokenWatch {
  close(): void;
}

export interface DeliveryOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countGap: CountGap;
  /** Left out: nobody counts. */
  readonly countResume?: CountResume;
  /** Appends to one message within this time are one event. */
  readonly streamMergeMs: number;
  /** Conversations named in a checkpoint; by default as many as the limits allow. */
  readonly checkpointConversations?: number;
}

export function createDelivery({ engine, clock, log, countGap, ...options }: DeliveryOptions): Delivery {
  const conversations = new ChannelRegistry<ConversationChannel>();
  const sessions = new ChannelRegistry<SessionChannel>();
  const presences = new ChannelRegistry<PresenceChannel>();
  const topics = new ChannelRegistry<TopicChannel>();
  const doubts = new Doubts();
  const followCounts = new FollowCounts(
    LIMITS.followedConversationsPerUser,
    'conversations, each as often as it is followed',
  );
  const merging = new Merging(clock, options.streamMergeMs);
  const sharedLog = new SharedLog(engine, clock);
  const shared = { engine, clock, log, doubts };
  const { countResume = (): void => undefined } = options;
  const context = { ...shared, countGap, countResume, merging, channels: conversations, sharedLog, followCounts };
  return {
    ...createConversationStreams(context, options.checkpointConversations),
    ...createNamedStreams({ ...shared, presences, topics, countResume, countGap }),
    ...createTokenWatch(sessions, shared),
    close() {
      merging.close();
      sharedLog.close();
      const opened: readonly ChannelRegistry<OpenedChannel>[] = [conversations, presences, sessions, topics];
      for (const channels of opened) for (const channel of channels.all()) channel.close();
    },
  };
}
