/** Reads records as they were stored or announced: the values of closed lists in them (`closed.ts`), and nothing else. */
import type {
  ConsumerRecord,
  ConversationRecord,
  DeviceRecord,
  MessageRecord,
  PresenceRecord,
  RoutingRuleRecord,
  TopicPolicyRecord,
  UserId,
} from '../../model.ts';
import type { Announcement } from '../port.ts';
import { READ, type Unread } from './closed.ts';
import type { EventRecord, Happening, MembersChange, NewerEvent, ReadConsumer, ShownPresence } from './consumer.ts';
import { happeningOf } from './happening.ts';
import { composePresence, type StoredConnection, type StoredStatus } from './presence.ts';
import type { PublicationDiversion } from './publication.ts';

/** A record without a value of a closed list, or whose values were all read. */
const asRead = <Value>(record: Unread<Value>): Value => record as unknown as Value;

/** Whether reading changed nothing: then the record need not be copied. */
const isSame = (stored: unknown, read: unknown): boolean => stored === read;

export function readMessage(message: Unread<MessageRecord>): MessageRecord {
  // Most messages have no state, and are not copied.
  if (message.state === undefined) return asRead<MessageRecord>(message);
  const { state: stored, ...others } = message;
  const state = READ.messageState(stored);
  return { ...asRead<Omit<MessageRecord, 'state'>>(others), ...(state === 'COMPLETE' ? {} : { state }) };
}

export function readConversation(conversation: Unread<ConversationRecord>): ConversationRecord {
  const kind = READ.conversationKind(conversation.kind);
  const record = asRead<ConversationRecord>(conversation);
  return isSame(conversation.kind, kind) ? record : { ...record, kind };
}

function readDevice<Device extends Pick<DeviceRecord, 'connectionType'>>(device: Unread<Device>): Device {
  const { connectionType } = device as Unread<DeviceRecord>;
  return { ...asRead<Device>(device), connectionType: READ.connectionType(connectionType) };
}

/** A presence as scripts answer and announce it. */
export interface StoredPresence extends StoredStatus {
  readonly userId: UserId;
  readonly connections: readonly StoredConnection[];
}

export function readPresence(stored: Unread<StoredPresence>): PresenceRecord {
  const { status, connections, ...others } = stored;
  const read = { ...asRead<Omit<StoredStatus, 'status'>>(others), status: READ.presenceStatus(status) };
  const devices = connections.map((connection) => readDevice<StoredConnection>(connection));
  return composePresence(stored.userId, devices, read);
}

export function readTopicPolicy(policy: Unread<TopicPolicyRecord>): TopicPolicyRecord {
  const { publish, subscribe, ...others } = policy;
  const rights = { publish: READ.topicRight(publish), subscribe: READ.topicRight(subscribe) };
  return { ...asRead<Omit<TopicPolicyRecord, 'publish' | 'subscribe'>>(others), ...rights };
}

/** An unknown kind of messages is left out: the rule does not apply to them. */
export function readRoutingRule(rule: Unread<RoutingRuleRecord>): RoutingRuleRecord {
  const { match, onFault, ...others } = rule;
  const on = match.on.flatMap((kind) => READ.routedKind(kind) ?? []);
  return {
    ...asRead<Omit<RoutingRuleRecord, 'match' | 'onFault'>>(others),
    match: { ...asRead<RoutingRuleRecord['match']>(match), on },
    onFault: READ.ruleFaultPolicy(onFault),
  };
}

export function readConsumer(consumer: Unread<ConsumerRecord>): ReadConsumer {
  const { events: stored, ...others } = consumer;
  const newer: string[] = [];
  const events = stored.flatMap((type) => {
    const event = READ.eventType(type);
    if (event === null) newer.push(String(type));
    return event ?? [];
  });
  return { record: { ...asRead<Omit<ConsumerRecord, 'events'>>(others), events }, newer };
}

export function readDiversion({ fate, publication }: Unread<PublicationDiversion>): PublicationDiversion {
  return { fate: READ.fate(fate), publication: asRead<PublicationDiversion['publication']>(publication) };
}

function readMembersChange({ conversation, why: stored, ...others }: Unread<MembersChange>): MembersChange {
  const why = stored === undefined ? null : READ.listEvent(stored);
  return {
    ...asRead<Pick<MembersChange, 'userIds'>>(others),
    conversation: readConversation(conversation),
    ...(why !== null && why !== 'JOINED' && { why }),
  };
}

function readShownPresence({ status, devices, ...others }: Unread<ShownPresence>): ShownPresence {
  return {
    ...asRead<Omit<ShownPresence, 'status' | 'devices'>>(others),
    status: READ.presenceStatus(status),
    devices: devices.map((device) => readDevice<DeviceRecord>(device)),
  };
}

/** `type`: as it is stored. */
export function readEvent(event: Unread<EventRecord>): EventRecord | NewerEvent {
  const type = READ.eventType(event.type);
  const { id, at, attempt, subject } = event;
  const about = { id, at, attempt, subject };
  if (type === null) return { ...about, type, newer: String(event.type), data: {} };
  return { ...about, type, data: readData(type, event.data) } as EventRecord;
}

function readData(type: EventRecord['type'], data: Unread<EventRecord['data']>): EventRecord['data'] {
  if (type === 'PRESENCE_CHANGED') return readShownPresence(data as Unread<ShownPresence>);
  if (type.startsWith('MESSAGE_')) return readMessage(data as Unread<MessageRecord>);
  if (/^(MEMBER|CONVERSATION)_/.test(type)) return readMembersChange(data as Unread<MembersChange>);
  return asRead<EventRecord['data']>(data);
}

type Of<Type extends Announcement['type']> = Extract<Announcement, { readonly type: Type }>;

/** An announcement as scripts publish it. */
export type UnreadAnnouncement =
  | Unread<Exclude<Announcement, Of<'presence'>>>
  | { readonly type: 'presence'; readonly presence: Unread<StoredPresence> };

/**
 * The event of an announcement, with its values as they were announced: it is stored for nodes of any version.
 * `unknown`: only a newer version knows which.
 */
export function happeningIn(announcement: UnreadAnnouncement): Happening | 'unknown' | null {
  if (announcement.type === 'message' && READ.messageChange(announcement.change) === null) return 'unknown';
  if (announcement.type !== 'presence') return happeningOf(asRead<Announcement>(announcement));
  const presence = asRead<StoredPresence>(announcement.presence);
  return happeningOf({ type: 'presence', presence: composePresence(presence.userId, presence.connections, presence) });
}

export function readAnnouncement(announcement: UnreadAnnouncement): Announcement {
  switch (announcement.type) {
    case 'presence':
      return { type: 'presence', presence: readPresence(announcement.presence) };
    case 'message': {
      const { change, message } = announcement;
      const read = { change: READ.messageChange(change), message: readMessage(message) };
      const record = asRead<Of<'message'>>(announcement);
      return isSame(change, read.change) && isSame(message, read.message) ? record : { ...record, ...read };
    }
    case 'stop':
      return { ...asRead<Of<'stop'>>(announcement), message: readMessage(announcement.message) };
    case 'conversation': {
      // Instead of an unknown reason, readers get the one in the list's log, or a default.
      const { why: stored, conversation, ...others } = announcement;
      const why = stored === undefined ? null : READ.listEvent(stored);
      return {
        ...asRead<Omit<Of<'conversation'>, 'conversation' | 'why'>>(others),
        conversation: readConversation(conversation),
        ...(why !== null && why !== 'JOINED' && { why }),
      };
    }
    default:
      return asRead<Announcement>(announcement);
  }
}
