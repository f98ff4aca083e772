/** The variables of the rates. Each is a number per second unless its meaning says otherwise. */

import type { Change } from '../model.ts';
import type { Rates } from '../rates/rates.ts';
import { type Variable, variable, whole } from './values.ts';

const number = (meaning: string, fallback: number): Variable<number> =>
  variable(meaning, 'a number from 1', `${fallback}`, whole(1, 1_000_000));

const rate = <Name extends keyof Rates>(name: Name, meaning: string, fallback: number) => ({
  ...number(meaning, fallback),
  rate: name,
});

/** The rate of a class of changes of one user. */
const change = <Name extends Change>(name: Name, meaning: string, fallback: number) => ({
  ...number(meaning, fallback),
  change: name,
});

/** In the order of the table in docs/configuration.md. Rates per user and per tenant hold over all nodes together. */
export const RATE_VARIABLES = {
  RATE_LIMIT_ADMISSIONS: rate(
    'admissionsPerNode',
    'sockets and streams a second admitted by this process, past a first 5000',
    1_000,
  ),
  RATE_LIMIT_STRANGERS: rate(
    'strangersPerAddress',
    'sockets a second from one public address whose user is not known yet, past a first 500',
    50,
  ),
  RATE_LIMIT_CONNECTIONS: rate('connectionsPerUserAndMinute', 'sockets a user opens in a minute', 30),
  RATE_LIMIT_SUBSCRIPTIONS: rate(
    'subscriptionsPerConnection',
    'subscriptions a second by one socket, past its first 100',
    10,
  ),
  RATE_LIMIT_MESSAGES: rate('messagesPerConnection', 'messages a second by one socket', 20),
  RATE_LIMIT_USER_MESSAGES: change(
    'message',
    'messages a second by one user, publications, edits and deletions included',
    50,
  ),
  RATE_LIMIT_TENANT_MESSAGES: rate('messagesPerTenant', 'messages a second of one tenant', 5_000),
  RATE_LIMIT_NODE_MESSAGES: rate('messagesPerNode', 'messages a second in all, on each node', 20_000),
  RATE_LIMIT_SIGNALS: rate(
    'signalsPerConnection',
    'changes of typing, presence and read position a second by one socket; over it the latest are applied late',
    5,
  ),
  RATE_LIMIT_USER_SIGNALS: change('signal', 'the same by one user', 10),
  RATE_LIMIT_REACTIONS: change('reaction', 'reactions a second by one user', 10),
  RATE_LIMIT_APPENDS: change(
    'append',
    'starts, appends, finishes and stops of streamed messages a second by one user',
    1_000,
  ),
  RATE_LIMIT_CREATIONS: change('creation', 'conversations a user begins in a minute', 30),
  RATE_LIMIT_NAMED: rate(
    'namedPerMinute',
    'people a user names in new conversations and adds to others in a minute',
    200,
  ),
  RATE_LIMIT_NAMED_AT_ONCE: rate('namedAtOnce', 'the same at once, after quiet', 1_000),
  RATE_LIMIT_MEMBERSHIPS: change(
    'membership',
    'other changes of conversations and members in a minute by one user',
    60,
  ),
  RATE_LIMIT_LISTS: change(
    'list',
    'conversations muted, archived, pinned and marked unread, and users blocked, in a minute by one user',
    60,
  ),
  RATE_LIMIT_SESSION_CREATIONS: change('session-creation', 'sessions a user begins in a minute', 10),
  RATE_LIMIT_SESSIONS: change('session', 'refreshes and revocations of sessions in a minute by one user', 30),
  RATE_LIMIT_ADMIN: change('admin', 'changes of rules in a minute by one user', 60),
  RATE_LIMIT_RULE_TESTS: change('rule-test', 'trials of rules a second by one user', 2),
  RATE_LIMIT_SERVICE: rate(
    'changesPerService',
    'changes of any kind, and sockets, streams and subscriptions, a second by one service, instead of the rates of users and their sockets',
    1_000,
  ),
} as const;

type RateVariables = typeof RATE_VARIABLES;

/** The names that variables give to their rates, in `rate` or in `change`. */
type NamesIn<Property extends string> = {
  [Name in keyof RateVariables]: RateVariables[Name] extends { readonly [Key in Property]: infer Named extends string }
    ? Named
    : never;
}[keyof RateVariables];

/** A user's reads per second, as a number of operations of the maximum cost. */
const COSTLIEST_READS = 20;

/** The rates, each read by its variable. A rate or a class of changes without a variable does not compile. */
export function readRates(
  read: (name: keyof RateVariables) => number,
  { maxQueryCost, connectionsPerUser }: { readonly maxQueryCost: number; readonly connectionsPerUser: number },
): Rates {
  const rates: Record<string, number> = {};
  const changesPerUser: Record<string, number> = {};
  for (const [name, declared] of Object.entries(RATE_VARIABLES)) {
    const value = read(name as keyof RateVariables);
    if ('change' in declared) changesPerUser[declared.change] = value;
    else rates[declared.rate] = value;
  }
  return {
    ...(rates as Record<NamesIn<'rate'>, number>),
    changesPerUser: changesPerUser as Record<NamesIn<'change'>, number>,
    readsPerUser: maxQueryCost * COSTLIEST_READS,
    connectionsPerUser,
  };
}
