/**
 * Every key and channel of the Redis engine.
 *
 * `{…}` is the hash tag: all keys of a subject share one slot, and so does its channel, because one script writes and
 * announces. A tag begins with the kind of its subject: `c` conversation, `u` user, `t` topic, `s` session; of a tenant:
 * `r` routing rules, `p` topic policies, `o` rooms, `l` conversations whose lists lag, `k` consumers, `e` a partition of
 * events. Ids are encoded, so that no id can end a tag, join two parts, or reach another tenant.
 */
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, RateUse, SessionId, TenantId, Topic, UserId } from '../../model.ts';
import type { Channel } from '../port.ts';
import { conversationKey } from '../shared/message-id.ts';
import {
  type ConsumerKeys,
  type ConversationKeys,
  consumerKeys,
  conversationKeys,
  type EventSubject,
  type PartitionKeys,
  partitionKeys,
  type SettingKeys,
  settingKeys,
  type TopicKeys,
  topicKeys,
  type UserKeys,
  userKeys,
  type WebhookKeys,
  webhookKeys,
} from './subject-keys.ts';

const HEALTH_KEYS = 16;

const encode = (text: string): string => Buffer.from(text).toString('base64url');

export interface Keys {
  /** For each node, the time until which it counts as alive. */
  readonly leases: string;
  /** Nodes whose lease has ended, until their connections are removed. */
  readonly dead: string;
  /** For each dead node, its sweeper and until when. */
  readonly sweepers: string;
  /** A key that health checks write: one of several, so that all nodes of a cluster are checked in time. */
  health(): string;
  /** The node that walks over the keys: see `left-behind.ts`. */
  readonly walker: string;
  /** The version of the data's schema. */
  readonly schema: string;
  conversation(tenant: TenantId, id: ConversationId): ConversationKeys;
  /** By the first part of a message's id. */
  conversationByKey(tenant: TenantId, key: string): ConversationKeys;
  /** Those of `lua/sent-keys.lua`. */
  sent(tenant: TenantId, id: ConversationId, senderId: UserId, key: string): string[];
  user(tenant: TenantId, id: UserId): UserKeys;
  /** The rooms of a tenant: see `lua/index-room.lua`. */
  rooms(tenant: TenantId): { readonly order: string; readonly rooms: string };
  /** Conversations whose lists must be updated, each with the node that works on it. */
  unlisted(tenant: TenantId): string;
  topic(tenant: TenantId, id: Topic): TopicKeys;
  published(tenant: TenantId, id: Topic, senderId: UserId, idempotencyKey: string): string;
  routingRules(tenant: TenantId): SettingKeys;
  topicPolicies(tenant: TenantId): SettingKeys;
  consumers(tenant: TenantId): ConsumerKeys;
  partition(tenant: TenantId, partition: number): PartitionKeys;
  userEvents(tenant: TenantId, id: UserId): EventSubject;
  /** By its name. */
  eventSubject(tenant: TenantId, name: string): EventSubject;
  webhooks(tenant: TenantId): WebhookKeys;
  /** For each enabled webhook of any tenant, the node that sends its events and until when. */
  readonly webhookHolders: string;
  sessionUser(tenant: TenantId, id: SessionId): string;
  rate(id: Omit<RateUse, 'count'>): string;
  nodeConnections(nodeId: string): string;
  /** Set by a node that stops and leaves connections to be swept: it did not die. */
  nodeStopped(nodeId: string): string;
  channel(channel: Channel): string;
}

/** The pub/sub channel on which a channel's announcements are published. */
function nameOf(keys: Omit<Keys, 'channel'>, channel: Channel): string {
  switch (channel.kind) {
    case 'conversation':
      return keys.conversation(channel.tenant, channel.id).channel;
    case 'presence':
      return keys.user(channel.tenant, channel.id).presenceChannel;
    case 'memberships':
      return keys.user(channel.tenant, channel.id).membershipsChannel;
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

/** The keys of subjects, each in the slot of its subject. */
type SubjectKeys = Pick<
  Keys,
  | 'conversation'
  | 'conversationByKey'
  | 'sent'
  | 'user'
  | 'topic'
  | 'published'
  | 'routingRules'
  | 'topicPolicies'
  | 'eventSubject'
>;

function createSubjectKeys(prefix: string, database: number): SubjectKeys {
  const channelOf = (name: string): string => (database === 0 ? name : `${name}@${database}`);
  const conversationTag = (tenant: TenantId, key: string): string => `${prefix}:{c.${encode(tenant)}.${key}}`;
  const topicTag = (tenant: TenantId, id: Topic): string => `${prefix}:{t.${encode(tenant)}.${encode(id)}}`;
  const userTag = (tenant: TenantId, id: UserId): string => `${prefix}:{u.${encode(tenant)}.${encode(id)}}`;

  // The scripts' `announce` recognises the key by its suffix.
  const eventSubject = (tenant: TenantId, name: string): EventSubject => ({
    name,
    outbox: `${prefix}:{${name.slice(0, 1)}.${encode(tenant)}${name.slice(1)}}:events`,
  });

  function conversationByKey(tenant: TenantId, key: string): ConversationKeys {
    return conversationKeys(key, conversationTag(tenant, key), channelOf, eventSubject(tenant, `c.${key}`));
  }

  const conversations = new LRUCache<string, ConversationKeys>({ max: LIMITS.rememberedKeys });
  /** Cached, since the digest in their names is the most expensive part of a short read. */
  function conversation(tenant: TenantId, id: ConversationId): ConversationKeys {
    const name = `${tenant.length} ${tenant}${id}`;
    const known = conversations.get(name);
    if (known) return known;
    const made = conversationByKey(tenant, conversationKey(id));
    conversations.set(name, made);
    return made;
  }

  const users = new LRUCache<string, UserKeys>({ max: LIMITS.rememberedKeys });
  /** Cached, since each message of a conversation needs the keys of all members. */
  function user(tenant: TenantId, id: UserId): UserKeys {
    const name = `${tenant.length} ${tenant}${id}`;
    const known = users.get(name);
    if (known) return known;
    const made = userKeys(userTag(tenant, id), channelOf);
    users.set(name, made);
    return made;
  }

  return {
    conversation,
    conversationByKey,
    sent(tenant, id, senderId, key) {
      const tag = conversationTag(tenant, conversation(tenant, id).key);
      const alone = `${tag}:sent:${encode(senderId)}.${encode(key)}`;
      return [alone, `${tag}:sent.0`, `${tag}:sent.1`, `${tag}:sent.2`, `${tag}:sent.3`];
    },
    user,
    topic: (tenant, id) => topicKeys(topicTag(tenant, id), channelOf, eventSubject(tenant, `t.${encode(id)}`)),
    published: (tenant, id, senderId, key) => `${topicTag(tenant, id)}:sent:${encode(senderId)}.${encode(key)}`,
    routingRules: (tenant) => settingKeys(`${prefix}:{r.${encode(tenant)}}`, 'rules', channelOf),
    topicPolicies: (tenant) => settingKeys(`${prefix}:{p.${encode(tenant)}}`, 'policies', channelOf),
    eventSubject,
  };
}

export function createKeys(prefix: string, database: number): Keys {
  const subjects = createSubjectKeys(prefix, database);
  const webhookHolders = `${prefix}:{webhooks}:holders`;
  const keys: Omit<Keys, 'channel'> = {
    ...subjects,
    leases: `${prefix}:{nodes}:leases`,
    dead: `${prefix}:{nodes}:dead`,
    sweepers: `${prefix}:{nodes}:sweepers`,
    walker: `${prefix}:walker`,
    schema: `${prefix}:schema`,
    health: () => `${prefix}:{health.${Math.floor(Math.random() * HEALTH_KEYS)}}`,
    rooms(tenant) {
      const tag = `${prefix}:{o.${encode(tenant)}}`;
      return { order: `${tag}:order`, rooms: `${tag}:rooms` };
    },
    unlisted: (tenant) => `${prefix}:{l.${encode(tenant)}}:unlisted`,
    consumers: (tenant) => consumerKeys(`${prefix}:{k.${encode(tenant)}}`),
    partition: (tenant, partition) => partitionKeys(`${prefix}:{e.${encode(tenant)}.${partition}}`),
    userEvents: (tenant, id) => subjects.eventSubject(tenant, `u.${encode(id)}`),
    webhookHolders,
    webhooks: (tenant) => webhookKeys(`${prefix}:{webhooks}`, encode(tenant), webhookHolders),
    sessionUser: (tenant, id) => `${prefix}:{s.${encode(tenant)}.${encode(id)}}:user`,
    rate: ({ rate, tenant, userId }) => `${prefix}:{rate.${encode(tenant)}.${encode(userId ?? '')}}:${rate}`,
    nodeConnections: (nodeId) => `${prefix}:{node.${nodeId}}:connections`,
    nodeStopped: (nodeId) => `${prefix}:{node.${nodeId}}:stopped`,
  };
  return { ...keys, channel: (channel) => nameOf(keys, channel) };
}
