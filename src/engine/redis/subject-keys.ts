/** The keys of each kind of subject: a conversation, a user, a topic, and so on. */
export interface ConversationKeys {
  /** The first part of the ids of its messages. */
  readonly key: string;
  readonly meta: string;
  readonly members: string;
  readonly joins: string;
  readonly messages: string;
  readonly log: string;
  readonly typing: string;
  /** Membership notes: the users whose lists do not have a change of their membership yet. */
  readonly notes: string;
  /** Messages being written, their texts, and requests to stop replies to a message. */
  readonly streams: string;
  readonly texts: string;
  readonly stops: string;
  /** Exists while the id of a deleted conversation stays taken. */
  readonly gone: string;
  readonly channel: string;
  readonly events: EventSubject;
}

/**
 * The subject of events: a conversation, a topic or a user. Its outbox is in its slot, so an event is stored in the step of
 * its change.
 */
export interface EventSubject {
  /** The name of the subject, unique in its tenant. */
  readonly name: string;
  readonly outbox: string;
}

/** Keys of a tenant: its consumers, the nodes that cache that it has none, noted subjects, and a count of arrivals. */
export interface ConsumerKeys {
  readonly consumers: string;
  readonly unaware: string;
  readonly unforwarded: string;
  readonly arrivals: string;
}

/** Keys of a tenant's partition: its events, and the last event of each subject in it. */
export interface PartitionKeys {
  readonly stream: string;
  readonly handled: string;
  /** The state of a consumer. */
  state(consumer: string): string;
  dead(consumer: string): string;
}

export interface UserKeys {
  /** All keys of the user's list, in the order of `openList` in `lua/waiting-notes.lua`, which a script opens first. */
  readonly list: readonly string[];
  /** Those that are also read by plain commands, once the list was opened. */
  readonly conversations: string;
  readonly order: string;
  readonly entries: string;
  readonly unread: string;
  /** These exist only while a count of unread messages must look further. */
  readonly waiting: string;
  readonly large: string;
  /** The conversations that count against the user's quota; see `membership-quota.ts`. */
  readonly quota: string;
  /** Channel of announcements to the user: memberships, and requests to stop. */
  readonly membershipsChannel: string;
  /** Changes with each announcement on the channel of memberships; see `marks.ts`. */
  readonly membershipsMark: string;
  readonly presence: string;
  readonly presenceChannel: string;
  readonly sessions: string;
  readonly bookmarks: string;
  /** The instant up to which the user's tokens are refused. */
  readonly refusal: string;
  readonly sessionsChannel: string;
  readonly sessionsMark: string;
}

export interface TopicKeys {
  readonly meta: string;
  readonly history: string;
  readonly channel: string;
  readonly events: EventSubject;
}

/** Keys of settings of a tenant's admins: rules, or policies. */
export interface SettingKeys {
  readonly settings: string;
  readonly mark: string;
  readonly channel: string;
}

/** Keys of a tenant's webhooks by consumer: the record and the health of each. In the slot of `webhookHolders`. */
export interface WebhookKeys {
  readonly records: string;
  readonly healths: string;
  readonly holders: string;
}

/** Pub/sub ignores database numbers, so the names of channels contain the number. */
export type ChannelOf = (name: string) => string;

/** Keys of a conversation; `tag` is their slot, with the `key`. */
export function conversationKeys(
  key: string,
  tag: string,
  channelOf: ChannelOf,
  events: EventSubject,
): ConversationKeys {
  return {
    key,
    meta: `${tag}:meta`,
    members: `${tag}:members`,
    joins: `${tag}:joins`,
    messages: `${tag}:messages`,
    log: `${tag}:log`,
    typing: `${tag}:typing`,
    notes: `${tag}:outbox`,
    gone: `${tag}:gone`,
    streams: `${tag}:streams`,
    texts: `${tag}:texts`,
    stops: `${tag}:stops`,
    channel: channelOf(`${tag}:channel`),
    events,
  };
}

const LIST = [
  'waiting',
  'conversations',
  'joined',
  'left',
  'order',
  'entries',
  'unread',
  'large',
  'log-state',
  'log',
] as const;

export const KEYS_OF_LIST = LIST.length;

/** Keys of a user; `tag` is their slot. */
export function userKeys(tag: string, channelOf: ChannelOf): UserKeys {
  return {
    list: LIST.map((name) => `${tag}:${name}`),
    conversations: `${tag}:conversations`,
    order: `${tag}:order`,
    entries: `${tag}:entries`,
    unread: `${tag}:unread`,
    waiting: `${tag}:waiting`,
    large: `${tag}:large`,
    quota: `${tag}:places`,
    membershipsChannel: channelOf(`${tag}:memberships`),
    membershipsMark: `${tag}:memberships-mark`,
    presence: `${tag}:presence`,
    presenceChannel: channelOf(`${tag}:presence-channel`),
    sessions: `${tag}:sessions`,
    bookmarks: `${tag}:inboxes`,
    refusal: `${tag}:refusal`,
    sessionsChannel: channelOf(`${tag}:sessions-channel`),
    sessionsMark: `${tag}:sessions-mark`,
  };
}

/** Keys of a topic; `tag` is their slot. */
export const topicKeys = (tag: string, channelOf: ChannelOf, events: EventSubject): TopicKeys => ({
  meta: `${tag}:meta`,
  history: `${tag}:history`,
  channel: channelOf(`${tag}:channel`),
  events,
});

/** Keys of a tenant's webhooks; `holders` is of all tenants. */
export const webhookKeys = (tag: string, tenant: string, holders: string): WebhookKeys => ({
  records: `${tag}:of.${tenant}`,
  healths: `${tag}:health.${tenant}`,
  holders,
});

/** Keys of a tenant's consumers. */
export const consumerKeys = (tag: string): ConsumerKeys => ({
  consumers: `${tag}:consumers`,
  unaware: `${tag}:unaware`,
  unforwarded: `${tag}:unforwarded`,
  arrivals: `${tag}:arrivals`,
});

/** Keys of one of the streams of a tenant's events. */
export const partitionKeys = (tag: string): PartitionKeys => ({
  stream: `${tag}:stream`,
  handled: `${tag}:places`,
  state: (consumer) => `${tag}:at.${consumer}`,
  dead: (consumer) => `${tag}:dead.${consumer}`,
});

/** Keys of a setting of a tenant. */
export const settingKeys = (tag: string, name: string, channelOf: ChannelOf): SettingKeys => ({
  settings: `${tag}:${name}`,
  mark: `${tag}:mark`,
  channel: channelOf(`${tag}:channel`),
});
