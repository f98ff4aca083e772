/** The configuration of the service, read from its environment. All faults are reported together. */

import { type IssuerConfig, SESSION_ISSUER } from './config/issuers.ts';
import { lookAlike } from './config/look-alike.ts';
import { readRates } from './config/rates.ts';
import { addressOf, type RedisAddress } from './config/redis.ts';
import { type Environment, SECRET_FILE_VARIABLES, withSecretFiles } from './config/secrets.ts';
import type { Variable } from './config/values.ts';
import { VARIABLES } from './config/variables.ts';
import type { Retention } from './model.ts';
import type { Rates } from './rates/rates.ts';

export interface Config {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  /** Null: operators use `port`. */
  readonly adminPort: number | null;
  /** Processes that share the port. */
  readonly workers: number;
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
  /** 0: no limit. */
  readonly streamLifetimeMs: number;
  readonly streamMergeMs: number;
  /** Null: no rate limits. */
  readonly rates: Rates | null;
  /** Whether the console and GraphiQL are served. */
  readonly hasConsole: boolean;
  readonly logLevel: string;
  readonly allowedOrigins: readonly string[];
  readonly maxQueryDepth: number;
  readonly maxQueryCost: number;
  /** Files of a certificate and its key; null: without TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly trustProxy: boolean;
  readonly maxMessageBytes: number;
  readonly maxBodyBytes: number;
  readonly keepAliveMs: number;
  readonly maxQueuedBytes: number;
  readonly maxMemoryQueued: number;
  readonly gatewaySecrets: readonly string[];
  /** Fields that are not part of the SDL which gateways are given. */
  readonly subgraphWithout: readonly string[];
  /** The URL for announcements of this subgraph; null: none. */
  readonly registrationUrl: string | null;
  readonly registrationToken: string | null;
  /** Without a slash at its end. Null: `http://localhost` and the port. */
  readonly publicUrl: string | null;
  readonly callbackAllowedUrls: readonly string[];
  readonly webhookAllowedUrls: readonly string[];
  readonly webhookPrivateAddresses: boolean;
  readonly drainWindowMs: number;
  readonly sessions: SessionLifetimes;
  readonly presenceGraceMs: number;
  /** How long after a message its readers count as not reached. */
  readonly unreachedAfterMs: number;
  /** Messages kept per conversation; null: all. */
  readonly messageRetention: Retention;
  /** Null: never. */
  readonly abandonedAfterMs: number | null;
  /** Probable mistakes that are not errors, one sentence each. */
  readonly warnings: readonly string[];
}

export interface SessionLifetimes {
  /** The lifetime of one access token. */
  readonly accessTokenMs: number;
  /** A session ends after this time without a refresh, … */
  readonly idleMs: number;
  /** … and after this time in any case. */
  readonly maxAgeMs: number;
}

export interface JwtConfig {
  /** Empty in development until a secret was created, or when only JWKS is used. */
  readonly secrets: readonly string[];
  readonly jwksUrl: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly tenantClaim: string;
  /** The issuers of `JWT_ISSUERS`, beside the one that the variables above describe. */
  readonly issuers: readonly IssuerConfig[];
}

/** Thrown with all faults, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** One of them is needed: without keys no token is valid. */
const KEYS = ['JWT_SECRET', 'JWT_SECRET_FILE', 'JWT_JWKS_URL', 'JWT_ISSUERS', 'JWT_ISSUERS_FILE'];

type Variables = typeof VARIABLES;
type Value<Name extends keyof Variables> = Variables[Name] extends Variable<infer Type> ? Type : never;

/** Unknown variables whose names are similar to ours. */
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
 * @throws {ConfigError} with all faults.
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
    issuers: read('JWT_ISSUERS') ?? [],
  };
  for (const name of Object.keys(SECRET_FILE_VARIABLES) as (keyof typeof SECRET_FILE_VARIABLES)[]) read(name);
  if (isProduction && !KEYS.some((name) => given[name])) {
    faults.push(`JWT_SECRET: takes ${VARIABLES.JWT_SECRET.takes}; production needs it, JWT_JWKS_URL or JWT_ISSUERS.`);
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
    adminPort: read('ADMIN_PORT'),
    workers: required('WORKERS'),
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
    streamMergeMs: required('STREAM_MERGE'),
    rates: required('RATE_LIMIT_ENABLED')
      ? readRates(required, {
          maxQueryCost: required('MAX_QUERY_COST'),
          connectionsPerUser: required('MAX_CONNECTIONS_PER_USER'),
        })
      : null,
    hasConsole: read('CONSOLE') ?? !isProduction,
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
    subgraphWithout: read('SUBGRAPH_WITHOUT') ?? [],
    registrationUrl: read('GATEWAY_REGISTRATION_URL'),
    registrationToken: read('GATEWAY_REGISTRATION_TOKEN'),
    publicUrl: withoutLastSlashes(read('PUBLIC_URL')),
    callbackAllowedUrls: read('CALLBACK_ALLOWED_URLS') ?? [],
    webhookAllowedUrls: read('WEBHOOK_ALLOWED_URLS') ?? [],
    webhookPrivateAddresses: required('WEBHOOK_PRIVATE_ADDRESSES'),
    drainWindowMs: required('DRAIN_WINDOW'),
    sessions: {
      accessTokenMs: required('ACCESS_TOKEN_LIFETIME'),
      idleMs: required('SESSION_IDLE'),
      maxAgeMs: required('SESSION_MAX_AGE'),
    },
    presenceGraceMs: required('PRESENCE_GRACE'),
    unreachedAfterMs: required('UNREACHED_AFTER'),
    messageRetention: read('MESSAGE_RETENTION'),
    abandonedAfterMs: read('ABANDONED_AFTER'),
    warnings: misspelt(Object.keys(environment)),
  };
  if (config.clientTimeoutMs <= config.heartbeatIntervalMs) {
    faults.push('CLIENT_TIMEOUT: takes more than HEARTBEAT_INTERVAL: a healthy socket is silent between two pings.');
  }
  if (config.adminPort !== null && config.adminPort > 0 && config.adminPort === config.port) {
    faults.push(`ADMIN_PORT: takes ${VARIABLES.ADMIN_PORT.takes}.`);
  }
  if (config.workers > 1 && !environment['REDIS_URL']) {
    faults.push('WORKERS: takes 1 without REDIS_URL: the embedded engine belongs to one process.');
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
