/**
 * Every environment variable, declared once: its setting in `Config`, its meaning, the values it takes, its default, its
 * check. `docs/configuration.md` and `.env.example` are written from it.
 */
import { LIMITS } from '../limits.ts';
import { issuers } from './issuers.ts';
import { RATE_VARIABLES } from './rates.ts';
import { REDIS_VARIABLES } from './redis.ts';
import { SECRET_FILE_VARIABLES } from './secrets.ts';
import {
  all,
  baseUrl,
  bytes,
  bytesOrShare,
  duration,
  field,
  file,
  flag,
  keptFor,
  lifetime,
  list,
  longSecret,
  origin,
  positive,
  retention,
  type Setting,
  setting,
  text,
  url,
  variable,
  whole,
  workers,
} from './values.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

const rate = whole(1, 1_000_000);
const DURATION = 'a duration such as `500ms`, `30s`, `5m`, `2h`';
const LIFETIME = 'a duration such as `15m`, `12h`, `30d`, from a second to ten years';
const BYTES = 'a size such as `65536`, `64KiB`, `1MiB`';

/** The variables the service reads, in the order of the table in docs/configuration.md. */
export const VARIABLES = {
  NODE_ENV: variable('`production` refuses what only development may do', 'any text', 'development', text),
  HOST: setting('host', 'bind address', 'an address or host name', '0.0.0.0', text),
  PORT: setting('port', 'port', 'a number from 0 to 65535', '8081', whole(0, 65_535)),
  ADMIN_PORT: setting(
    'adminPort',
    'serves `/metrics`, `/info` and `/health/detailed` there and no longer on `PORT`',
    'a number from 0 to 65535, other than `PORT`',
    null,
    whole(0, 65_535),
  ),
  METRICS_TENANTS: setting(
    'metricsTenants',
    'tenants whose use `/metrics` shows by name, the first that are seen; the rest together are `other`; `0`: use of tenants is not counted',
    `a number from 0 to ${LIMITS.tenantsInMetrics}`,
    '0',
    whole(0, LIMITS.tenantsInMetrics),
  ),
  WORKERS: setting(
    'workers',
    'processes of this service that share its port and the machine’s cores; more than one needs `REDIS_URL`; `auto`: one a core',
    'a number from 1 to 256, or `auto`',
    '1',
    workers,
  ),
  JWT_SECRET: variable(
    'keys of HS256, of HS384 from 48 bytes and of HS512 from 64 bytes on; several while rotating',
    'keys of 32 bytes or more, comma-separated',
    null,
    all(longSecret),
  ),
  JWT_JWKS_URL: variable('where the asymmetric keys are', 'an http(s) URL', null, url('https:', 'http:')),
  JWT_ISSUER: variable('expected `iss`', 'any text', null, text),
  JWT_AUDIENCE: variable('expected `aud`', 'any text', null, text),
  JWT_ISSUERS: variable(
    'more issuers of tokens; `tenantClaim` is `tenant_id` when it is left out, and `scopeClaim` is `scope` or `scp`',
    'a JSON list of 1 to 20 `{"issuer", "audience"?, "jwksUrl" or "secret", "tenantClaim"?, "scopeClaim"?}`',
    null,
    issuers,
  ),
  JWT_TENANT_CLAIM: variable('claim that names the tenant', 'any text', 'tenant_id', text),
  ...REDIS_VARIABLES,
  DATA_DIR: setting('dataDir', 'folder of the embedded engine', 'a folder, or `:memory:`', './data', text),
  MAX_CONNECTIONS: setting(
    'maxConnections',
    'sockets this service accepts, all its workers together, of which each takes its share',
    'a number from 1',
    '10000',
    whole(1, 1_000_000),
  ),
  MAX_CONNECTIONS_PER_USER: setting(
    'maxConnectionsPerUser',
    'sockets of one user on this process',
    'a number from 1',
    '50',
    rate,
  ),
  MAX_STREAMS_PER_USER: setting(
    'maxStreamsPerUser',
    'subscriptions over HTTP of one user on this process, each of which is a stream of its own',
    'a number from 1',
    '200',
    rate,
  ),
  MAX_CONNECTIONS_PER_ADDRESS: setting(
    'maxConnectionsPerAddress',
    'sockets and streams of one public address on this process; private networks, trusted proxies and gateways are not counted',
    'a number from 1',
    '1000',
    rate,
  ),
  HEARTBEAT_INTERVAL: setting(
    'heartbeatIntervalMs',
    'server ping on every socket',
    DURATION,
    '30s',
    positive(duration),
  ),
  CLIENT_TIMEOUT: setting(
    'clientTimeoutMs',
    'silence after which a socket is closed, and a stream over HTTP whose client acknowledges nothing (seen on Linux); more than `HEARTBEAT_INTERVAL`',
    DURATION,
    '60s',
    positive(duration),
  ),
  STREAM_HEARTBEAT: setting(
    'streamHeartbeatMs',
    'sign of life on every HTTP stream: clients such as httpx and OkHttp give up after 5 and 10 s',
    DURATION,
    '4s',
    positive(duration),
  ),
  STREAM_LIFETIME: setting(
    'streamLifetimeMs',
    'an HTTP stream ends after this, and up to a tenth of it later so that those opened together do not end together, with an error that a client retries on: one whose client vanished unnoticed does not stay; `0s`: never',
    DURATION,
    '15m',
    duration,
  ),
  STREAM_MERGE: setting(
    'streamMergeMs',
    'appends to one streamed message within this time are one event; `0s`: each is one',
    DURATION,
    '40ms',
    duration,
  ),
  RATE_LIMIT_ENABLED: variable('the limits that follow', '`true` or `false`', 'true', flag),
  ...RATE_VARIABLES,
  CONSOLE: variable(
    'serves the console at `/`, and GraphiQL to a browser that opens `/graphql`; unset: outside production only. In production it makes no tokens',
    '`true` or `false`',
    null,
    flag,
  ),
  LOG_LEVEL: setting(
    'logLevel',
    'what is logged',
    LOG_LEVELS.map((level) => `\`${level}\``).join(', '),
    'info',
    (value) => LOG_LEVELS.find((level) => level === value),
  ),
  ALLOWED_ORIGINS: variable(
    'browser origins beside the service’s own address; unset: this machine in development, none in production',
    'origins, comma-separated, such as `https://app.example.com` or `capacitor://localhost`; `*` only outside production',
    null,
    all(origin),
  ),
  MAX_QUERY_DEPTH: setting('maxQueryDepth', 'levels of one operation', 'a number from 1', '10', whole(1, 100)),
  MAX_QUERY_COST: setting(
    'maxQueryCost',
    'units of one operation, each good for ten items',
    'a number from 1',
    '1000',
    rate,
  ),
  TLS_CERT_FILE: variable('serve https (HTTP/2 and HTTP/1.1) and wss with this certificate', 'a file', null, file),
  TLS_KEY_FILE: variable('the key of that certificate', 'a file', null, file),
  TRUST_PROXY: setting(
    'trustProxy',
    'believe `X-Forwarded-*` of the proxy that ends TLS; production then takes no socket that came in the clear',
    '`true` or `false`',
    'false',
    flag,
  ),
  MAX_MESSAGE_BYTES: setting('maxMessageBytes', 'one frame', BYTES, '128KiB', bytes),
  MAX_BODY_BYTES: setting('maxBodyBytes', 'one HTTP body', BYTES, '1MiB', bytes),
  KEEP_ALIVE: setting(
    'keepAliveMs',
    'an idle HTTP connection stays open this long: longer than any load balancer keeps it',
    DURATION,
    '75s',
    positive(duration),
  ),
  GATEWAY_SECRET: list(
    'gatewaySecrets',
    'what `_entities` and `_service` then ask for in `Router-Authorization`',
    'secrets of 16 characters or more, comma-separated',
    all((value) => (value.length >= 16 ? value : undefined)),
  ),
  SUBGRAPH_WITHOUT: list(
    'subgraphWithout',
    'fields left out of the SDL that gateways are given, whose names somebody else in the graph has',
    'fields such as `User.status`, comma-separated',
    all(field),
  ),
  GATEWAY_REGISTRATION_URL: setting(
    'registrationUrl',
    'where a gateway takes announcements of subgraphs; unset: none is made',
    'an http(s) URL',
    null,
    url('https:', 'http:'),
  ),
  GATEWAY_REGISTRATION_TOKEN: setting('registrationToken', 'the bearer token of announcements', 'any text', null, text),
  PUBLIC_URL: setting(
    'publicUrl',
    'where gateways reach this service; unset: `http://localhost` and the port',
    'an http(s) URL',
    null,
    baseUrl,
  ),
  CALLBACK_ALLOWED_URLS: list(
    'callbackAllowedUrls',
    'URL prefixes the HTTP callback protocol may call',
    'http(s) URLs, comma-separated',
    all(url('https:', 'http:')),
  ),
  WEBHOOK_ALLOWED_URLS: list(
    'webhookAllowedUrls',
    'URL prefixes that webhooks may send events to; unset: none',
    'http(s) URLs, comma-separated',
    all(url('https:', 'http:')),
  ),
  WEBHOOK_PRIVATE_ADDRESSES: setting(
    'webhookPrivateAddresses',
    'webhooks may send events to addresses of private networks and of this machine, too',
    '`true` or `false`',
    'false',
    flag,
  ),
  MAX_QUEUED_BYTES: setting('maxQueuedBytes', 'unsent bytes a slow socket may hold', BYTES, '1MiB', bytes),
  MAX_MEMORY_QUEUED: setting(
    'maxMemoryQueued',
    'unsent bytes of all sockets, streams and answers together; the fullest are closed with 1013 first',
    'a size such as `64MiB`, or a share of the heap limit such as `25%`',
    '25%',
    bytesOrShare,
  ),
  DRAIN_WINDOW: setting('drainWindowMs', 'closing sockets at shutdown is spread over this', DURATION, '10s', duration),
  ACCESS_TOKEN_LIFETIME: variable('how long an access token of a session lasts', LIFETIME, '15m', lifetime),
  SESSION_IDLE: variable('a session ends when its tokens were not refreshed for this long', LIFETIME, '30d', lifetime),
  SESSION_MAX_AGE: variable(
    'a session ends this long after it began, however often it was refreshed',
    LIFETIME,
    '90d',
    lifetime,
  ),
  UNREACHED_AFTER: setting(
    'unreachedAfterMs',
    'consumers are told of a user who is offline and has not read a message this long after it was sent',
    DURATION,
    '30s',
    positive(duration),
  ),
  PRESENCE_GRACE: setting('presenceGraceMs', 'a vanished socket counts as present this long', DURATION, '5s', duration),
  ...SECRET_FILE_VARIABLES,
  MESSAGE_RETENTION: setting(
    'messageRetention',
    'messages kept per conversation',
    '`all`, a number from 1, or an age such as `90d`, from a second to ten years',
    'all',
    retention,
  ),
  ABANDONED_AFTER: setting(
    'abandonedAfterMs',
    'a conversation without members is deleted this long after its last change, and the presence of a user who has gone is forgotten',
    `${LIFETIME}, or \`never\``,
    '90d',
    keptFor,
  ),
} as const;

type Variables = typeof VARIABLES;

/** The settings that one variable gives, each by its name in `Config`. */
export type Settings = {
  readonly [Name in keyof Variables as Variables[Name] extends { readonly setting: infer Key extends string }
    ? Key
    : never]: Variables[Name] extends Setting<string, infer Value> ? Value : never;
};
