/** The variables of the rates: every one is a number, for so many a second unless its meaning says otherwise. */

import type { Rates } from '../rates/rates.ts';
import { type Variable, variable, whole } from './values.ts';

const rate = (meaning: string, fallback: number): Variable<number> =>
  variable(meaning, 'a number from 1', `${fallback}`, whole(1, 1_000_000));

/** In the order of the table in docs/configuration.md. Those of a user and of a tenant are for all nodes together. */
export const RATE_VARIABLES = {
  RATE_LIMIT_ADMISSIONS: rate('sockets and streams a second admitted by this process, past a first 5000', 1_000),
  RATE_LIMIT_STRANGERS: rate(
    'sockets a second from one public address whose user is not known yet, past a first 500',
    50,
  ),
  RATE_LIMIT_CONNECTIONS: rate('sockets a user opens in a minute', 30),
  RATE_LIMIT_SUBSCRIPTIONS: rate('subscriptions a second by one socket, past its first 100', 10),
  RATE_LIMIT_MESSAGES: rate('messages a second by one socket', 20),
  RATE_LIMIT_USER_MESSAGES: rate('messages a second by one user, publications, edits and deletions included', 50),
  RATE_LIMIT_TENANT_MESSAGES: rate('messages a second of one tenant', 5_000),
  RATE_LIMIT_NODE_MESSAGES: rate('messages a second in all, on each node', 20_000),
  RATE_LIMIT_SIGNALS: rate(
    'changes of typing, presence and read position a second by one socket; over it the latest are applied late',
    5,
  ),
  RATE_LIMIT_USER_SIGNALS: rate('the same by one user', 10),
  RATE_LIMIT_REACTIONS: rate('reactions a second by one user', 10),
  RATE_LIMIT_APPENDS: rate('starts, appends, finishes and stops of streamed messages a second by one user', 1_000),
  RATE_LIMIT_CREATIONS: rate('conversations a user begins in a minute', 30),
  RATE_LIMIT_NAMED: rate('people a user names in new conversations and adds to others in a minute', 200),
  RATE_LIMIT_NAMED_AT_ONCE: rate('the same at once, after quiet', 1_000),
  RATE_LIMIT_MEMBERSHIPS: rate('other changes of conversations and members in a minute by one user', 60),
  RATE_LIMIT_LISTS: rate(
    'conversations muted, archived, pinned and marked unread, and users blocked, in a minute by one user',
    60,
  ),
  RATE_LIMIT_SESSION_CREATIONS: rate('sessions a user begins in a minute', 10),
  RATE_LIMIT_SESSIONS: rate('refreshes and revocations of sessions in a minute by one user', 30),
  RATE_LIMIT_ADMIN: rate('changes of rules in a minute by one user', 60),
  RATE_LIMIT_RULE_TESTS: rate('trials of rules a second by one user', 2),
  RATE_LIMIT_SERVICE: rate(
    'changes of any kind, and sockets, streams and subscriptions, a second by one service, instead of the rates of users and their sockets',
    1_000,
  ),
} as const;

/** The rates, each read by its variable. */
/** A user may read as much in a second as so many operations of the maximum cost. */
const COSTLIEST_READS = 20;

export function readRates(
  read: (name: keyof typeof RATE_VARIABLES) => number,
  { maxQueryCost, connectionsPerUser }: { readonly maxQueryCost: number; readonly connectionsPerUser: number },
): Rates {
  return {
    connectionsPerUser,
    admissionsPerNode: read('RATE_LIMIT_ADMISSIONS'),
    strangersPerAddress: read('RATE_LIMIT_STRANGERS'),
    connectionsPerUserAndMinute: read('RATE_LIMIT_CONNECTIONS'),
    subscriptionsPerConnection: read('RATE_LIMIT_SUBSCRIPTIONS'),
    messagesPerConnection: read('RATE_LIMIT_MESSAGES'),
    messagesPerTenant: read('RATE_LIMIT_TENANT_MESSAGES'),
    messagesPerNode: read('RATE_LIMIT_NODE_MESSAGES'),
    signalsPerConnection: read('RATE_LIMIT_SIGNALS'),
    changesPerUser: {
      message: read('RATE_LIMIT_USER_MESSAGES'),
      signal: read('RATE_LIMIT_USER_SIGNALS'),
      reaction: read('RATE_LIMIT_REACTIONS'),
      append: read('RATE_LIMIT_APPENDS'),
      creation: read('RATE_LIMIT_CREATIONS'),
      membership: read('RATE_LIMIT_MEMBERSHIPS'),
      list: read('RATE_LIMIT_LISTS'),
      'session-creation': read('RATE_LIMIT_SESSION_CREATIONS'),
      session: read('RATE_LIMIT_SESSIONS'),
      admin: read('RATE_LIMIT_ADMIN'),
      'rule-test': read('RATE_LIMIT_RULE_TESTS'),
    },
    namedPerMinute: read('RATE_LIMIT_NAMED'),
    namedAtOnce: read('RATE_LIMIT_NAMED_AT_ONCE'),
    readsPerUser: maxQueryCost * COSTLIEST_READS,
    changesPerService: read('RATE_LIMIT_SERVICE'),
  };
}
