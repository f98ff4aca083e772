/** Composes the operations of the Redis engine, which has one file per noun. */
import type { Engine } from '../port.ts';
import { createBlocks } from './blocks.ts';
import { createBookmarks } from './bookmarks.ts';
import { createConsumers } from './consumers.ts';
import { createConversations } from './conversations.ts';
import type { RedisParts } from './engine-parts.ts';
import { createHeads } from './heads.ts';
import { createLists } from './list-store.ts';
import { createMessages } from './messages.ts';
import { createRates } from './rates.ts';
import { createRoutingRules } from './routing-rules.ts';
import { createSessions } from './sessions.ts';
import { createTopicPolicies } from './topic-policies.ts';
import { createTopics } from './topics.ts';
import { createTyping } from './typing.ts';
import { createUserLogs } from './user-log.ts';
import { createWebhooks } from './webhooks.ts';

type Stores = Omit<Engine, 'kind' | 'listen' | 'checkHealth' | 'close'>;

/** The operations of every store. */
export function createStores(parts: RedisParts): Stores {
  const { client, run, runOne, keys, clock, log, retention, currentTrace, outbox } = parts;
  const { known, forwarding, lists, memberships, rooms, updates, quota, presence, writings, isOneServer, starting } =
    parts;
  return {
    ...createConversations(client, { run, runOne }, keys, clock, {
      lists,
      memberships,
      rooms,
      updates,
      quota,
      outbox,
      isOneServer,
    }),
    ...createMessages({ run, runOne }, keys, {
      clock,
      retention,
      currentTrace,
      memberships,
      writings,
      updates,
      outbox,
      form: starting.form,
    }),
    appendText: writings.appendText,
    finishMessage: writings.finishMessage,
    requestStop: writings.requestStop,
    readWriting: writings.readWriting,
    listWritings: writings.listWritings,
    ...createTyping(run, runOne, keys, clock),
    ...createSessions(client, run, keys, { clock, outbox, isOneServer }),
    ...createTopics(client, run, keys, { clock, currentTrace, outbox }),
    ...createConsumers(client, run, keys, { clock, known, forwarding }),
    ...createWebhooks(client, run, keys, clock),
    ...createBookmarks(client, run, keys, clock),
    ...createLists(client, run, keys, { lists, clock, log, isOneServer, form: starting.form }),
    ...createUserLogs(run, keys),
    ...createHeads(client, runOne, keys, clock),
    listRooms: rooms.listRooms,
    ...createBlocks(client, keys, outbox),
    ...createRates(client, keys),
    ...createRoutingRules(client, run, keys),
    ...createTopicPolicies(client, run, keys),
    connect: presence.connect,
    disconnect: presence.disconnect,
    setStatus: presence.setStatus,
    readPresence: presence.readPresence,
  };
}
