/**
 * The shared secret that authenticates a gateway. Only this file checks it.
 *
 * A router hides HTTP statuses and close codes from its clients. So every transport reports errors to an authenticated
 * gateway inside the operation.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { textOfConnectionInit } from './token-location.ts';

/** The trust in a caller, decided by the secret that the caller sent. */
export interface Standing {
  /** The caller sent a valid secret. */
  readonly isProven: boolean;
  /** The caller may use the fields for gateways: it is proven, or no secret is configured. */
  readonly isTrusted: boolean;
}

/** Checks the secret that a caller sent, in constant time. A value that is not a string counts as no secret. */
export type StandingOf = (given: unknown) => Standing;

// Shared objects, since each socket holds one while it is open.
const PROVEN: Standing = { isProven: true, isTrusted: true };
const TRUSTED: Standing = { isProven: false, isTrusted: true };
const NEITHER: Standing = { isProven: false, isTrusted: false };

const HEADER = 'router-authorization';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export function createStandingOf(secrets: readonly string[]): StandingOf {
  const known = secrets.map(digest);
  return (given) => {
    const offered = digest(typeof given === 'string' ? given : '');
    const isProven = known.map((secret) => timingSafeEqual(secret, offered)).includes(true);
    return isProven ? PROVEN : known.length === 0 ? TRUSTED : NEITHER;
  };
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** From the headers of a request, or of an upgrade. */
export const secretOfHeaders = (headers: Headers): unknown => headers[HEADER];

/** From a `connection_init` payload, where routers put headers, or else the header of the upgrade. */
export const secretOfConnectionInit = (payload: unknown, ofUpgrade: unknown): unknown =>
  textOfConnectionInit(payload, 'Router-Authorization', HEADER) ?? ofUpgrade;
