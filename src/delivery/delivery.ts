/** Live delivery: the streams behind the subscriptions. */
import { type SeenConversation, type SeenMessage, seenInChannel } from '../access/seen.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConversationId,
  Position,
  PresenceRecord,
  PublicationRecord,
  Topic,
  TypingRecord,
  UserId,
  Viewer,
} from '../model.ts';
import { ChannelRegistry, type OpenedChannel } from './channel-registry.ts';
import type { ConversationChannel, CountHole } from './conversation-channel.ts';
import { ConversationStream, type OnBegin } from './conversation-stream.ts';
import type { Selection } from './following.ts';
import { openJointStream } from './joint-stream.ts';
import { PresenceChannel } from './presence-channel.ts';
import { SessionChannel } from './session-channel.ts';
import { SharedLog } from './shared-log.ts';
import type { LiveStream } from './stream.ts';
import { TopicChannel } from './topic-channel.ts';

/** Which conversations: those named, or null for all of the viewer's. */
export type ConversationIds = readonly ConversationId[] | null;
export type ResumePoints = ReadonlyMap<ConversationId, Position>;

export interface Delivery {
  messageReceived(viewer: Viewer, ids: ConversationIds, after: ResumePoints): Promise<LiveStream<SeenMessage>>;
  messageUpdated(viewer: Viewer, ids: ConversationIds, after: ResumePoints): Promise<LiveStream<SeenMessage>>;
  conversationUpdated(viewer: Viewer, ids: ConversationIds): Promise<LiveStream<SeenConversation>>;
  typingIndicator(viewer: Viewer, ids: ConversationIds): Promise<LiveStream<TypingRecord>>;
  /** New messages and others' typing, in all of the viewer's conversations. */
  inbox(viewer: Viewer, after: ResumePoints, onBegin: OnBegin): Promise<LiveStream<SeenMessage | TypingRecord>>;
  presenceUpdated(viewer: Viewer, userIds: readonly UserId[]): Promise<LiveStream<PresenceRecord>>;
  topicPublished(viewer: Viewer, topics: readonly Topic[]): Promise<LiveStream<PublicationRecord>>;
  /** Calls back once the session of the viewer's token has ended, or had when asked; the answer stops that. */
  watchSession(viewer: Viewer, onEnd: () => void): Promise<() => void>;
  close(): void;
}

const NOWHERE: ResumePoints = new Map();

// One object each for all streams: what every event of every subscriber goes through stays in the processor's cache.
const SENT: Selection<SeenMessage> = {
  message: (change, message) => (change === 'SENT' ? seenInChannel(message) : null),
};
const UPDATED: Selection<SeenMessage> = {
  message: (change, message) => (change === 'SENT' ? null : seenInChannel(message)),
};
const CONVERSATION: Selection<SeenConversation> = { conversation: seenInChannel };

export function createDelivery(engine: Engine, clock: Clock, log: Log, countHole: CountHole): Delivery {
  const conversations = new ChannelRegistry<ConversationChannel>();
  const sessions = new ChannelRegistry<SessionChannel>();
  const presences = new ChannelRegistry<PresenceChannel>();
  const topics = new ChannelRegistry<TopicChannel>();
  const context = { engine, clock, log, countHole, channels: conversations, sharedLog: new SharedLog(engine) };
  const stopChecking = clock.every(TIMES.headCheckMs, () => {
    const before = clock.elapsed() - TIMES.headCheckMs;
    for (const channel of conversations.all()) if (channel.lastHeardAt <= before) channel.check();
  });

  function open<Event extends object>(
    viewer: Viewer,
    conversationIds: ConversationIds,
    after: ResumePoints,
    selection: Selection<Event>,
  ): Promise<LiveStream<Event>> {
    return ConversationStream.open(context, { viewer, conversationIds, after, selection });
  }

  return {
    messageReceived: (viewer, ids, after) => open(viewer, ids, after, SENT),

    messageUpdated: (viewer, ids, after) => open(viewer, ids, after, UPDATED),

    conversationUpdated: (viewer, ids) => open(viewer, ids, NOWHERE, CONVERSATION),

    typingIndicator: (viewer, ids) =>
      open(viewer, ids, NOWHERE, { typing: (typing) => (typing.userId === viewer.userId ? null : typing) }),

    inbox: (viewer, after, onBegin) =>
      ConversationStream.open<SeenMessage | TypingRecord>(context, {
        viewer,
        conversationIds: null,
        after,
        selection: { ...SENT, typing: (typing) => (typing.userId === viewer.userId ? null : typing) },
        onBegin,
      }),

    async watchSession({ tenant, userId, sessionId }, onEnd) {
      const key = JSON.stringify([tenant, userId]);
      const channel = await sessions.acquire(key, () => new SessionChannel(engine, clock, log, tenant, userId));
      if (!channel || sessionId === null) return () => undefined;
      const stop = channel.watch(sessionId, onEnd);
      // It may have ended between the look at its token and the joining of the bus.
      await channel.read();
      return () => {
        stop();
        sessions.release(key, channel);
      };
    },

    presenceUpdated: ({ tenant }, userIds) =>
      openJointStream(
        presences,
        userIds.map((userId) => ({
          key: JSON.stringify([tenant, userId]),
          create: () => new PresenceChannel(engine, clock, log, tenant, userId),
        })),
      ),

    topicPublished: ({ tenant }, names) =>
      openJointStream(
        topics,
        names.map((topic) => ({
          key: JSON.stringify([tenant, topic]),
          create: () => new TopicChannel(engine, clock, log, tenant, topic),
        })),
      ),

    close() {
      stopChecking();
      for (const channel of [conversations, presences, sessions, topics].flatMap(
        (each) => each.all() as OpenedChannel[],
      ))
        channel.close();
    },
  };
}
