/** Live delivery: the streams behind the subscriptions. */
import { isWriterOf } from '../access/acting.ts';
import type { Bearer } from '../access/bearer.ts';
import {
  type ChannelAccess,
  conversationInChannel,
  messageInChannel,
  type SeenConversation,
  type SeenMessage,
  type SeenText,
  textInChannel,
} from '../access/seen.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type {
  ConversationId,
  MessageRecord,
  Position,
  PresenceRecord,
  PublicationRecord,
  Topic,
  TypingRecord,
  UserId,
} from '../model.ts';
import { ChannelRegistry, type OpenedChannel } from './channel-registry.ts';
import type { ConversationChannel, CountHole } from './conversations/channel.ts';
import type { Selection } from './conversations/following.ts';
import type { Told } from './conversations/lost.ts';
import { Merging } from './conversations/merging.ts';
import type { ResumePoints } from './conversations/resume-points.ts';
import { SharedLog } from './conversations/shared-log.ts';
import { ConversationStream, type OnBegin } from './conversations/stream.ts';
import type { ExtendedText } from './conversations/written-message.ts';
import { Followed } from './followed.ts';
import { type InboxStreamEvent, inboxSelection } from './inbox/inbox-events.ts';
import { type InboxResume, InboxTeller } from './inbox/inbox-teller.ts';
import { openJointStream, type Right } from './joint-stream.ts';
import { PresenceChannel } from './presence/channel.ts';
import { Rechecks } from './rechecks.ts';
import { SessionChannel, type TokenHolder } from './sessions/channel.ts';
import { Doubts, userKey } from './sessions/doubts.ts';
import type { LiveStream } from './stream.ts';
import { TopicChannel } from './topics/channel.ts';
import type { Resume } from './topics/replay.ts';
import { Turns } from './turns.ts';

/** The conversations of a subscription: those named, or null for all of the viewer's. */
export type ConversationIds = readonly ConversationId[] | null;

export interface Delivery {
  messageReceived(bearer: Bearer, ids: ConversationIds, after: ResumePoints): Promise<LiveStream<Told<SeenMessage>>>;
  messageUpdated(bearer: Bearer, ids: ConversationIds, after: ResumePoints): Promise<LiveStream<Told<SeenMessage>>>;
  conversationUpdated(bearer: Bearer, ids: ConversationIds): Promise<LiveStream<Told<SeenConversation>>>;
  typingIndicator(bearer: Bearer, ids: ConversationIds): Promise<LiveStream<Told<TypingRecord>>>;
  /** Text as it is added to messages while they are written; for each of these, first all of it so far. */
  messageStreamed(bearer: Bearer, ids: ConversationIds): Promise<LiveStream<Told<SeenText<ExtendedText>>>>;
  /** The caller's own messages that a reader asks to stop. */
  messageStopped(bearer: Bearer): Promise<LiveStream<Told<SeenMessage>>>;
  /**
   * New messages, text that is added to them, and others' typing, in all of the viewer's conversations.
   *
   * `isForgiving`: a conversation whose position expired begins live, and `onBegin` gets the reason.
   */
  inbox(
    bearer: Bearer,
    after: ResumePoints,
    onBegin: OnBegin,
    isForgiving: boolean,
  ): Promise<LiveStream<Told<InboxEvent>>>;
  /** Everything of the viewer's inbox, and the reader's checkpoints. */
  inboxStream(bearer: Bearer, resume: InboxResume): Promise<LiveStream<InboxStreamEvent>>;
  presenceUpdated(bearer: Bearer, userIds: readonly UserId[]): Promise<LiveStream<PresenceRecord>>;
  /** `after`: the caller's positions; missed publications come first. It ends with the right to hear a topic. */
  topicPublished(
    bearer: Bearer,
    hearing: Right & { readonly topics: readonly Topic[] },
    after: ReadonlyMap<Topic, Position>,
  ): Promise<LiveStream<PublicationRecord>>;
  /** Tells a holder once the present token of its bearer has been taken back, or was when asked, until `forgetTokens`. */
  watchTokens(holder: TokenHolder): Promise<void>;
  forgetTokens(holder: TokenHolder): void;
  /** The holder goes by another token, which may have been taken back already. */
  lookAgain(holder: TokenHolder): void;
  close(): void;
}

/** The change of a message that is not new, for streams of several kinds of events. */
export interface MessageNews {
  readonly news: 'FINISHED' | 'STOP_REQUESTED';
  readonly conversationId: ConversationId;
  readonly message: SeenMessage;
}

export type InboxEvent = SeenMessage | TypingRecord | SeenText<ExtendedText> | MessageNews;

/** By message: events are shared objects. */
const NEWS = new WeakMap<MessageRecord, MessageNews>();

function newsOf(access: ChannelAccess, record: MessageRecord, news: MessageNews['news']): MessageNews | null {
  const message = messageInChannel(access, record);
  if (!message) return null;
  const known = NEWS.get(message);
  if (known) return known;
  const event = { news, conversationId: message.conversationId, message };
  NEWS.set(message, event);
  return event;
}

const NOWHERE: ResumePoints = new Map();

const typingOfOthers =
  (bearer: Bearer) =>
  (typing: TypingRecord): TypingRecord | null =>
    typing.userId === bearer.viewer.userId ? null : typing;

// One object each for all streams: code that every event of every subscriber runs stays in the processor's cache.
const SENT: Selection<SeenMessage> = {
  message: (access, message, change) => (change === 'SENT' ? messageInChannel(access, message) : null),
};
const UPDATED: Selection<SeenMessage> = {
  message: (access, message, change) => (change === 'SENT' ? null : messageInChannel(access, message)),
};
const CONVERSATION: Selection<SeenConversation> = { conversation: conversationInChannel };

const STREAMED: Selection<SeenText<ExtendedText>> = { extension: textInChannel };

export interface DeliveryOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly countHole: CountHole;
  /** Appends to one message within this time are one event. */
  readonly streamMergeMs: number;
  /** Conversations named in a checkpoint; by default as many as the limits allow. */
  readonly checkpointConversations?: number;
}

export function createDelivery({ engine, clock, log, countHole, ...options }: DeliveryOptions): Delivery {
  const { streamMergeMs, checkpointConversations } = options;
  const conversations = new ChannelRegistry<ConversationChannel>();
  const sessions = new ChannelRegistry<SessionChannel>();
  const presences = new ChannelRegistry<PresenceChannel>();
  const topics = new ChannelRegistry<TopicChannel>();
  const rechecks = new Rechecks();
  const doubts = new Doubts();
  const followed = new Followed(LIMITS.followedConversationsPerUser, 'conversations, each as often as it is followed');
  const followedNames = new Followed(LIMITS.followedNamesPerUser, 'topics and users, each as often as it is named');
  const sharedLog = new SharedLog(engine, clock);
  const merging = new Merging(clock, streamMergeMs);
  const context = { engine, clock, log, countHole, merging, channels: conversations, sharedLog, doubts, followed };

  function open<Event extends object>(
    bearer: Bearer,
    conversationIds: ConversationIds,
    after: ResumePoints,
    selection: Selection<Event>,
  ): Promise<LiveStream<Told<Event>>> {
    return ConversationStream.open(context, { bearer, conversationIds, after, selection });
  }

  return {
    messageReceived: (bearer, ids, after) => open(bearer, ids, after, SENT),

    messageUpdated: (bearer, ids, after) => open(bearer, ids, after, UPDATED),

    conversationUpdated: (bearer, ids) => open(bearer, ids, NOWHERE, CONVERSATION),

    typingIndicator: (bearer, ids) => open(bearer, ids, NOWHERE, { typing: typingOfOthers(bearer) }),

    messageStreamed: (bearer, ids) => open(bearer, ids, NOWHERE, STREAMED),

    messageStopped: (bearer) =>
      open<SeenMessage>(bearer, null, NOWHERE, {
        stop: (access, message) => (isWriterOf(bearer.viewer, message) ? messageInChannel(access, message) : null),
      }),

    inbox: (bearer, after, onBegin, isForgiving) =>
      ConversationStream.open<InboxEvent>(context, {
        bearer,
        conversationIds: null,
        after,
        selection: {
          ...STREAMED,
          message: (access, message, change) =>
            change === 'FINISHED'
              ? newsOf(access, message, 'FINISHED')
              : (SENT.message?.(access, message, change) ?? null),
          stop: (access, message) =>
            isWriterOf(bearer.viewer, message) ? newsOf(access, message, 'STOP_REQUESTED') : null,
          typing: typingOfOthers(bearer),
        },
        onBegin,
        isForgiving,
      }),

    inboxStream: (bearer, resume) =>
      ConversationStream.open<InboxStreamEvent>(context, {
        bearer,
        conversationIds: null,
        after: resume.positions,
        selection: inboxSelection(bearer),
        isForgiving: true,
        teller: new InboxTeller(context, bearer, resume, checkpointConversations),
        // Among all of a viewer's conversations a loss is not an error: the stream reports that they left.
      }) as Promise<LiveStream<InboxStreamEvent>>,

    async watchTokens(holder) {
      const { viewer } = holder.bearer;
      const key = userKey(viewer);
      const channel = await sessions.acquire(
        key,
        () => new SessionChannel(engine, clock, log, viewer, (isInDoubt) => doubts.turn(key, isInDoubt)),
      );
      if (!channel) return;
      channel.watch(holder);
      // It may have ended between the look at its token and the joining of the bus.
      await channel.read();
    },

    forgetTokens(holder) {
      const key = userKey(holder.bearer.viewer);
      const channel = sessions.find(key);
      if (!channel) return;
      channel.forget(holder);
      sessions.release(key, channel);
    },

    lookAgain(holder) {
      void sessions.find(userKey(holder.bearer.viewer))?.read();
    },

    async presenceUpdated(bearer, userIds) {
      const { tenant, userId: viewerId } = bearer.viewer;
      const joinings = userIds.map((userId) => ({
        key: userKey({ tenant, userId }),
        create: () => new PresenceChannel(engine, clock, log, tenant, userId),
        admit: (channel: PresenceChannel) => channel.admission(viewerId),
      }));
      return openJointStream(presences, joinings, { bearer, doubts, followed: followedNames });
    },

    async topicPublished(bearer, hearing, after) {
      const { tenant } = bearer.viewer;
      const turns = new Turns();
      const resumeOf = (position: Position | undefined): Resume | null =>
        position ? { after: position, turns } : null;
      const joinings = hearing.topics.map((topic) => ({
        key: JSON.stringify([tenant, topic]),
        create: () => new TopicChannel(engine, clock, log, tenant, topic),
        admit: (channel: TopicChannel) => channel.admission(resumeOf(after.get(topic))),
      }));
      const right = { of: hearing, rechecks };
      return openJointStream(topics, joinings, { bearer, doubts, followed: followedNames, right });
    },

    close() {
      merging.close();
      for (const channel of [conversations, presences, sessions, topics].flatMap(
        (each) => each.all() as OpenedChannel[],
      ))
        channel.close();
    },
  };
}
