/** Messages for faults of Redis at the start. Each names the setting to check. */

/** Ends the start, since waiting does not help and starting would do harm. */
export class StartRefused extends Error {}

/** The start waits, since an operator may correct it meanwhile. The message begins with the setting. */
export class StartFault extends Error {}

/** The server, and the setting with its password. */
export interface Where {
  readonly at: string;
  readonly login: 'REDIS_URL' | 'REDIS_SENTINEL_PASSWORD';
}

type Words = (where: Where, message: string) => string;

const untrusted: Words = ({ at }) =>
  `REDIS_CA_FILE: the certificate of ${at} is from a CA that is not trusted; set this to the CA's file.`;
const unreachable: Words = ({ at }, message) => `REDIS_URL: ${at} cannot be reached (${message}).`;
const nameless: Words = ({ at }, message) => `REDIS_URL: the host of ${at} is not found (${message}).`;
const ended: Words = ({ at }, message) => `REDIS_URL: the certificate of ${at} is not valid now (${message}).`;

export const untrusting = (at: string): string =>
  `REDIS_CERT_FILE: ${at} does not trust the certificate of this service.`;

/** By the code of an error of Node. */
const CODES: Readonly<Record<string, Words>> = {
  ENOTFOUND: nameless,
  EAI_AGAIN: nameless,
  ECONNREFUSED: ({ at }) => `REDIS_URL: nothing listens at ${at}.`,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: ended,
  CERT_NOT_YET_VALID: ended,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ at }) => `REDIS_URL: the certificate of ${at} is for another name.`,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ({ at }) => `REDIS_CERT_FILE: ${at} wants a certificate of this service.`,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: ({ at }) => `REDIS_CERT_FILE: ${at} wants a certificate of this service.`,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ({ at }) => untrusting(at),
};

const wrongLogin: Words = ({ at, login }) => `${login}: ${at} does not accept this user and password.`;

/** By the first word of a server's error reply. */
const REPLIES: Readonly<Record<string, Words>> = {
  WRONGPASS: wrongLogin,
  NOAUTH: ({ at, login }) => `${login}: ${at} wants a password.`,
  LOADING: ({ at }) => `REDIS_URL: ${at} is loading its data.`,
  READONLY: ({ at }) => `REDIS_URL: ${at} is a replica, which takes no writes.`,
  MASTERDOWN: ({ at }) => `REDIS_URL: ${at} is a replica whose primary is away.`,
  CLUSTERDOWN: ({ at }) => `REDIS_URL: the cluster of ${at} does not serve all slots.`,
};

/** By a phrase in a server's error reply. */
const PHRASES: readonly (readonly [phrase: string, words: Words])[] = [
  ['max number of clients', ({ at }) => `REDIS_URL: ${at} takes no more clients (maxclients).`],
  ['cluster support disabled', ({ at }) => `REDIS_CLUSTER: takes false, since ${at} is not a node of a Redis Cluster.`],
  ['as reply type byte', ({ at }) => `REDIS_URL: the server at ${at} is not Redis.`],
];

/** A command that the user of `REDIS_URL` has no right to. */
export const forbidden = (command: string, message: string): string =>
  `REDIS_URL: its user may not run ${command} (${message}).`;

/** A missing right; undefined for any other error. */
export function forbiddenBy(command: string, { message }: Error): StartFault | undefined {
  return message.startsWith('NOPERM') ? new StartFault(forbidden(command, message)) : undefined;
}

/** Null: the error alone does not say what is wrong. */
export function describe(error: Error, where: Where): string | null {
  if (error instanceof StartFault) return error.message;
  const { code = '' } = error as NodeJS.ErrnoException;
  const [word = ''] = error.message.split(' ', 1);
  const words = CODES[code] ?? REPLIES[word] ?? PHRASES.find(([phrase]) => error.message.includes(phrase))?.[1];
  return words?.(where, code || error.message) ?? null;
}
