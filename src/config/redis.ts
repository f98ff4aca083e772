/** The variables of Redis: its address, the credentials, and TLS. */
import { anyText, file, flag, variable } from './values.ts';

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** The parts of `REDIS_URL`. */
export interface RedisLocation {
  /** `sentinel`: the hosts are sentinels, which name the primary of `group`. */
  readonly kind: 'single' | 'cluster' | 'sentinel';
  /** The single server, the seeds of a cluster, or the sentinels. */
  readonly hosts: readonly RedisHost[];
  /** Empty without sentinels. */
  readonly group: string;
  readonly username: string;
  readonly password: string;
  readonly database: number;
  readonly isEncrypted: boolean;
}

/** The location and the other settings of a connection. Files are read at each start. */
export interface RedisAddress extends RedisLocation {
  readonly sentinelPassword: string | null;
  /** A private CA; null: those that the system trusts. */
  readonly caFile: string | null;
  /** A client's certificate and its key. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

const URLS =
  'redis:// or rediss:// URLs, comma-separated, or redis+sentinel://host:port,…/group; with a database, its number';

/** The URL standard allows one host; this pattern accepts several. */
const SENTINELS = /^(redis|rediss)\+sentinel:\/\/(?:([^@/]*)@)?([^@/]+)\/([\w.:-]+)(\/[^/]*)?$/;

const databaseOf = (path: string): number | undefined => {
  const [, digits] = /^\/?(\d{0,4})$/.exec(path) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

/** Undefined for invalid percent-encoding. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Null when it is not a URL of Redis. */
function parsed(
  value: string,
  defaultPort: number,
): (Omit<RedisLocation, 'kind' | 'group' | 'hosts'> & RedisHost) | null {
  if (!URL.canParse(value)) return null;
  const url = new URL(value);
  const [host, username, password] = [url.hostname, url.username, url.password].map(decoded);
  const database = databaseOf(url.pathname);
  if (!host || username === undefined || password === undefined || database === undefined) return null;
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.search || url.hash) return null;
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || defaultPort),
    username,
    password,
    database,
    isEncrypted: url.protocol === 'rediss:',
  };
}

function parseSentinels(value: string): RedisLocation | undefined {
  const [, scheme, credentials, hosts = '', group = '', path = ''] = SENTINELS.exec(value) ?? [];
  if (scheme === undefined) return undefined;
  const urls = hosts
    .split(',')
    .map((host) => `${scheme}://${credentials ? `${credentials}@` : ''}${host.trim()}${path}`);
  return together(urls, 26_379, 'sentinel', group);
}

/** The location that these URLs share. They may differ in the host only, and one of them may contain the password. */
function together(
  urls: readonly string[],
  defaultPort: number,
  kind: RedisLocation['kind'],
  group: string,
): RedisLocation | undefined {
  const all = urls.map((url) => parsed(url.trim(), defaultPort)).filter((url) => url !== null);
  const [first] = all;
  const isAlike = all.every(
    ({ isEncrypted, database }) => isEncrypted === first?.isEncrypted && database === first?.database,
  );
  if (!first || all.length < urls.length || !isAlike) return undefined;
  const { username, password } = all.find((url) => url.password !== '') ?? first;
  const { database, isEncrypted } = first;
  const hosts = all.map(({ host, port }) => ({ host, port }));
  return { kind, hosts, group, username, password, database, isEncrypted };
}

/** Undefined when the text does not locate a Redis. A cluster has only database 0. */
export function parseRedisUrl(value: string): RedisLocation | undefined {
  if (/^\w+\+sentinel:/.test(value)) return parseSentinels(value);
  const urls = value.split(',');
  const location = together(urls, 6_379, urls.length > 1 ? 'cluster' : 'single', '');
  return location?.kind === 'cluster' && location.database > 0 ? undefined : location;
}

/** In the order of the table in docs/configuration.md. */
export const REDIS_VARIABLES = {
  REDIS_URL: variable('address of Redis; unset: the embedded engine is used', URLS, null, parseRedisUrl),
  REDIS_CLUSTER: variable('the single URL in `REDIS_URL` is a node of a cluster', '`true` or `false`', 'false', flag),
  REDIS_CA_FILE: variable(
    'CA certificate that verifies the certificates of Redis and its sentinels',
    'a file',
    null,
    file,
  ),
  REDIS_CERT_FILE: variable('client certificate for Redis', 'a file', null, file),
  REDIS_KEY_FILE: variable('private key of that certificate', 'a file', null, file),
  REDIS_SENTINEL_PASSWORD: variable('the password of the sentinels', 'any text', null, anyText),
  REDIS_PREFIX: variable(
    'prefix of every key and channel in Redis',
    '1 to 32 of `A-Z a-z 0-9 . _ : -`',
    'rt',
    (value) => (/^[\w.:-]{1,32}$/.test(value) ? value : undefined),
  ),
  REDIS_CHECKS: variable(
    'reaction to a Redis setting that breaks a guarantee',
    '`enforce`: the start is refused, and readiness fails while the setting lasts; or `warn`: a warning is logged',
    'enforce',
    (value) => ({ enforce: true, warn: false })[value],
  ),
} as const;

interface Given extends Omit<RedisAddress, keyof RedisLocation> {
  readonly location: RedisLocation;
  /** Whether one URL is the seed of a cluster. */
  readonly isCluster: boolean;
}

export function addressOf({ location, isCluster, ...tls }: Given, faults: string[]): RedisAddress {
  const { kind, database } = location;
  if (isCluster && (kind === 'sentinel' || database > 0)) {
    faults.push(
      'REDIS_CLUSTER: takes false with sentinels, and with a database number: a cluster has only database 0.',
    );
  }
  if ((tls.certFile === null) !== (tls.keyFile === null)) {
    faults.push('REDIS_CERT_FILE: takes a file, together with REDIS_KEY_FILE.');
  }
  return { ...location, ...tls, kind: isCluster ? 'cluster' : kind };
}
