/** Opens the streams over conversations, and selects the events of each. */
import { isWriterOf } from '../../access/acting.ts';
import type { Bearer } from '../../access/bearer.ts';
import {
  type ChannelAccess,
  conversationInChannel,
  messageInChannel,
  type SeenConversation,
  type SeenMessage,
  type SeenText,
  type ShownMessage,
  sentBy,
  textInChannel,
} from '../../access/seen.ts';
import { ServiceError } from '../../errors.ts';
import type { ConversationId, MessageChange, MessageRecord, TypingRecord } from '../../model.ts';
import { INBOX, type InboxStreamEvent } from '../inbox/inbox-events.ts';
import { InboxReporter, type InboxResume } from '../inbox/inbox-reporter.ts';
import type { LiveStream } from '../stream.ts';
import type { ConversationStreamEvent } from './access-ended.ts';
import type { ClientPositions } from './client-positions.ts';
import type { Selection } from './followed-conversation.ts';
import { ConversationStream } from './stream.ts';
import type { ConversationStreamContext, OnBegin } from './stream-options.ts';
import type { ExtendedText } from './written-message.ts';

/** The conversations of a subscription: those named, or null for all of the viewer's. */
export type ConversationIds = readonly ConversationId[] | null;

export interface ConversationStreams {
  messageReceived(
    bearer: Bearer,
    ids: ConversationIds,
    after: ClientPositions,
  ): Promise<LiveStream<ConversationStreamEvent<SeenMessage>>>;
  messageUpdated(
    bearer: Bearer,
    ids: ConversationIds,
    after: ClientPositions,
  ): Promise<LiveStream<ConversationStreamEvent<SeenMessage>>>;
  conversationUpdated(
    bearer: Bearer,
    ids: ConversationIds,
  ): Promise<LiveStream<ConversationStreamEvent<SeenConversation>>>;
  typingIndicator(bearer: Bearer, ids: ConversationIds): Promise<LiveStream<ConversationStreamEvent<TypingRecord>>>;
  /** Text added to streamed messages; for each message, its whole text so far comes first. */
  messageStreamed(
    bearer: Bearer,
    ids: ConversationIds,
  ): Promise<LiveStream<ConversationStreamEvent<SeenText<ExtendedText>>>>;
  /** The streamed messages that the caller writes, as their sender or as a back end, and that a reader asks to stop. */
  messageStopped(bearer: Bearer): Promise<LiveStream<ConversationStreamEvent<ShownMessage>>>;
  /**
   * The feed of a `/ws` connection: new messages, text that is added to them, and others' typing, in all of the
   * viewer's conversations.
   *
   * `isForgiving`: a conversation whose position expired begins live, and `onBegin` gets the reason.
   */
  feed(
    bearer: Bearer,
    after: ClientPositions,
    onBegin: OnBegin,
    isForgiving: boolean,
  ): Promise<LiveStream<ConversationStreamEvent<FeedEvent>>>;
  /** Everything of the viewer's inbox, and the reader's checkpoints. */
  inboxStream(bearer: Bearer, resume: InboxResume): Promise<LiveStream<InboxStreamEvent>>;
}

/** The change of a message that is not new, for streams of several kinds of events. */
export interface MessageNews {
  readonly news: 'FINISHED' | 'STOP_REQUESTED';
  readonly conversationId: ConversationId;
  readonly message: ShownMessage;
}

export type FeedEvent = SeenMessage | TypingRecord | SeenText<ExtendedText> | MessageNews;

/** By message: events are shared objects. */
const NEWS = new WeakMap<MessageRecord, MessageNews>();

function newsOf(access: ChannelAccess, record: MessageRecord, news: MessageNews['news']): MessageNews | null {
  const message = messageInChannel(access, record);
  return message && newsAbout(message, news);
}

function newsAbout(message: ShownMessage, news: MessageNews['news']): MessageNews {
  const known = NEWS.get(message);
  if (known) return known;
  const event = { news, conversationId: message.conversationId, message };
  NEWS.set(message, event);
  return event;
}

const NOWHERE: ClientPositions = new Map();

// One object each for all streams, so that the code on the hot path stays in the processor's cache.
const SENT: Selection<SeenMessage> = {
  message: (access, message, change) => (change === 'SENT' ? messageInChannel(access, message) : null),
};
const UPDATED: Selection<SeenMessage> = {
  message: (access, message, change) => (change === 'SENT' ? null : messageInChannel(access, message)),
};
const CONVERSATION: Selection<SeenConversation> = { conversation: conversationInChannel };

const STREAMED: Selection<SeenText<ExtendedText>> = { extension: textInChannel };
const TYPING: Selection<TypingRecord> = {
  typing: (typing, viewer) => (typing.userId === viewer.userId ? null : typing),
};
const STOPPED: Selection<ShownMessage> = {
  stop: (access, message, viewer) => (isWriterOf(viewer, message) ? messageInChannel(access, message) : null),
  stopElsewhere: (message, viewer) => sentBy(viewer, message),
};
/** What clients of `/ws` get of each change of a message; null: nothing. */
const FEED_CHANGES: Readonly<Record<MessageChange, 'MESSAGE' | MessageNews['news'] | null>> = {
  SENT: 'MESSAGE',
  FINISHED: 'FINISHED',
  EDITED: null,
  DELETED: null,
  REACTED: null,
};
const FEED: Selection<FeedEvent> = {
  ...STREAMED,
  ...TYPING,
  message(access, message, change) {
    const shown = FEED_CHANGES[change];
    if (shown === null) return null;
    return shown === 'MESSAGE' ? messageInChannel(access, message) : newsOf(access, message, shown);
  },
  stop: (access, message, viewer) => (isWriterOf(viewer, message) ? newsOf(access, message, 'STOP_REQUESTED') : null),
  stopElsewhere(record, viewer) {
    const message = sentBy(viewer, record);
    return message && newsAbout(message, 'STOP_REQUESTED');
  },
};

/** `checkpointConversations`: conversations named in a checkpoint; by default as many as the limits allow. */
export function createConversationStreams(
  context: ConversationStreamContext,
  checkpointConversations?: number,
): ConversationStreams {
  function open<Event extends object>(
    bearer: Bearer,
    conversationIds: ConversationIds,
    after: ClientPositions,
    selection: Selection<Event>,
  ): Promise<LiveStream<ConversationStreamEvent<Event>>> {
    return ConversationStream.open(context, { bearer, conversationIds, after, selection });
  }

  return {
    messageReceived: (bearer, ids, after) => open(bearer, ids, after, SENT),

    messageUpdated: (bearer, ids, after) => open(bearer, ids, after, UPDATED),

    conversationUpdated: (bearer, ids) => open(bearer, ids, NOWHERE, CONVERSATION),

    typingIndicator: (bearer, ids) => open(bearer, ids, NOWHERE, TYPING),

    messageStreamed: (bearer, ids) => open(bearer, ids, NOWHERE, STREAMED),

    messageStopped: (bearer) => open(bearer, null, NOWHERE, STOPPED),

    feed: (bearer, after, onBegin, isForgiving) =>
      ConversationStream.open<FeedEvent>(context, {
        bearer,
        conversationIds: null,
        after,
        selection: FEED,
        onBegin,
        isForgiving,
      }),

    inboxStream: (bearer, resume) =>
      ConversationStream.open<InboxStreamEvent>(context, {
        bearer,
        conversationIds: null,
        after: resume.positions,
        selection: INBOX,
        isForgiving: true,
        reporter: new InboxReporter(context, bearer, resume, checkpointConversations),
        // Among all of a viewer's conversations the end of access to one is not an error: the stream reports that they left.
      }).catch((error: unknown) => {
        if (error instanceof ServiceError && error.code === 'POSITION_EXPIRED') context.countResume('expired', error);
        throw error;
      }) as Promise<LiveStream<InboxStreamEvent>>,
  };
}
