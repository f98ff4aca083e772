/** What each limit means for a gateway that proved itself, as rows of a table in `docs/federation.md`. */
import type { VARIABLES } from '../src/config/variables.ts';

type Limit = Exclude<Extract<keyof typeof VARIABLES, `MAX_${string}` | `RATE_LIMIT_${string}`>, 'RATE_LIMIT_ENABLED'>;

const THE_SAME = null;

/** A new limit does not compile until this table says what it means behind a gateway. */
const BEHIND_A_GATEWAY: Readonly<Record<Limit, string | null>> = {
  MAX_CONNECTIONS:
    'the same; over it each operation of the gateway gets `SERVICE_UNAVAILABLE`, and so does each subscription once ten times as many are open on all sockets of gateways',
  MAX_CONNECTIONS_PER_USER:
    '100 times as many sockets and streams of one user, because a gateway may open one for each subscription. The same number caps the subscriptions of one user on all sockets of gateways; the different documents of these have at most 32 KiB times `MAX_CONNECTIONS_PER_USER`',
  MAX_STREAMS_PER_USER: 'not counted: the limit above counts instead',
  MAX_CONNECTIONS_PER_ADDRESS: 'not counted',
  MAX_QUERY_DEPTH: THE_SAME,
  MAX_QUERY_COST: THE_SAME,
  MAX_MESSAGE_BYTES: 'the same for one frame; a longer one closes the socket, with all subscriptions of its user on it',
  MAX_BODY_BYTES: 'the same for one request, which may contain 1,000 representations for `_entities`',
  MAX_QUEUED_BYTES:
    'the same for one socket, with all subscriptions of its user on it; each of these gets `SLOW_READER`',
  MAX_MEMORY_QUEUED: THE_SAME,
  RATE_LIMIT_ADMISSIONS: 'the same; over it each operation of the gateway gets `SERVICE_UNAVAILABLE`',
  RATE_LIMIT_STRANGERS: 'not counted',
  RATE_LIMIT_CONNECTIONS: 'not counted: routers open a socket for one subscription, and close it afterwards',
  RATE_LIMIT_SUBSCRIPTIONS:
    'times `MAX_CONNECTIONS_PER_USER`, per user and process, after a burst as large as the cap of open subscriptions; also for streams over HTTP and callbacks',
  RATE_LIMIT_MESSAGES: 'not counted: the rate of the user counts instead',
  RATE_LIMIT_SIGNALS: 'not counted: the rate of the user counts instead',
  RATE_LIMIT_USER_MESSAGES: THE_SAME,
  RATE_LIMIT_TENANT_MESSAGES: THE_SAME,
  RATE_LIMIT_NODE_MESSAGES: THE_SAME,
  RATE_LIMIT_USER_SIGNALS: THE_SAME,
  RATE_LIMIT_REACTIONS: THE_SAME,
  RATE_LIMIT_APPENDS: THE_SAME,
  RATE_LIMIT_CREATIONS: THE_SAME,
  RATE_LIMIT_NAMED: THE_SAME,
  RATE_LIMIT_NAMED_AT_ONCE: THE_SAME,
  RATE_LIMIT_LISTS: THE_SAME,
  RATE_LIMIT_MEMBERSHIPS: THE_SAME,
  RATE_LIMIT_SESSION_CREATIONS: THE_SAME,
  RATE_LIMIT_SESSIONS: THE_SAME,
  RATE_LIMIT_ADMIN: THE_SAME,
  RATE_LIMIT_RULE_TESTS: THE_SAME,
  RATE_LIMIT_SERVICE: THE_SAME,
};

export function gatewayLimitRows(): string[] {
  const all = Object.entries(BEHIND_A_GATEWAY);
  const same = all.flatMap(([name, meaning]) => (meaning === null ? [`\`${name}\``] : []));
  return [
    ...all.flatMap(([name, meaning]) => (meaning === null ? [] : [`| \`${name}\` | ${meaning} |`])),
    `| ${same.join(' ')} | the same: these are limits of a user, an operation or a process |`,
  ];
}
