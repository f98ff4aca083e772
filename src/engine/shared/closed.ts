/**
 * Values of closed lists: everything that is stored or announced is read here.
 *
 * While nodes of two versions run, the newer one stores values that this version does not know. Such a value is counted
 * and read as a known one that grants nothing more, or as null, which readers leave out. It is never written back.
 */
import type {
  ConnectionType,
  ConversationKind,
  EventType,
  MemberRole,
  MessageChange,
  MessageState,
  PresenceStatus,
  RoutedKind,
  RuleFaultPolicy,
  TopicRight,
} from '../../model.ts';
import type { Diversion } from '../port.ts';
import type { ListEvent } from './user-log.ts';

declare const stored: unique symbol;

/** A value before it was read. It is no string, so no cast turns it into one of the list. */
export interface Stored<Value extends string> {
  readonly [stored]: Value;
}

type Fate = Diversion['fate'];

type Closed =
  | ConnectionType
  | ConversationKind
  | EventType
  | Fate
  | ListEvent
  | MemberRole
  | MessageChange
  | MessageState
  | PresenceStatus
  | RoutedKind
  | RuleFaultPolicy
  | TopicRight;

/** A record, as it was stored or announced, before the values of closed lists in it were read. */
export type Unread<Value> = Value extends Closed
  ? Stored<Value>
  : Value extends string | number | boolean | null | undefined
    ? Value
    : Value extends readonly (infer Item)[]
      ? readonly Unread<Item>[]
      : Value extends object
        ? { readonly [Name in keyof Value]: Unread<Value[Name]> }
        : Value;

const listeners = new Set<() => void>();

/** Calls back for each value that is read and unknown, until the returned function is called. */
export function onUnknownValue(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

type Read<Value extends string, Else> = (value: Stored<Value> | string | null | undefined) => Value | Else;

/** `unknown`: what a value that is not in the list is read as. */
function reader<Value extends string, Else extends Value | null>(
  values: Readonly<Record<Value, true>>,
  unknown: Else,
): Read<Value, Else> {
  const known = new Map<unknown, Value>((Object.keys(values) as Value[]).map((value) => [value, value]));
  return (value) => {
    const read = known.get(value);
    if (read !== undefined) return read;
    for (const listener of listeners) listener();
    return unknown;
  };
}

const KINDS = { DIRECT: true, GROUP: true, ROOM: true } as const;

export const READ = {
  /** Closed to everyone but its members, and without the rules of a pair. */
  conversationKind: reader<ConversationKind, 'GROUP'>(KINDS, 'GROUP'),
  memberRole: reader<MemberRole, 'MEMBER'>({ OWNER: true, MODERATOR: true, MEMBER: true }, 'MEMBER'),
  messageState: reader<MessageState, 'COMPLETE'>({ COMPLETE: true, STREAMING: true, ABORTED: true }, 'COMPLETE'),
  messageChange: reader<MessageChange, null>(
    { SENT: true, EDITED: true, DELETED: true, REACTED: true, FINISHED: true },
    null,
  ),
  listEvent: reader<ListEvent, null>({ JOINED: true, LEFT: true, REMOVED: true, DELETED: true }, null),
  /** It may be one that hides the user. */
  presenceStatus: reader<PresenceStatus, 'OFFLINE'>({ ONLINE: true, AWAY: true, BUSY: true, OFFLINE: true }, 'OFFLINE'),
  /** HTTP would mean that no connection is open. */
  connectionType: reader<ConnectionType, 'WEBSOCKET'>(
    { GRAPHQL_WS: true, SSE: true, MULTIPART: true, CALLBACK: true, WEBSOCKET: true, HTTP: true },
    'WEBSOCKET',
  ),
  topicRight: reader<TopicRight, 'SERVICES'>(
    { EVERYONE: true, CLAIMED: true, SERVICES: true, OWNER: true },
    'SERVICES',
  ),
  ruleFaultPolicy: reader<RuleFaultPolicy, 'REFUSE'>({ PASS: true, REFUSE: true }, 'REFUSE'),
  routedKind: reader<RoutedKind, null>({ TOPIC: true, ...KINDS }, null),
  eventType: reader<EventType, null>(
    {
      MESSAGE_SENT: true,
      MESSAGE_CHANGED: true,
      MESSAGE_DELETED: true,
      MESSAGE_FINISHED: true,
      MEMBER_ADDED: true,
      MEMBER_REMOVED: true,
      CONVERSATION_CREATED: true,
      CONVERSATION_DELETED: true,
      PUBLISHED: true,
      PRESENCE_CHANGED: true,
      SESSION_BEGUN: true,
      SESSION_ENDED: true,
      USER_UNREACHED: true,
    },
    null,
  ),
  /** What became of a message that was not stored in its conversation. */
  fate: reader<Fate, 'DROPPED'>({ DROPPED: true, ROUTED: true }, 'DROPPED'),
};
