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

/** The rate of a kind of change of one user. */
const change = <Name extends Change>(name: Name, meaning: string, fallback: number) => ({
  ...number(meaning, fallback),
  change: name,
});

/** In the order of the table in docs/configuration.md. Rates per user and per tenant hold over all nodes together. */
export const RATE_VARIABLES = {
  RATE_LIMIT_ADMISSIONS: rate(
    'admissionsPerNode',
    'sockets and streams that one process admits per second, after a burst of 5000',
    1_000,
  ),
  RATE_LIMIT_STRANGERS: rate(
    'strangersPerAddress',
    'sockets per second from one public address before authentication, after a burst of 500',
    50,
  ),
  RATE_LIMIT_CONNECTIONS: rate('connectionsPerUserAndMinute', 'sockets that one user opens per minute', 30),
  RATE_LIMIT_SUBSCRIPTIONS: rate(
    'subscriptionsPerConnection',
    'subscriptions per second on one socket, after the first 100',
    10,
  ),
  RATE_LIMIT_MESSAGES: rate('messagesPerConnection', 'messages per second from one socket', 20),
  RATE_LIMIT_USER_MESSAGES: change('message', 'messages, publications, edits and deletions per second by one user', 50),
  RATE_LIMIT_TENANT_MESSAGES: rate('messagesPerTenant', 'messages per second of one tenant', 5_000),
  RATE_LIMIT_NODE_MESSAGES: rate('messagesPerNode', 'messages per second on one node, of all tenants', 20_000),
  RATE_LIMIT_SIGNALS: rate(
    'signalsPerConnection',
    'changes of typing, presence and read position per second from one socket; above the rate, the latest change is applied later, and a start of typing is dropped',
    5,
  ),
  RATE_LIMIT_USER_SIGNALS: change('signal', 'changes of typing, presence and read position per second by one user', 10),
  RATE_LIMIT_REACTIONS: change('reaction', 'reactions per second by one user', 10),
  RATE_LIMIT_APPENDS: change(
    'append',
    'starts, appends, finishes and stops of streamed messages, and calls of `pullEvents` and `ackEvents`, per second by one user',
    1_000,
  ),
  RATE_LIMIT_CREATIONS: change('creation', 'conversations that one user creates per minute', 30),
  RATE_LIMIT_NAMED: rate(
    'namedPerMinute',
    'members that one user names in new conversations or adds to existing ones per minute',
    200,
  ),
  RATE_LIMIT_NAMED_AT_ONCE: rate('namedAtOnce', 'burst of `RATE_LIMIT_NAMED`', 1_000),
  RATE_LIMIT_MEMBERSHIPS: change('membership', 'other changes of conversations and members per minute by one user', 60),
  RATE_LIMIT_LISTS: change(
    'list',
    'changes of mute, archive, pin, unread marks and blocked users per minute by one user',
    60,
  ),
  RATE_LIMIT_SESSION_CREATIONS: change('session-creation', 'sessions that one user creates per minute', 10),
  RATE_LIMIT_SESSIONS: change('session', 'refreshes and revocations of sessions per minute by one user', 30),
  RATE_LIMIT_ADMIN: change('admin', 'changes of rules, policies, consumers and webhooks per minute by one admin', 60),
  RATE_LIMIT_RULE_TESTS: change('rule-test', 'calls of `testRoutingRule` per second by one user', 2),
  RATE_LIMIT_SERVICE: rate(
    'changesPerService',
    'changes, sockets, streams and subscriptions per second by one back end (`realtime:service`); replaces the rates of users and sockets',
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

/** The rates, each read by its variable. A rate or a kind of change without a variable does not compile. */
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
