/** What each limit means where the peer is a gateway that proved itself, as rows of a table in `docs/federation.md`. */
import type { VARIABLES } from '../src/config/variables.ts';

type Limit = Exclude<Extract<keyof typeof VARIABLES, `MAX_${string}` | `RATE_LIMIT_${string}`>, 'RATE_LIMIT_ENABLED'>;

const THE_SAME = null;

/** A limit that is added has no place in the code until it is said here what it means. */
const BEHIND_A_GATEWAY: Readonly<Record<Limit, string | null>> = {
  MAX_CONNECTIONS:
    'the same; over it the gateway is told by each operation. Sockets of gateways carry ten times as many subscriptions, of all users together; over it each is told `SERVICE_UNAVAILABLE`',
  MAX_CONNECTIONS_PER_USER:
    'times 100: sockets and streams of a gateway for one user, since each may carry one subscription alone. As many subscriptions, and 32 KiB of different documents for each of the user’s own sockets, are open on sockets of gateways for one user',
  MAX_STREAMS_PER_USER: 'not counted: the limit above is',
  MAX_CONNECTIONS_PER_ADDRESS: 'not counted',
  MAX_QUERY_DEPTH: THE_SAME,
  MAX_QUERY_COST: THE_SAME,
  MAX_MESSAGE_BYTES: 'the same, of one frame; over it the socket is closed, and with it all that one user has on it',
  MAX_BODY_BYTES: 'the same, of one request; `_entities` takes 1,000 representations in it',
  MAX_QUEUED_BYTES:
    'the same, of one socket with all that one user has on it; each of its subscriptions is told `SLOW_READER`',
  MAX_MEMORY_QUEUED: THE_SAME,
  RATE_LIMIT_ADMISSIONS: 'the same; over it the gateway is told by each operation',
  RATE_LIMIT_STRANGERS: 'not counted',
  RATE_LIMIT_CONNECTIONS: 'not counted: routers open a socket for one subscription, and close it after',
  RATE_LIMIT_SUBSCRIPTIONS:
    'times `MAX_CONNECTIONS_PER_USER`, by user on this process, past as many at once; streams over HTTP and callbacks as well',
  RATE_LIMIT_MESSAGES: 'not counted: the rate of the user is',
  RATE_LIMIT_SIGNALS: 'not counted: the rate of the user is',
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
    `| ${same.join(' ')} | the same: they are a user’s, an operation’s or a process’s |`,
  ];
}
