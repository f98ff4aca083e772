/** Sessions, and the tokens they go by. */
import type { DeviceId, SessionId, UserId } from './ids.ts';
import type { TopicClaims } from './viewer.ts';

export interface SessionRecord {
  readonly id: SessionId;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly deviceName: string | null;
  readonly userAgent: string | null;
  /** Of its access tokens, space-separated. */
  readonly scope: string;
  /** Of its access tokens. */
  readonly topics: TopicClaims;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** SHA-256 of the refresh token's secret, base64url. */
  readonly currentHash: string;
  /** Of the one before it; empty at first. */
  readonly previousHash: string;
  /** The nonce from which the current secret was derived from its predecessor. */
  readonly nonce: string;
  readonly rotatedAt: number;
  /** Of those before the previous one, latest last. */
  readonly usedHashes: readonly string[];
  /** Counts writes, from 1. */
  readonly version: number;
}

export interface SessionTokens {
  readonly session: SessionRecord;
  readonly accessToken: string;
  readonly accessTokenExpiresAt: number;
  readonly refreshToken: string;
  readonly refreshTokenExpiresAt: number;
}

export interface SessionLifetimes {
  /** The lifetime of one access token. */
  readonly accessTokenMs: number;
  /** A session ends after this time without a refresh, … */
  readonly idleMs: number;
  /** … and after this time in any case. */
  readonly maxAgeMs: number;
}
