/** The configuration of the service, read from its environment. All faults are reported together. */

import { type IssuerConfig, SESSION_ISSUER } from './config/issuers.ts';
import { lookAlike } from './config/look-alike.ts';
import { readRates } from './config/rates.ts';
import { addressOf, type RedisAddress } from './config/redis.ts';
import { type Environment, SECRET_FILE_VARIABLES, withSecretFiles } from './config/secrets.ts';
import type { Variable } from './config/values.ts';
import { VARIABLES, type VariableSettings } from './config/variables.ts';
import type { SessionLifetimes } from './model.ts';
import type { Rates } from './rates/rates.ts';

/** The settings of single variables, declared in `config/variables.ts`, and those built from several. */
export interface Config extends VariableSettings {
  readonly isProduction: boolean;
  readonly jwt: JwtConfig;
  /** Null: the embedded engine. */
  readonly redis: {
    readonly address: RedisAddress;
    readonly prefix: string;
    readonly isChecked: boolean;
  } | null;
  /** Null: no rate limits. */
  readonly rates: Rates | null;
  /** Whether the console and GraphiQL are served. */
  readonly hasConsole: boolean;
  readonly allowedOrigins: readonly string[];
  /** Files of a certificate and its key; null: without TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly sessions: SessionLifetimes;
  /** Probable mistakes that are not errors, one sentence each. */
  readonly warnings: readonly string[];
}

export interface JwtConfig {
  /** Empty in development until a secret was created, or when only JWKS is used. */
  readonly secrets: readonly string[];
  readonly jwksUrl: string | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly tenantClaim: string;
  /** The issuers of `JWT_ISSUERS`, in addition to the one that the variables above describe. */
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
type Name = keyof Variables;
type Value<Named extends Name> = Variables[Named] extends Variable<infer Type> ? Type : never;

/** Reads the values of an environment by variable, and collects the faults. */
class Reading {
  readonly environment: Environment;
  readonly faults: string[];

  constructor(environment: Environment, faults: string[]) {
    this.environment = environment;
    this.faults = faults;
  }

  /** Null when it is unset or at fault. */
  value<Named extends Name>(name: Named): Value<Named> | null {
    const { parse, takes, default: fallback } = VARIABLES[name] as Variable<Value<Named>>;
    const text = this.environment[name] || fallback;
    if (text === null) return null;
    const value = parse(text);
    if (value === undefined) this.faults.push(`${name}: takes ${takes}.`);
    return value ?? null;
  }

  /** The value of a variable with a default; never null unless it is invalid. */
  required<Named extends Name>(name: Named): NonNullable<Value<Named>> {
    return this.value(name) as NonNullable<Value<Named>>;
  }

  settings(): VariableSettings {
    const settings = Object.entries(VARIABLES).flatMap(([name, declared]) =>
      'setting' in declared ? [[declared.setting, this.value(name as Name) ?? declared.unset]] : [],
    );
    return Object.fromEntries(settings) as VariableSettings;
  }
}

/** Warnings for unknown variables with names similar to known ones. */
function misspelt(names: readonly string[]): string[] {
  const known = Object.keys(VARIABLES);
  return names.flatMap((name) => {
    const meant = known.includes(name) ? null : lookAlike(name, known);
    return meant === null ? [] : [`${name} is unknown and ignored. Did you mean ${meant}?`];
  });
}

function jwtOf(reading: Reading): JwtConfig {
  return {
    secrets: reading.value('JWT_SECRET') ?? [],
    jwksUrl: reading.value('JWT_JWKS_URL'),
    issuer: reading.value('JWT_ISSUER'),
    audience: reading.value('JWT_AUDIENCE'),
    tenantClaim: reading.required('JWT_TENANT_CLAIM'),
    issuers: reading.value('JWT_ISSUERS') ?? [],
  };
}

function redisOf(reading: Reading): Config['redis'] {
  const given = {
    location: reading.value('REDIS_URL'),
    isCluster: reading.required('REDIS_CLUSTER'),
    sentinelPassword: reading.value('REDIS_SENTINEL_PASSWORD'),
    caFile: reading.value('REDIS_CA_FILE'),
    certFile: reading.value('REDIS_CERT_FILE'),
    keyFile: reading.value('REDIS_KEY_FILE'),
  };
  const { location } = given;
  const [prefix, isChecked] = [reading.required('REDIS_PREFIX'), reading.required('REDIS_CHECKS')];
  return location && { address: addressOf({ ...given, location }, reading.faults), prefix, isChecked };
}

function tlsOf(reading: Reading): Config['tls'] {
  const [certFile, keyFile] = [reading.value('TLS_CERT_FILE'), reading.value('TLS_KEY_FILE')];
  return certFile && keyFile ? { certFile, keyFile } : null;
}

function ratesOf(reading: Reading, { maxQueryCost, maxConnectionsPerUser }: VariableSettings): Rates | null {
  if (!reading.required('RATE_LIMIT_ENABLED')) return null;
  return readRates((name) => reading.required(name), { maxQueryCost, connectionsPerUser: maxConnectionsPerUser });
}

/** Faults of combinations of variables. `given`: the environment without secrets from files. */
function faultsTogether(config: Config, environment: Environment, given: Environment): string[] {
  const { isProduction, jwt } = config;
  const takes = (name: Name): string => `${name}: takes ${VARIABLES[name].takes}`;
  const checks: readonly (readonly [boolean, string])[] = [
    [
      isProduction && !KEYS.some((name) => given[name]),
      `${takes('JWT_SECRET')}; production needs it, JWT_JWKS_URL or JWT_ISSUERS.`,
    ],
    [
      jwt.issuer === SESSION_ISSUER,
      `JWT_ISSUER: takes any text but ${SESSION_ISSUER}, which issues the tokens of sessions.`,
    ],
    [isProduction && config.allowedOrigins.includes('*'), `${takes('ALLOWED_ORIGINS')}.`],
    [
      !environment['TLS_CERT_FILE'] !== !environment['TLS_KEY_FILE'],
      'TLS_CERT_FILE: takes a file, together with TLS_KEY_FILE.',
    ],
    [
      config.clientTimeoutMs <= config.heartbeatIntervalMs,
      'CLIENT_TIMEOUT: takes more than HEARTBEAT_INTERVAL: a healthy socket is silent between two pings.',
    ],
    [config.adminPort !== null && config.adminPort > 0 && config.adminPort === config.port, `${takes('ADMIN_PORT')}.`],
    [
      config.workers > 1 && !environment['REDIS_URL'],
      'WORKERS: takes 1 without REDIS_URL: the embedded engine belongs to one process.',
    ],
  ];
  return checks.flatMap(([isFault, fault]) => (isFault ? [fault] : []));
}

/**
 * The configuration of an environment.
 *
 * @throws {ConfigError} with all faults.
 */
export function readConfig(given: Environment): Config {
  const faults: string[] = [];
  const environment = withSecretFiles(given, faults);
  const reading = new Reading(environment, faults);
  for (const name of Object.keys(SECRET_FILE_VARIABLES) as (keyof typeof SECRET_FILE_VARIABLES)[]) reading.value(name);
  const isProduction = reading.value('NODE_ENV') === 'production';
  const settings = reading.settings();
  const config: Config = {
    ...settings,
    isProduction,
    jwt: jwtOf(reading),
    redis: redisOf(reading),
    rates: ratesOf(reading, settings),
    hasConsole: reading.value('CONSOLE') ?? !isProduction,
    allowedOrigins: reading.value('ALLOWED_ORIGINS') ?? [],
    tls: tlsOf(reading),
    sessions: {
      accessTokenMs: reading.required('ACCESS_TOKEN_LIFETIME'),
      idleMs: reading.required('SESSION_IDLE'),
      maxAgeMs: reading.required('SESSION_MAX_AGE'),
    },
    warnings: misspelt(Object.keys(environment)),
  };
  faults.push(...faultsTogether(config, environment, given));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}
