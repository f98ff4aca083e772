/** Sessions and their tokens. */
import type { DeviceId, SessionId, UserId } from './ids.ts';
import type { TopicClaims } from './viewer.ts';

export interface SessionRecord {
  readonly id: SessionId;
  readonly userId: UserId;
  readonly deviceId: DeviceId;
  readonly deviceName: string | null;
  readonly userAgent: string | null;
  /** The scope of its access tokens, space-separated. */
  readonly scope: string;
  /** The topic claims of its access tokens. */
  readonly topics: TopicClaims;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** SHA-256 of the refresh token's secret, base64url. */
  readonly currentHash: string;
  /** The hash of the previous secret; empty at first. */
  readonly previousHash: string;
  /** The nonce with which the current secret was derived from the previous one. */
  readonly nonce: string;
  readonly rotatedAt: number;
  /** The hashes of the secrets before the previous one, latest last. */
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
