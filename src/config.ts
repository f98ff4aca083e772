/** Every environment variable: what it takes, its default, its check. All faults are reported together. */

import { RATE_VARIABLES, readRates } from './config-rates.ts';
import { addressOf, REDIS_VARIABLES, type RedisAddress } from './config-redis.ts';
import { type Environment, SECRET_FILE_VARIABLES, withSecretFiles } from './config-secrets.ts';
import {
  all,
  bytes,
  bytesOrShare,
  duration,
  file,
  flag,
  lifetime,
  longSecret,
  origin,
  positive,
  text,
  url,
  type Variable,
  variable,
  whole,
} from './config-values.ts';
import { lookAlike } from './look-alike.ts';
import type { Rates } from './rates/rates.ts';

/** `iss` of the tokens this service signs itself, which no platform's may have. */
export const SESSION_ISSUER = 'realtime-communication';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

export interface Config {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  readonly jwt: JwtConfig;
  /** Null: the embedded engine. */
  readonly redis: {
    readonly address: RedisAddress;
    readonly prefix: string;
    readonly isChecked: boolean;
  } | null;
  readonly dataDir: string;
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly maxStreamsPerUser: number;
  readonly maxConnectionsPerAddress: number;
  readonly heartbeatIntervalMs: number;
  readonly clientTimeoutMs: number;
  readonly streamHeartbeatMs: number;
  /** 0: without an end. */
  readonly streamLifetimeMs: number;
  /** Null: nothing is limited. */
  readonly rates: Rates | null;
  readonly logLevel: string;
  readonly allowedOrigins: readonly string[];
  readonly maxQueryDepth: number;
  readonly maxQueryCost: number;
  /** Files of a certificate and its key; null: served in the clear. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly trustProxy: boolean;
  readonly maxMessageBytes: number;
  readonly maxBodyBytes: number;
  readonly keepAliveMs: number;
  readonly maxQueuedBytes: number;
  readonly maxMemoryQueued: number;
  readonly gatewaySecrets: readonly string[];
  /** Where this subgraph announces itself; null: nowhere. */
  readonly registrationUrl: string | null;
  readonly registrationToken: string | null;
  /** Without a slash at its end. Null: `http://localhost` and the port. */
  readonly publicUrl: string | null;
  readonly callbackAllowedUrls: readonly string[];
  readonly drainWindowMs: number;
  readonly sessions: SessionLifetimes;
  readonly presenceGraceMs: number;
  /** Messages kept per conversation; null: all. */
  readonly messageRetention: number | null;
  /** What looks like a mistake and is none for sure, one sentence each. */
  readonly warnings: readonly string[];
}

export interface SessionLifetimes {
  /** Of one access token. */
  readonly accessTokenMs: number;
  /** A session ends when its tokens were not refreshed for this long, … */
  readonly idleMs: number;
  /** … and this long after it began at the latest. */
  readonly maxAgeMs: number;
}

export interface JwtConfig {
  /** Empty in development until a secret was made, or when only JWKS is used. */
  readonly secrets: readonly string[];
  readonly jwksUrl: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly tenantClaim: string;
}

/** Thrown with every fault found, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

const rate = whole(1, 1_000_000);
const DURATION = 'a duration such as `500ms`, `30s`, `5m`, `2h`';
const LIFETIME = 'a duration such as `15m`, `12h`, `30d`, from a second to ten years';
const BYTES = 'a size such as `65536`, `64KiB`, `1MiB`';

/** The variables the service reads, in the order of the README's table. */
export const VARIABLES = {
  NODE_ENV: variable('`production` refuses what only development may do', 'any text', 'development', text),
  HOST: variable('bind address', 'an address or host name', '0.0.0.0', text),
  PORT: variable('port', 'a number from 0 to 65535', '8081', whole(0, 65_535)),
  JWT_SECRET: variable(
    'keys of HS256, of HS384 from 48 bytes and of HS512 from 64 bytes on; several while rotating',
    'keys of 32 bytes or more, comma-separated',
    null,
    all(longSecret),
  ),
  JWT_JWKS_URL: variable('where the asymmetric keys are', 'an http(s) URL', null, url('https:', 'http:')),
  JWT_ISSUER: variable('expected `iss`', 'any text', null, text),
  JWT_AUDIENCE: variable('expected `aud`', 'any text', null, text),
  JWT_TENANT_CLAIM: variable('claim that names the tenant', 'any text', 'tenant_id', text),
  ...REDIS_VARIABLES,
  DATA_DIR: variable('folder of the embedded engine', 'a folder, or `:memory:`', './data', text),
  MAX_CONNECTIONS: variable('sockets this process accepts', 'a number from 1', '10000', whole(1, 1_000_000)),
  MAX_CONNECTIONS_PER_USER: variable('sockets of one user on this process', 'a number from 1', '50', rate),
  MAX_STREAMS_PER_USER: variable(
    'subscriptions over HTTP of one user on this process, each of which is a stream of its own',
    'a number from 1',
    '200',
    rate,
  ),
  MAX_CONNECTIONS_PER_ADDRESS: variable(
    'sockets and streams of one public address on this process; private networks, trusted proxies and gateways are not counted',
    'a number from 1',
    '1000',
    rate,
  ),
  HEARTBEAT_INTERVAL: variable('server ping on every socket', DURATION, '30s', positive(duration)),
  CLIENT_TIMEOUT: variable(
    'silence after which a socket is closed; more than `HEARTBEAT_INTERVAL`',
    DURATION,
    '60s',
    positive(duration),
  ),
  STREAM_HEARTBEAT: variable(
    'sign of life on every HTTP stream: clients such as httpx and OkHttp give up after 5 and 10 s',
    DURATION,
    '4s',
    positive(duration),
  ),
  STREAM_LIFETIME: variable(
    'an HTTP stream ends after this with an error that a client retries on, so that one whose client vanished unnoticed does not stay; `0s`: never',
    DURATION,
    '15m',
    duration,
  ),
  RATE_LIMIT_ENABLED: variable('the limits that follow', '`true` or `false`', 'true', flag),
  ...RATE_VARIABLES,
  LOG_LEVEL: variable('what is logged', LOG_LEVELS.map((level) => `\`${level}\``).join(', '), 'info', (value) =>
    LOG_LEVELS.find((level) => level === value),
  ),
  ALLOWED_ORIGINS: variable(
    'browser origins beside the service’s own address; unset: this machine in development, none in production',
    'origins, comma-separated, such as `https://app.example.com` or `capacitor://localhost`; `*` only outside production',
    null,
    all(origin),
  ),
  MAX_QUERY_DEPTH: variable('levels of one operation', 'a number from 1', '10', whole(1, 100)),
  MAX_QUERY_COST: variable('units of one operation, each good for ten items', 'a number from 1', '1000', rate),
  TLS_CERT_FILE: variable('serve https and wss with this certificate', 'a file', null, file),
  TLS_KEY_FILE: variable('the key of that certificate', 'a file', null, file),
  TRUST_PROXY: variable(
    'believe `X-Forwarded-*` of the proxy that ends TLS; production then takes no socket that came in the clear',
    '`true` or `false`',
    'false',
    flag,
  ),
  MAX_MESSAGE_BYTES: variable('one frame', BYTES, '128KiB', bytes),
  MAX_BODY_BYTES: variable('one HTTP body', BYTES, '1MiB', bytes),
  KEEP_ALIVE: variable(
    'an idle HTTP connection stays open this long: longer than any load balancer keeps it',
    DURATION,
    '75s',
    positive(duration),
  ),
  GATEWAY_SECRET: variable(
    'what `_entities` and `_service` then ask for in `Router-Authorization`',
    'secrets of 16 characters or more, comma-separated',
    null,
    all((value) => (value.length >= 16 ? value : undefined)),
  ),
  GATEWAY_REGISTRATION_URL: variable(
    'where a gateway takes announcements of subgraphs; unset: none is made',
    'an http(s) URL',
    null,
    url('https:', 'http:'),
  ),
  GATEWAY_REGISTRATION_TOKEN: variable('the bearer token of announcements', 'any text', null, text),
  PUBLIC_URL: variable(
    'where gateways reach this service; unset: `http://localhost` and the port',
    'an http(s) URL',
    null,
    url('https:', 'http:'),
  ),
  CALLBACK_ALLOWED_URLS: variable(
    'URL prefixes the HTTP callback protocol may call',
    'http(s) URLs, comma-separated',
    null,
    all(url('https:', 'http:')),
  ),
  MAX_QUEUED_BYTES: variable('unsent bytes a slow socket may hold', BYTES, '1MiB', bytes),
  MAX_MEMORY_QUEUED: variable(
    'unsent bytes of all sockets, streams and answers together; the fullest are closed with 1013 first',
    'a size such as `64MiB`, or a share of the heap limit such as `25%`',
    '25%',
    bytesOrShare,
  ),
  DRAIN_WINDOW: variable('closing sockets at shutdown is spread over this', DURATION, '10s', duration),
  ACCESS_TOKEN_LIFETIME: variable('how long an access token of a session lasts', LIFETIME, '15m', lifetime),
  SESSION_IDLE: variable('a session ends when its tokens were not refreshed for this long', LIFETIME, '30d', lifetime),
  SESSION_MAX_AGE: variable(
    'a session ends this long after it began, however often it was refreshed',
    LIFETIME,
    '90d',
    lifetime,
  ),
  PRESENCE_GRACE: variable('a vanished socket counts as present this long', DURATION, '5s', duration),
  ...SECRET_FILE_VARIABLES,
  MESSAGE_RETENTION: variable('messages kept per conversation', '`all` or a number from 1', 'all', (value) =>
    value === 'all' ? null : whole(1, 1_000_000_000)(value),
  ),
} as const;

type Variables = typeof VARIABLES;
type Value<Name extends keyof Variables> = Variables[Name] extends Variable<infer Type> ? Type : never;

/** Variables that nobody reads, and whose names are almost ours. */
function misspelt(names: readonly string[]): string[] {
  const known = Object.keys(VARIABLES);
  return names.flatMap((name) => {
    const meant = known.includes(name) ? null : lookAlike(name, known);
    return meant === null ? [] : [`${name} is not read. Is ${meant} meant?`];
  });
}

/**
 * The configuration of an environment.
 *
 * @throws {ConfigError} with every fault there is.
 */
export function readConfig(given: Environment): Config {
  const faults: string[] = [];
  const environment = withSecretFiles(given, faults);
  function read<Name extends keyof Variables>(name: Name): Value<Name> | null {
    const { parse, takes, default: fallback } = VARIABLES[name] as Variable<Value<Name>>;
    const text = environment[name] || fallback;
    if (text === null) return null;
    const value = parse(text);
    if (value === undefined) faults.push(`${name}: takes ${takes}.`);
    return value ?? null;
  }
  /** A variable that has a default and so is never null unless it is at fault. */
  const required = <Name extends keyof Variables>(name: Name): NonNullable<Value<Name>> =>
    read(name) as NonNullable<Value<Name>>;

  const isProduction = read('NODE_ENV') === 'production';
  const jwt: JwtConfig = {
    secrets: read('JWT_SECRET') ?? [],
    jwksUrl: read('JWT_JWKS_URL'),
    issuer: read('JWT_ISSUER'),
    audience: read('JWT_AUDIENCE'),
    tenantClaim: required('JWT_TENANT_CLAIM'),
  };
  for (const name of Object.keys(SECRET_FILE_VARIABLES) as (keyof typeof SECRET_FILE_VARIABLES)[]) read(name);
  if (isProduction && !given['JWT_SECRET'] && !given['JWT_SECRET_FILE'] && !given['JWT_JWKS_URL']) {
    faults.push(`JWT_SECRET: takes ${VARIABLES.JWT_SECRET.takes}; production needs it, or JWT_JWKS_URL.`);
  }
  if (jwt.issuer === SESSION_ISSUER) {
    faults.push(`JWT_ISSUER: takes any text but ${SESSION_ISSUER}, which issues the tokens of sessions.`);
  }
  const origins = read('ALLOWED_ORIGINS');
  if (isProduction && origins?.includes('*')) {
    faults.push(`ALLOWED_ORIGINS: takes ${VARIABLES.ALLOWED_ORIGINS.takes}.`);
  }
  const certFile = read('TLS_CERT_FILE');
  const keyFile = read('TLS_KEY_FILE');
  if (!environment['TLS_CERT_FILE'] !== !environment['TLS_KEY_FILE']) {
    faults.push('TLS_CERT_FILE: takes a file, together with TLS_KEY_FILE.');
  }
  const redis = {
    location: read('REDIS_URL'),
    isCluster: required('REDIS_CLUSTER'),
    sentinelPassword: read('REDIS_SENTINEL_PASSWORD'),
    caFile: read('REDIS_CA_FILE'),
    certFile: read('REDIS_CERT_FILE'),
    keyFile: read('REDIS_KEY_FILE'),
  };
  const { location } = redis;
  const [prefix, isChecked] = [required('REDIS_PREFIX'), required('REDIS_CHECKS')];
  const config: Config = {
    isProduction,
    host: required('HOST'),
    port: required('PORT'),
    jwt,
    redis: location && { address: addressOf({ ...redis, location }, faults), prefix, isChecked },
    dataDir: required('DATA_DIR'),
    maxConnections: required('MAX_CONNECTIONS'),
    maxConnectionsPerUser: required('MAX_CONNECTIONS_PER_USER'),
    maxStreamsPerUser: required('MAX_STREAMS_PER_USER'),
    maxConnectionsPerAddress: required('MAX_CONNECTIONS_PER_ADDRESS'),
    heartbeatIntervalMs: required('HEARTBEAT_INTERVAL'),
    clientTimeoutMs: required('CLIENT_TIMEOUT'),
    streamHeartbeatMs: required('STREAM_HEARTBEAT'),
    streamLifetimeMs: required('STREAM_LIFETIME'),
    rates: required('RATE_LIMIT_ENABLED')
      ? readRates(required, {
          maxQueryCost: required('MAX_QUERY_COST'),
          connectionsPerUser: required('MAX_CONNECTIONS_PER_USER'),
        })
      : null,
    logLevel: required('LOG_LEVEL'),
    allowedOrigins: origins ?? [],
    maxQueryDepth: required('MAX_QUERY_DEPTH'),
    maxQueryCost: required('MAX_QUERY_COST'),
    tls: certFile && keyFile ? { certFile, keyFile } : null,
    trustProxy: required('TRUST_PROXY'),
    maxMessageBytes: required('MAX_MESSAGE_BYTES'),
    maxBodyBytes: required('MAX_BODY_BYTES'),
    keepAliveMs: required('KEEP_ALIVE'),
    maxQueuedBytes: required('MAX_QUEUED_BYTES'),
    maxMemoryQueued: required('MAX_MEMORY_QUEUED'),
    gatewaySecrets: read('GATEWAY_SECRET') ?? [],
    registrationUrl: read('GATEWAY_REGISTRATION_URL'),
    registrationToken: read('GATEWAY_REGISTRATION_TOKEN'),
    publicUrl: withoutLastSlashes(read('PUBLIC_URL')),
    callbackAllowedUrls: read('CALLBACK_ALLOWED_URLS') ?? [],
    drainWindowMs: required('DRAIN_WINDOW'),
    sessions: {
      accessTokenMs: required('ACCESS_TOKEN_LIFETIME'),
      idleMs: required('SESSION_IDLE'),
      maxAgeMs: required('SESSION_MAX_AGE'),
    },
    presenceGraceMs: required('PRESENCE_GRACE'),
    messageRetention: read('MESSAGE_RETENTION'),
    warnings: misspelt(Object.keys(environment)),
  };
  if (config.clientTimeoutMs <= config.heartbeatIntervalMs) {
    faults.push('CLIENT_TIMEOUT: takes more than HEARTBEAT_INTERVAL: a healthy socket is silent between two pings.');
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

function withoutLastSlashes(url: string | null): string | null {
  if (url === null) return null;
  let end = url.length;
  while (url[end - 1] === '/') end -= 1;
  return url.slice(0, end);
}
