/**
 * Every key and channel of the Redis engine.
 *
 * `{…}` is the hash tag: all keys of a conversation share one slot, and so does
 * its channel, because one script writes and announces. Ids are encoded, so that
 * no id can end a tag, join two parts, or reach another tenant.
 */
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, RateUse, SessionId, TenantId, Topic, UserId } from '../../model.ts';
import type { Channel } from '../port.ts';
import { conversationKey } from '../shared/message-id.ts';

const HEALTH_KEYS = 16;

const encode = (text: string): string => Buffer.from(text).toString('base64url');

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

export interface Keys {
  readonly leases: string;
  readonly dead: string;
  /** Of each dead node, who sweeps it and until when. */
  readonly sweepers: string;
  /** A key that health checks write: one of several, on different nodes of a cluster. */
  health(): string;
  /** Which schema the data is of. */
  readonly schema: string;
  conversation(tenant: TenantId, id: ConversationId): ConversationKeys;
  /** By the first part of a message's id. */
  conversationByKey(tenant: TenantId, key: string): ConversationKeys;
  idempotency(tenant: TenantId, id: ConversationId, senderId: UserId, clientMessageId: string): string;
  user(tenant: TenantId, id: UserId): UserKeys;
  /** The rooms of a tenant: see `lua/index-room.lua`. */
  rooms(tenant: TenantId): { readonly order: string; readonly rooms: string };
  /** Conversations that are to be told to lists, each with the node that has it in hand. */
  unlisted(tenant: TenantId): string;
  topic(tenant: TenantId, id: Topic): TopicKeys;
  published(tenant: TenantId, id: Topic, senderId: UserId, idempotencyKey: string): string;
  routingRules(tenant: TenantId): SettingKeys;
  topicPolicies(tenant: TenantId): SettingKeys;
  consumers(tenant: TenantId): ConsumerKeys;
  partition(tenant: TenantId, partition: number): PartitionKeys;
  userEvents(tenant: TenantId, id: UserId): EventSource;
  /** By its name. */
  eventSource(tenant: TenantId, name: string): EventSource;
  webhooks(tenant: TenantId): WebhookKeys;
  /** Of each webhook that is enabled, of whichever tenant, the node that sends its events and until when. */
  readonly webhookHolders: string;
  sessionUser(tenant: TenantId, id: SessionId): string;
  rate(id: Omit<RateUse, 'count'>): string;
  nodeConnections(nodeId: string): string;
  channel(channel: Channel): string;
}

/** Of the database with this number: announcements know nothing of databases, so that their channels name it. */
type ChannelOf = (name: string) => string;

/** Keys of a conversation; `tag` is their slot. */
function conversationKeys(tag: string, channelOf: ChannelOf, events: EventSource): ConversationKeys {
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
function userKeys(tag: string, channelOf: ChannelOf): UserKeys {
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
const topicKeys = (tag: string, channelOf: ChannelOf, events: EventSource): TopicKeys => ({
  meta: `${tag}:meta`,
  history: `${tag}:history`,
  channel: channelOf(`${tag}:channel`),
  events,
});

/** Keys of a tenant's webhooks; `holders` is of all tenants. */
const webhookKeys = (tag: string, tenant: string, holders: string): ReturnType<Keys['webhooks']> => ({
  records: `${tag}:of.${tenant}`,
  healths: `${tag}:health.${tenant}`,
  holders,
});

/** Keys of a tenant's consumers. */
const consumerKeys = (tag: string): ReturnType<Keys['consumers']> => ({
  consumers: `${tag}:consumers`,
  unaware: `${tag}:unaware`,
  unforwarded: `${tag}:unforwarded`,
  arrivals: `${tag}:arrivals`,
});

/** Keys of one of the streams of a tenant's events. */
const partitionKeys = (tag: string): ReturnType<Keys['partition']> => ({
  stream: `${tag}:stream`,
  places: `${tag}:places`,
  state: (consumer) => `${tag}:at.${consumer}`,
  dead: (consumer) => `${tag}:dead.${consumer}`,
});

/** Keys of a setting of a tenant. */
const settingKeys = (tag: string, name: string, channelOf: ChannelOf): SettingKeys => ({
  settings: `${tag}:${name}`,
  mark: `${tag}:mark`,
  channel: channelOf(`${tag}:channel`),
});

/** Where what concerns a channel is announced. */
function nameOf(keys: Omit<Keys, 'channel'>, channel: Channel): string {
  switch (channel.kind) {
    case 'conversation':
      return keys.conversation(channel.tenant, channel.id).channel;
    case 'presence':
      return keys.user(channel.tenant, channel.id).presenceChannel;
    case 'memberships':
      return keys.user(channel.tenant, channel.id).memberships;
    case 'sessions':
      return keys.user(channel.tenant, channel.id).sessionsChannel;
    case 'routing-rules':
      return keys.routingRules(channel.tenant).channel;
    case 'topic-policies':
      return keys.topicPolicies(channel.tenant).channel;
    case 'topic':
      return keys.topic(channel.tenant, channel.id).channel;
  }
}

export function createKeys(prefix: string, database: number): Keys {
  const channelOf = (name: string): string => (database === 0 ? name : `${name}@${database}`);
  const conversationTag = (tenant: TenantId, key: string): string => `${prefix}:{c.${encode(tenant)}.${key}}`;

  function conversationByKey(tenant: TenantId, key: string): ConversationKeys {
    return conversationKeys(conversationTag(tenant, key), channelOf, eventSource(tenant, `c.${key}`));
  }

  const user = (tenant: TenantId, id: UserId): UserKeys =>
    userKeys(`${prefix}:{u.${encode(tenant)}.${encode(id)}}`, channelOf);

  // `announce` of the scripts knows it by its end.
  const eventSource = (tenant: TenantId, name: string): EventSource => ({
    name,
    outbox: `${prefix}:{${name.slice(0, 1)}.${encode(tenant)}${name.slice(1)}}:events`,
  });

  const conversations = new LRUCache<string, ConversationKeys>({ max: LIMITS.rememberedKeys });
  /** Their name is a digest: it is the dearest part of a short read. */
  function conversation(tenant: TenantId, id: ConversationId): ConversationKeys {
    const name = `${tenant.length} ${tenant}${id}`;
    const known = conversations.get(name);
    if (known) return known;
    const made = conversationByKey(tenant, conversationKey(id));
    conversations.set(name, made);
    return made;
  }

  const topicTag = (tenant: TenantId, id: Topic): string => `${prefix}:{t.${encode(tenant)}.${encode(id)}}`;

  const topic = (tenant: TenantId, id: Topic): TopicKeys =>
    topicKeys(topicTag(tenant, id), channelOf, eventSource(tenant, `t.${encode(id)}`));

  const routingRules = (tenant: TenantId): SettingKeys =>
    settingKeys(`${prefix}:{r.${encode(tenant)}}`, 'rules', channelOf);

  const topicPolicies = (tenant: TenantId): SettingKeys =>
    settingKeys(`${prefix}:{p.${encode(tenant)}}`, 'policies', channelOf);

  const webhookHolders = `${prefix}:{webhooks}:holders`;

  const keys: Omit<Keys, 'channel'> = {
    leases: `${prefix}:{nodes}:leases`,
    dead: `${prefix}:{nodes}:dead`,
    sweepers: `${prefix}:{nodes}:sweepers`,
    schema: `${prefix}:schema`,
    health: () => `${prefix}:{health.${Math.floor(Math.random() * HEALTH_KEYS)}}`,
    conversation,
    conversationByKey,
    idempotency: (tenant, id, senderId, clientMessageId) =>
      `${conversationTag(tenant, conversationKey(id))}:sent:${encode(senderId)}.${encode(clientMessageId)}`,
    user,
    rooms(tenant) {
      const tag = `${prefix}:{o.${encode(tenant)}}`;
      return { order: `${tag}:order`, rooms: `${tag}:rooms` };
    },
    unlisted: (tenant) => `${prefix}:{l.${encode(tenant)}}:unlisted`,
    topic,
    published: (tenant, id, senderId, key) => `${topicTag(tenant, id)}:sent:${encode(senderId)}.${encode(key)}`,
    routingRules,
    topicPolicies,
    consumers: (tenant) => consumerKeys(`${prefix}:{k.${encode(tenant)}}`),
    partition: (tenant, partition) => partitionKeys(`${prefix}:{e.${encode(tenant)}.${partition}}`),
    userEvents: (tenant, id) => eventSource(tenant, `u.${encode(id)}`),
    eventSource,
    webhookHolders,
    webhooks: (tenant) => webhookKeys(`${prefix}:{webhooks}`, encode(tenant), webhookHolders),
    sessionUser: (tenant, id) => `${prefix}:{s.${encode(tenant)}.${encode(id)}}:user`,
    rate: ({ rate, tenant, userId }) => `${prefix}:{rate.${encode(tenant)}.${encode(userId ?? '')}}:${rate}`,
    nodeConnections: (nodeId) => `${prefix}:{node.${nodeId}}:connections`,
  };
  return { ...keys, channel: (channel) => nameOf(keys, channel) };
}
