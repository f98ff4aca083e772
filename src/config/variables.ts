/**
 * Every environment variable, declared once: its setting in `Config`, its meaning, the values that it takes, its default
 * and its check. `docs/configuration.md` and `.env.example` are written from it.
 */
import { LIMITS } from '../limits.ts';
import { issuers } from './issuers.ts';
import { RATE_VARIABLES } from './rates.ts';
import { REDIS_VARIABLES } from './redis.ts';
import { SECRET_FILE_VARIABLES } from './secrets.ts';
import {
  all,
  anyText,
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
  NODE_ENV: variable(
    '`production` refuses settings that are safe in development only, such as a generated secret',
    'any text',
    'development',
    anyText,
  ),
  HOST: setting('host', 'address that the service listens on', 'an address or host name', '0.0.0.0', anyText),
  PORT: setting('port', 'port that clients connect to', 'a number from 0 to 65535', '8081', whole(0, 65_535)),
  ADMIN_PORT: setting(
    'adminPort',
    'port for `/metrics`, `/info` and `/health/detailed`, which `PORT` then no longer serves',
    'a number from 0 to 65535, other than `PORT`',
    null,
    whole(0, 65_535),
  ),
  METRICS_TENANTS: setting(
    'metricsTenants',
    'number of tenants that `/metrics` shows by name: the first ones that send a request; all others are counted together as `other`; `0`: use per tenant is not counted',
    `a number from 0 to ${LIMITS.tenantsInMetrics}`,
    '0',
    whole(0, LIMITS.tenantsInMetrics),
  ),
  WORKERS: setting(
    'workers',
    'number of processes that share the port; more than one requires `REDIS_URL`; `auto`: one per core',
    'a number from 1 to 256, or `auto`',
    '1',
    workers,
  ),
  JWT_SECRET: variable(
    'keys for HS256, for HS384 (from 48 bytes) and for HS512 (from 64 bytes); several during a rotation',
    'keys of 32 bytes or more, comma-separated',
    null,
    all(longSecret),
  ),
  JWT_JWKS_URL: variable(
    'URL of the key set (JWKS) for asymmetric algorithms',
    'an http(s) URL',
    null,
    url('https:', 'http:'),
  ),
  JWT_ISSUER: variable('required `iss` of tokens', 'any text', null, anyText),
  JWT_AUDIENCE: variable('required `aud` of tokens', 'any text', null, anyText),
  JWT_ISSUERS: variable(
    'further issuers of tokens; `tenantClaim` defaults to `tenant_id`, `scopeClaim` to `scope` or `scp`',
    'a JSON list of 1 to 20 `{"issuer", "audience"?, "jwksUrl" or "secret", "tenantClaim"?, "scopeClaim"?}`',
    null,
    issuers,
  ),
  JWT_TENANT_CLAIM: variable('claim with the tenant', 'any text', 'tenant_id', anyText),
  ...REDIS_VARIABLES,
  DATA_DIR: setting('dataDir', 'folder of the embedded engine', 'a folder, or `:memory:`', './data', anyText),
  MAX_CONNECTIONS: setting(
    'maxConnections',
    'maximum number of sockets and streams over HTTP, over all workers together; each worker accepts its share',
    'a number from 1',
    '10000',
    whole(1, 1_000_000),
  ),
  MAX_CONNECTIONS_PER_USER: setting(
    'maxConnectionsPerUser',
    'maximum number of sockets of one user on one process',
    'a number from 1',
    '50',
    rate,
  ),
  MAX_STREAMS_PER_USER: setting(
    'maxStreamsPerUser',
    'maximum number of subscriptions over HTTP of one user on one process; each is one stream',
    'a number from 1',
    '200',
    rate,
  ),
  MAX_CONNECTIONS_PER_ADDRESS: setting(
    'maxConnectionsPerAddress',
    'maximum number of sockets and streams of one public address on one process; private networks, trusted proxies and gateways are not counted',
    'a number from 1',
    '1000',
    rate,
  ),
  HEARTBEAT_INTERVAL: setting(
    'heartbeatIntervalMs',
    'time between pings that the server sends on every socket',
    DURATION,
    '30s',
    positive(duration),
  ),
  CLIENT_TIMEOUT: setting(
    'clientTimeoutMs',
    'time without data from the client after which a socket is closed, and without a TCP acknowledgement after which an HTTP stream is closed (Linux only); must exceed `HEARTBEAT_INTERVAL`',
    DURATION,
    '60s',
    positive(duration),
  ),
  STREAM_HEARTBEAT: setting(
    'streamHeartbeatMs',
    'time between heartbeats on every HTTP stream; some clients close a silent stream, for example httpx after 5 s and OkHttp after 10 s',
    DURATION,
    '4s',
    positive(duration),
  ),
  STREAM_LIFETIME: setting(
    'streamLifetimeMs',
    'maximum age of an HTTP stream, plus up to 10 % at random; the stream then ends with an error that clients retry on; this ends streams whose client vanished unnoticed; `0s`: no maximum',
    DURATION,
    '15m',
    duration,
  ),
  STREAM_MERGE: setting(
    'streamMergeMs',
    'appends to one streamed message within this time become one event; `0s`: every append is an event',
    DURATION,
    '40ms',
    duration,
  ),
  RATE_LIMIT_ENABLED: variable('whether the rate limits below apply', '`true` or `false`', 'true', flag),
  ...RATE_VARIABLES,
  CONSOLE: variable(
    'serves the console at `/`, and GraphiQL to browsers that open `/graphql`; unset: in development only. In production the console creates no tokens',
    '`true` or `false`',
    null,
    flag,
  ),
  LOG_LEVEL: setting(
    'logLevel',
    'lowest level that is logged',
    LOG_LEVELS.map((level) => `\`${level}\``).join(', '),
    'info',
    (value) => LOG_LEVELS.find((level) => level === value),
  ),
  ALLOWED_ORIGINS: variable(
    'browser origins that may connect, in addition to the service’s own; unset: this machine in development, none in production',
    'origins, comma-separated, such as `https://app.example.com` or `capacitor://localhost`; `*` only outside production',
    null,
    all(origin),
  ),
  MAX_QUERY_DEPTH: setting(
    'maxQueryDepth',
    'maximum depth of one operation, in levels of fields',
    'a number from 1',
    '10',
    whole(1, 100),
  ),
  MAX_QUERY_COST: setting(
    'maxQueryCost',
    'maximum cost of one operation, in units; a unit pays for ten items',
    'a number from 1',
    '1000',
    rate,
  ),
  TLS_CERT_FILE: variable(
    'certificate for https (HTTP/2 and HTTP/1.1) and wss; unset: the service does not serve TLS',
    'a file',
    null,
    file,
  ),
  TLS_KEY_FILE: variable('private key of that certificate', 'a file', null, file),
  TRUST_PROXY: setting(
    'trustProxy',
    'whether `X-Forwarded-*` headers of the proxy that terminates TLS are trusted; production then refuses sockets that were opened without TLS',
    '`true` or `false`',
    'false',
    flag,
  ),
  MAX_MESSAGE_BYTES: setting('maxMessageBytes', 'maximum size of one frame of a client', BYTES, '128KiB', bytes),
  MAX_BODY_BYTES: setting('maxBodyBytes', 'maximum size of one HTTP request body', BYTES, '1MiB', bytes),
  KEEP_ALIVE: setting(
    'keepAliveMs',
    'time that an idle HTTP connection stays open; must exceed the idle time-out of the load balancer',
    DURATION,
    '75s',
    positive(duration),
  ),
  GATEWAY_SECRET: list(
    'gatewaySecrets',
    'secrets of gateways; when set, `_entities` and `_service` require one in `Router-Authorization`',
    'secrets of 16 characters or more, comma-separated',
    all((value) => (value.length >= 16 ? value : undefined)),
  ),
  SUBGRAPH_WITHOUT: list(
    'subgraphWithout',
    'fields to omit from the SDL for gateways, because another subgraph defines them',
    'fields such as `User.status`, comma-separated',
    all(field),
  ),
  GATEWAY_REGISTRATION_URL: setting(
    'registrationUrl',
    'URL where the service registers at a gateway; unset: it does not register',
    'an http(s) URL',
    null,
    url('https:', 'http:'),
  ),
  GATEWAY_REGISTRATION_TOKEN: setting(
    'registrationToken',
    'bearer token for that registration',
    'any text',
    null,
    anyText,
  ),
  PUBLIC_URL: setting(
    'publicUrl',
    'URL at which gateways reach this service; unset: `http://localhost` and the port',
    'an http(s) URL',
    null,
    baseUrl,
  ),
  CALLBACK_ALLOWED_URLS: list(
    'callbackAllowedUrls',
    'URL prefixes that the HTTP callback protocol may call; unset: none',
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
    'whether webhooks may send events to addresses of private networks and of this machine',
    '`true` or `false`',
    'false',
    flag,
  ),
  MAX_QUEUED_BYTES: setting(
    'maxQueuedBytes',
    'maximum number of unsent bytes of one socket; a slower client is closed with 1013',
    BYTES,
    '1MiB',
    bytes,
  ),
  MAX_MEMORY_QUEUED: setting(
    'maxMemoryQueued',
    'maximum number of unsent bytes of all sockets, streams and responses together; above it, those with the most unsent bytes are closed with 1013',
    'a size such as `64MiB`, or a share of the heap limit such as `25%`',
    '25%',
    bytesOrShare,
  ),
  DRAIN_WINDOW: setting('drainWindowMs', 'time over which sockets are closed at shutdown', DURATION, '10s', duration),
  ACCESS_TOKEN_LIFETIME: variable('lifetime of an access token of a session', LIFETIME, '15m', lifetime),
  SESSION_IDLE: variable('time without a refresh after which a session ends', LIFETIME, '30d', lifetime),
  SESSION_MAX_AGE: variable('maximum age of a session', LIFETIME, '90d', lifetime),
  UNREACHED_AFTER: setting(
    'unreachedAfterMs',
    'time after which `USER_UNREACHED` reports a message that an offline user has not read',
    DURATION,
    '30s',
    positive(duration),
  ),
  PRESENCE_GRACE: setting(
    'presenceGraceMs',
    'time for which a user counts as present after the last socket vanished',
    DURATION,
    '5s',
    duration,
  ),
  ...SECRET_FILE_VARIABLES,
  MESSAGE_RETENTION: setting(
    'messageRetention',
    'number or age of the messages that each conversation keeps',
    '`all`, a number from 1, or an age such as `90d`, from a second to ten years',
    'all',
    retention,
  ),
  ABANDONED_AFTER: setting(
    'abandonedAfterMs',
    'time after the last change after which a conversation without members, and the presence of an offline user, are deleted',
    `${LIFETIME}, or \`never\``,
    '90d',
    keptFor,
  ),
} as const;

type Variables = typeof VARIABLES;

/** The settings that one variable gives, each by its name in `Config`. */
export type VariableSettings = {
  readonly [Name in keyof Variables as Variables[Name] extends { readonly setting: infer Key extends string }
    ? Key
    : never]: Variables[Name] extends Setting<string, infer Value> ? Value : never;
};
