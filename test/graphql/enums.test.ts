/**
 * The enums and unions of the schema have exactly the values of the model, and the client takes each event.
 *
 * A value that the model gains does not compile without its line here, and the test then fails without its value in
 * the schema.
 */
import { isEnumType, isIntrospectionType, isUnionType } from 'graphql';
import { INBOX_EVENTS } from '../../client/src/documents.ts';
import type { InboxEvent } from '../../client/src/events.ts';
import type { InboxStreamEvent } from '../../src/delivery/inbox/inbox-events.ts';
import type { WebhookState } from '../../src/domain/webhooks.ts';
import type { Engine, LeaveReason } from '../../src/engine/port.ts';
import { type ExpiryReason, REASONS } from '../../src/errors.ts';
import type { batchOutcome } from '../../src/graphql/batch.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import {
  type ConnectionType,
  type ConversationKind,
  EVENT_TYPES,
  type MemberRole,
  type MessageChange,
  type MessageState,
  type PresenceStatus,
  type RuleFaultPolicy,
  type RuleVerdict,
  type TopicRight,
} from '../../src/model.ts';

type Values<Value extends string> = Readonly<Record<Value, true>>;

const MODEL = {
  BatchOutcome: { STORED: true, DUPLICATE: true, ROUTED: true, DROPPED: true, FAILED: true } satisfies Values<
    ReturnType<typeof batchOutcome>
  >,
  ConnectionType: {
    GRAPHQL_WS: true,
    SSE: true,
    MULTIPART: true,
    CALLBACK: true,
    WEBSOCKET: true,
    HTTP: true,
  } satisfies Values<ConnectionType>,
  ConsumerStart: { START: true, NOW: true } satisfies Values<Parameters<Engine['saveConsumer']>[2]>,
  ConversationKind: { DIRECT: true, GROUP: true, ROOM: true } satisfies Values<ConversationKind>,
  EventType: Object.fromEntries(EVENT_TYPES.map((type) => [type, true])),
  LeaveReason: { LEFT: true, REMOVED: true, DELETED: true } satisfies Values<LeaveReason>,
  MemberRole: { OWNER: true, MODERATOR: true, MEMBER: true } satisfies Values<MemberRole>,
  MessageChangeKind: { EDITED: true, DELETED: true, REACTED: true, FINISHED: true } satisfies Values<
    Exclude<MessageChange, 'SENT'>
  >,
  MessageState: { COMPLETE: true, STREAMING: true, ABORTED: true } satisfies Values<MessageState>,
  PresenceStatus: { ONLINE: true, AWAY: true, BUSY: true, OFFLINE: true } satisfies Values<PresenceStatus>,
  ResetReason: { RETENTION: true, EPOCH: true, DIVERGED: true } satisfies Values<ExpiryReason>,
  RoutingOutcome: { PASS: true, DROP: true, TRANSFORM: true, FORWARD: true, COPY: true, FAULT: true } satisfies Values<
    RuleVerdict['outcome']
  >,
  RuleFaultPolicy: { PASS: true, REFUSE: true } satisfies Values<RuleFaultPolicy>,
  TopicRight: { EVERYONE: true, CLAIMED: true, SERVICES: true, OWNER: true } satisfies Values<TopicRight>,
  WebhookState: { ENABLED: true, FAILING: true, DISABLED: true } satisfies Values<WebhookState>,
};

/** The kinds of events of the subscription `inbox`. Text that is added to a message has no kind. */
type InboxKind = Extract<InboxStreamEvent, { kind: string }>['kind'] | 'MessageExtended';
const INBOX_KINDS = {
  MessageSent: true,
  MessageChanged: true,
  MessageExtended: true,
  MessageStopRequested: true,
  ConversationJoined: true,
  ConversationLeft: true,
  ConversationChanged: true,
  ConversationReset: true,
  ReadMoved: true,
  TypingChanged: true,
  Checkpoint: true,
} satisfies Values<InboxKind> & Values<InboxEvent['__typename']>;

describe('the lists of the schema are those of the model', () => {
  const types = Object.values(createSchema().getTypeMap()).filter((type) => !isIntrospectionType(type));
  const enums = types.filter(isEnumType).filter(({ name }) => !name.includes('__'));

  it('every enum is compared', () => {
    expect(enums.map(({ name }) => name).sort()).toEqual(Object.keys(MODEL).sort());
    expect(Object.keys(MODEL.ResetReason)).toEqual(REASONS.POSITION_EXPIRED);
  });

  it.each(Object.entries(MODEL))('%s', (name, values) => {
    const found = enums.find((type) => type.name === name);
    expect(found?.getValues().map((value) => value.name)).toEqual(expect.arrayContaining(Object.keys(values)));
    expect(found?.getValues()).toHaveLength(Object.keys(values).length);
  });

  it('InboxEvent, and the document of the client selects each of its events', () => {
    const union = types.filter(isUnionType).find(({ name }) => name === 'InboxEvent');
    expect(union?.getTypes().map(({ name }) => name)).toEqual(Object.keys(INBOX_KINDS));
    const selected = [...INBOX_EVENTS.matchAll(/\.\.\. on (\w+)/g)].map(([, name]) => name);
    expect(selected).toEqual(Object.keys(INBOX_KINDS));
  });
});
