/** Opens the streams over named subjects: the presence of users, and topics. */
import type { Bearer } from '../access/bearer.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Position, PresenceRecord, PublicationRecord, Topic, UserId } from '../model.ts';
import type { ChannelRegistry } from './channel-registry.ts';
import type { CountGap } from './conversations/channel-parts.ts';
import type { CountResume } from './conversations/stream-options.ts';
import { FollowCounts } from './follow-counts.ts';
import { openJointStream, type Right } from './joint-stream.ts';
import { PresenceChannel } from './presence/channel.ts';
import { Rechecks } from './rechecks.ts';
import { ReplayMemory } from './replay-memory.ts';
import { type Doubts, userKey } from './sessions/doubts.ts';
import type { LiveStream } from './stream.ts';
import { TopicChannel } from './topics/channel.ts';
import type { Resume } from './topics/replay.ts';

export interface NamedStreams {
  presenceUpdated(bearer: Bearer, userIds: readonly UserId[]): Promise<LiveStream<PresenceRecord>>;
  /**
   * `after`: the caller's positions; missed publications come first. The stream ends when the right to a topic ends.
   */
  topicPublished(
    bearer: Bearer,
    subscribeRight: Right & { readonly topics: readonly Topic[] },
    after: ReadonlyMap<Topic, Position>,
  ): Promise<LiveStream<PublicationRecord>>;
}

export interface NamedStreamContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly doubts: Doubts;
  readonly presences: ChannelRegistry<PresenceChannel>;
  readonly topics: ChannelRegistry<TopicChannel>;
  readonly countResume: CountResume;
  readonly countGap: CountGap;
}

export function createNamedStreams(context: NamedStreamContext): NamedStreams {
  const { engine, clock, log, doubts, presences, topics, countResume, countGap } = context;
  const rechecks = new Rechecks();
  const followCounts = new FollowCounts(LIMITS.followedNamesPerUser, 'topics and users, each as often as it is named');
  return {
    async presenceUpdated(bearer, userIds) {
      const { tenant, userId: viewerId } = bearer.viewer;
      const joinings = userIds.map((userId) => ({
        key: userKey({ tenant, userId }),
        create: () => new PresenceChannel(engine, clock, log, tenant, userId),
        prepare: (channel: PresenceChannel) => channel.prepare(viewerId),
      }));
      return openJointStream(presences, joinings, { bearer, doubts, followCounts });
    },

    async topicPublished(bearer, subscribeRight, after) {
      const { tenant } = bearer.viewer;
      const memory = new ReplayMemory();
      const resumeOf = (position: Position | undefined): Resume | null =>
        position ? { after: position, memory, count: countResume } : null;
      const joinings = subscribeRight.topics.map((topic) => ({
        key: JSON.stringify([tenant, topic]),
        create: () => new TopicChannel({ engine, clock, log, countGap }, tenant, topic),
        prepare: (channel: TopicChannel) => channel.prepare(resumeOf(after.get(topic))),
      }));
      const right = { of: subscribeRight, rechecks };
      return openJointStream(topics, joinings, { bearer, doubts, followCounts, right });
    },
  };
}
