/** The readers of a trial: one for every subscription, and one of new messages for every transport. */
import type { CallbackRouter } from '../support/callback-router.ts';
import type { Trial } from './client.ts';
import { TOPIC } from './publications.ts';
import { RawReader, Reader } from './readers.ts';
import { STATE, WATCHED } from './state-checkers.ts';
import { TRANSPORTS, type Transport } from './transports.ts';
import { DEVICE, READER, VISITOR } from './users.ts';
import type { Writers } from './writers.ts';

export interface Readers {
  /** Of new messages, by name and of all. */
  readonly received: readonly Reader[];
  readonly updated: Reader;
  readonly conversation: Reader;
  readonly presence: Reader;
  readonly typing: Reader;
  readonly topic: Reader;
  readonly visitor: Reader;
  readonly raw: RawReader;
  readonly all: readonly Reader[];
}

const MESSAGE = 'id conversationId sequence position';
const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { ${MESSAGE} }
}`;
/** Rendered for each viewer. */
const RECEIVED_OF_ALL = `subscription ($after: [ID!]) {
  messageReceived(after: $after) { ${MESSAGE} conversation { unreadMessageCount } }
}`;
const FLAP_MS = 1_500;
const SLOW_MS = 400;

export function openReaders(trial: Trial, { conversations, begun }: Writers, router: CallbackRouter): Readers {
  const { overWebSocket, overSse, overMultipart, overCallback } = TRANSPORTS;
  const ids = { ids: conversations };
  const read = (
    name: string,
    transport: Transport,
    query: string,
    variables: Record<string, unknown>,
    more: { from?: ReadonlyMap<string, string>; flapMs?: number; userId?: string } = {},
  ): Reader => {
    const field = /\{\s*(\w+)/.exec(query.slice(query.indexOf('{')))?.[1] ?? '';
    return new Reader(trial, { name, userId: READER, field, query, variables, transport, ...more });
  };
  const resumed = { from: begun };
  const flapping = { from: begun, flapMs: FLAP_MS };
  const received = [
    read('named, over graphql-ws', overWebSocket, RECEIVED, ids, resumed),
    read('all, over graphql-ws', overWebSocket, RECEIVED_OF_ALL, {}, resumed),
    read('all, flapping', overWebSocket, RECEIVED, {}, flapping),
    read(
      'named, over SSE, flapping',
      overSse(() => 0),
      RECEIVED,
      ids,
      flapping,
    ),
    read(
      'all, over SSE, slow',
      overSse(() => SLOW_MS * trial.random()),
      RECEIVED,
      {},
      resumed,
    ),
    read('all, over multipart', overMultipart, RECEIVED_OF_ALL, {}, resumed),
    read('all, over callbacks', overCallback(router), RECEIVED, {}, resumed),
  ];
  const states = {
    updated: read(
      'messageUpdated',
      overSse(() => 0),
      RECEIVED.replace('messageReceived', 'messageUpdated'),
      ids,
      flapping,
    ),
    conversation: read('conversationUpdated', overWebSocket, `subscription { conversationUpdated { ${STATE} } }`, {}),
    presence: read(
      'presenceUpdated',
      overMultipart,
      'subscription ($users: [ID!]!) { presenceUpdated(userIds: $users) { userId status statusText } }',
      { users: WATCHED },
    ),
    typing: read(
      'typingIndicator',
      overWebSocket,
      'subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { conversationId userId isTyping } }',
      ids,
    ),
    topic: read(
      'topicPublished',
      overWebSocket,
      'subscription ($topics: [String!]!) { topicPublished(topics: $topics) { id payload } }',
      { topics: [TOPIC] },
    ),
    visitor: read('the visitor', overWebSocket, RECEIVED, {}, { flapMs: FLAP_MS, userId: VISITOR }),
  };
  return { received, ...states, raw: new RawReader(trial, DEVICE), all: [...received, ...Object.values(states)] };
}
