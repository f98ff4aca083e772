/** Refreshes a session: its refresh token is rotated, and a token used twice ends it. */
import type { Clock } from '../clock.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Meter, SessionRecord, SessionTokens, Viewer } from '../model.ts';
import {
  decodeRefreshToken,
  hashOf,
  isKnown,
  isRecent,
  isSameDigest,
  newSecret,
  notGood,
  successorOf,
} from './refresh-token.ts';
import { type TokensOf, viewerOf } from './session-tokens.ts';
import type { StoredSessions } from './stored-sessions.ts';

export interface SessionRefreshParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly stored: StoredSessions;
  readonly tokensOf: TokensOf;
}

export type RefreshSession = (
  refreshToken: string,
  meter: Meter,
) => Promise<SessionTokens & { readonly viewer: Viewer }>;

export function createRefreshSession({ clock, log, stored, tokensOf }: SessionRefreshParts): RefreshSession {
  /** The effect of a presented secret on a session: its successor, or its end. */
  function rotate(session: SessionRecord, secret: string, nonce: string): Partial<SessionRecord> | null {
    const presented = hashOf(secret);
    const now = clock.now();
    if (session.revokedAt !== null) return null;
    if (isSameDigest(presented, session.currentHash)) {
      return {
        currentHash: hashOf(successorOf(secret, nonce)),
        previousHash: presented,
        nonce,
        rotatedAt: now,
        lastSeenAt: now,
        expiresAt: stored.endOf(session.createdAt, now),
        usedHashes: [...session.usedHashes, session.previousHash].slice(-LIMITS.usedRefreshTokens),
      };
    }
    if (isSameDigest(presented, session.previousHash) && now - session.rotatedAt <= TIMES.refreshLeewayMs) return null;
    return isKnown(session, secret) ? { revokedAt: now } : null;
  }

  return async (refreshToken, meter) => {
    const { tenant, userId, id, secret } = decodeRefreshToken(refreshToken);
    const nonce = newSecret();
    let isEnded = false;
    let isCounted = false;
    const session = await stored.change(tenant, userId, id, (known) => {
      // Counted only for the holder of the session's token, so that nobody else uses up the user's rate.
      if (!isCounted && isRecent(known, secret)) meter.of(viewerOf(tenant, known, known.expiresAt)).count('session');
      isCounted = true;
      const changes = rotate(known, secret, nonce);
      isEnded = changes?.revokedAt !== undefined;
      return changes;
    });
    // Logged once, since the holder of the token may retry it any number of times.
    if (isEnded) log.warn({ tenant, user: userId, session: id }, 'refresh token used twice: its session has ended');
    if (session && session.revokedAt !== null && isKnown(session, secret)) throw notGood('REVOKED');
    if (!session || session.revokedAt !== null) throw notGood();
    const next = successorOf(secret, session.nonce);
    // Another rotation was faster, or the secret never belonged to this session.
    if (!isSameDigest(hashOf(next), session.currentHash)) throw notGood();
    const tokens = await tokensOf(tenant, session, next);
    return { ...tokens, viewer: viewerOf(tenant, session, tokens.accessTokenExpiresAt) };
  };
}
