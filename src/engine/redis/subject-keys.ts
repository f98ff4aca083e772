/** The keys of each kind of subject: a conversation, a user, a topic, and so on. */
export interface ConversationKeys {
  readonly meta: string;
  readonly members: string;
  readonly joins: string;
  readonly messages: string;
  readonly log: string;
  readonly typing: string;
  /** Users whose index does not have their last change of membership yet. */
  readonly outbox: string;
  /** Messages that are being written, their texts, and wishes to stop what replies to a message. */
  readonly streams: string;
  readonly texts: string;
  readonly stops: string;
  /** There while the id of a conversation that was deleted stays taken. */
  readonly gone: string;
  readonly channel: string;
  readonly events: EventSource;
}

/** Where what happens is kept for consumers in the step that brings it about: beside its conversation or topic. */
export interface EventSource {
  /** Of the tenant's. */
  readonly name: string;
  readonly outbox: string;
}

/** Of a tenant: its consumers, which nodes take it to have none, sources that are to be forwarded, and a count of what was. */
export interface ConsumerKeys {
  readonly consumers: string;
  readonly unaware: string;
  readonly unforwarded: string;
  readonly arrivals: string;
}

/** Of a tenant's partition: its events, and up to where each source is in it. */
export interface PartitionKeys {
  readonly stream: string;
  readonly places: string;
  /** Of a consumer. */
  state(consumer: string): string;
  dead(consumer: string): string;
}

export interface UserKeys {
  readonly conversations: string;
  readonly joined: string;
  readonly left: string;
  /** The user's list; see `lua/list.lua`. */
  readonly order: string;
  readonly entries: string;
  readonly unread: string;
  readonly large: string;
  /** The log of the list and its position; see `lua/user-log.lua`. */
  readonly log: string;
  readonly logState: string;
  readonly places: string;
  readonly memberships: string;
  /** Changes with each announcement on the channel of memberships; see `marks.ts`. */
  readonly membershipsMark: string;
  readonly presence: string;
  readonly presenceChannel: string;
  readonly sessions: string;
  readonly bookmarks: string;
  /** Up to when the user's tokens are refused. */
  readonly refusal: string;
  readonly sessionsChannel: string;
  readonly sessionsMark: string;
}

export interface TopicKeys {
  readonly meta: string;
  readonly history: string;
  readonly channel: string;
  readonly events: EventSource;
}

/** Of what a tenant's admins have settled: rules, or policies. */
export interface SettingKeys {
  readonly settings: string;
  readonly mark: string;
  readonly channel: string;
}

/** Of a tenant's webhooks, by consumer: what was saved, and how each is. In the slot of `webhookHolders`. */
export interface WebhookKeys {
  readonly records: string;
  readonly healths: string;
  readonly holders: string;
}

/** Of the database with this number: announcements know nothing of databases, so that their channels name it. */
export type ChannelOf = (name: string) => string;

/** Keys of a conversation; `tag` is their slot. */
export function conversationKeys(tag: string, channelOf: ChannelOf, events: EventSource): ConversationKeys {
  return {
    meta: `${tag}:meta`,
    members: `${tag}:members`,
    joins: `${tag}:joins`,
    messages: `${tag}:messages`,
    log: `${tag}:log`,
    typing: `${tag}:typing`,
    outbox: `${tag}:outbox`,
    gone: `${tag}:gone`,
    streams: `${tag}:streams`,
    texts: `${tag}:texts`,
    stops: `${tag}:stops`,
    channel: channelOf(`${tag}:channel`),
    events,
  };
}

/** Keys of a user; `tag` is their slot. */
export function userKeys(tag: string, channelOf: ChannelOf): UserKeys {
  return {
    conversations: `${tag}:conversations`,
    joined: `${tag}:joined`,
    left: `${tag}:left`,
    order: `${tag}:order`,
    entries: `${tag}:entries`,
    unread: `${tag}:unread`,
    large: `${tag}:large`,
    log: `${tag}:log`,
    logState: `${tag}:log-state`,
    places: `${tag}:places`,
    memberships: channelOf(`${tag}:memberships`),
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
export const topicKeys = (tag: string, channelOf: ChannelOf, events: EventSource): TopicKeys => ({
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
  places: `${tag}:places`,
  state: (consumer) => `${tag}:at.${consumer}`,
  dead: (consumer) => `${tag}:dead.${consumer}`,
});

/** Keys of a setting of a tenant. */
export const settingKeys = (tag: string, name: string, channelOf: ChannelOf): SettingKeys => ({
  settings: `${tag}:${name}`,
  mark: `${tag}:mark`,
  channel: channelOf(`${tag}:channel`),
});
