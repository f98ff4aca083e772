/**
 * Refresh tokens, each used once.
 *
 * A token names its session and holds 256 random bits, of which the engine stores a hash only. The next token is
 * derived from the bits of the presented one and a stored nonce. So a client that repeats its last call gets the same
 * tokens again, which nobody can derive from the stored data alone. The use of an older token ends the session, since two
 * parties have it (RFC 9700 section 4.14).
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type RefusalReason, type ServiceError, unauthenticated } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { isIdentifier, isUserId, type SessionId, type SessionRecord, type TenantId, type UserId } from '../model.ts';

export interface RefreshToken {
  readonly tenant: TenantId;
  readonly userId: UserId;
  readonly id: SessionId;
  readonly secret: string;
}

const PREFIX = 'rt1';
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
export const newSecret = (): string => randomBytes(32).toString('base64url');
export const successorOf = (secret: string, nonce: string): string =>
  createHmac('sha256', secret).update(nonce).digest('base64url');
export const isSameDigest = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

export function encodeRefreshToken({ tenant, userId, id, secret }: RefreshToken): string {
  return `${PREFIX}.${Buffer.from(JSON.stringify([tenant, userId, id])).toString('base64url')}.${secret}`;
}

export function notGood(reason: RefusalReason = 'INVALID'): ServiceError {
  return unauthenticated(reason, 'The refresh token is not valid.');
}

/** @throws {ServiceError} UNAUTHENTICATED for an invalid token. */
export function decodeRefreshToken(refreshToken: string): RefreshToken {
  const [prefix, place = '', secret = '', ...rest] = refreshToken.slice(0, LIMITS.tokenBytes).split('.');
  if (prefix !== PREFIX || rest.length > 0 || !/^[\w-]{43}$/.test(secret)) throw notGood();
  try {
    const ids: unknown = JSON.parse(Buffer.from(place, 'base64url').toString());
    if (!Array.isArray(ids) || ids.length !== 3 || !ids.every((id) => typeof id === 'string')) throw notGood();
    const [tenant, userId, id] = ids as [string, string, string];
    if (!isIdentifier(tenant) || !isUserId(userId) || !isIdentifier(id)) throw notGood();
    return { tenant: tenant as TenantId, userId, id: id as SessionId, secret };
  } catch {
    throw notGood();
  }
}

/** Whether a secret is or was this session's. */
export function isKnown({ currentHash, previousHash, usedHashes }: SessionRecord, secret: string): boolean {
  const presented = hashOf(secret);
  return [currentHash, previousHash, ...usedHashes].some((known) => isSameDigest(known, presented));
}

/** Whether a secret is the current or the previous one of the session. */
export function isRecent({ currentHash, previousHash }: SessionRecord, secret: string): boolean {
  const presented = hashOf(secret);
  return isSameDigest(presented, currentHash) || isSameDigest(presented, previousHash);
}
